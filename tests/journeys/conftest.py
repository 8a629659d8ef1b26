"""One embedded AWS with the stack deployed, for all journeys."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.analysis.run import Run
from lambdatuning.cloud.session import Cloud
from lambdatuning.core.progress import ignore
from tests.waiting import until

from .functions import TUNED, make_function


@dataclass(frozen=True)
class Place:
    """An embedded AWS with the stack, and short ways to use and to look at it."""

    cloud: Cloud
    outputs: dict[str, str]
    arn: str
    """The function that journeys tune: a small one of the user's, as most journeys start many of
    its execution environments."""

    @property
    def function(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def manager(self) -> str:
        """The stack's own function, for what needs a table."""
        return self.outputs["FunctionName"]

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def tune(self, *payloads: Any, **options: Any) -> Run:
        """A run of a grid with one environment a size: each is a process to be started."""
        given: dict[str, Any] = {
            "table": self.outputs["TableName"],
            "powers": "256,512",
            "num": 2,
            "environments": 1,
            "current": False,
        }
        given |= {"on_progress": ignore, **options}
        function = given.pop("function", self.function)
        return lt.tune(self.cloud, function, payloads, **given)

    def run(self, **given: Any) -> dict[str, Any]:
        """What a script does: start an execution with plain boto3, and wait."""
        states = self.client("stepfunctions")
        body = {"lambdaARN": self.arn, "num": 5, "environments": 1, "powerValues": [256, 512],
                "payload": {"operation": "ping"}, **given}  # fmt: skip
        arn = states.start_execution(
            stateMachineArn=self.outputs["StateMachineArn"], input=json.dumps(body)
        )["executionArn"]
        return self.ended(arn)

    def ended(self, arn: str) -> dict[str, Any]:
        states = self.client("stepfunctions")

        def result() -> dict[str, Any] | None:
            execution: dict[str, Any] = states.describe_execution(executionArn=arn)
            return None if execution["status"] == "RUNNING" else execution

        execution = until(result, "the end of the execution", every_s=0.4)
        assert execution
        return execution

    def looks(self, function: str = "", region: str | None = None) -> dict[str, Any]:
        """All of the function that a run could have changed."""
        client, name = self.cloud.client("lambda", region=region), function or self.function
        versions = client.list_versions_by_function(FunctionName=name)["Versions"]
        aliases = client.list_aliases(FunctionName=name)["Aliases"]
        (config,) = [version for version in versions if version["Version"] == "$LATEST"]
        return {
            "config": {k: config.get(k) for k in ("MemorySize", "Description", "Timeout",
                                                  "CodeSha256", "Environment")},
            "versions": sorted(v["Version"] for v in versions),
            "aliases": sorted((a["Name"], a["FunctionVersion"]) for a in aliases),
        }  # fmt: skip


@pytest.fixture(scope="package")
def place() -> Iterator[Place]:
    with lt.embedded() as cloud:
        outputs = dict(lt.deploy(cloud))
        yield Place(cloud, outputs, make_function(cloud, "tuned", source=TUNED, Timeout=30))


@pytest.fixture
def untouched(place: Place) -> Iterator[None]:
    """After the test the function is as it was before, and nothing of ours is on it."""
    before = place.looks()
    yield
    assert place.looks() == before
