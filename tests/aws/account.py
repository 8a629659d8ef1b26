"""An account on a strict embedded AWS: its owner, its switches, its users."""

import functools
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.analysis.run import Run
from lambdatuning.cloud.session import Cloud, connect
from lambdatuning.core.errors import NotFoundError
from lambdatuning.core.progress import ignore
from tests.journeys.functions import TUNED, make_function
from tests.journeys.policies import ACTIONS
from tests.waiting import until

POLICIES = Path(__file__).parents[2] / "data" / "policies"


@dataclass
class Account:
    """The account: its owner, who sees and may do all, its switches and its users."""

    owner: Cloud
    switches: Path
    url: str
    used_actions: dict[str, set[str]] = field(default_factory=dict)
    """The actions that users called, by the first of their policies."""

    @property
    def killed(self) -> str:
        """The function that was killed since the last switch, and its call; "" for none."""
        mark = self.switches.with_suffix(".killed")
        return mark.read_text() if mark.exists() else ""

    def switch(self, **switches: Any) -> None:
        """Make it strict in these ways and no other."""
        self.switches.with_suffix(".killed").unlink(missing_ok=True)
        new = self.switches.with_suffix(".new")
        new.write_text(json.dumps(switches))
        os.utime(new, ns=(time.time_ns(), time.time_ns()))
        new.replace(self.switches)

    def deployed(self) -> tuple[dict[str, str], str]:
        """The outputs of the stack, deployed if need be, and a small function to tune: runs start
        many of its execution environments."""
        name = "small"
        with suppress(NotFoundError):
            return dict(lt.status(self.owner).outputs), name
        arn = f"arn:aws:lambda:{self.owner.region}:{self.owner.account_id}:function:{name}"
        outputs = lt.deploy(self.owner, parameters={"TunableFunctionArns": arn})
        with suppress(self.owner.client("lambda").exceptions.ResourceConflictException):
            make_function(self.owner, name, source=TUNED)
        return dict(outputs), name

    def keys(self, *policies: str, **statements: list[dict[str, Any]]) -> dict[str, str]:
        """The variables of somebody with these policies of `data/policies`, statements of one's
        own, and no other right."""
        iam, name = self.owner.client("iam"), f"user-{time.time_ns()}"
        iam.create_user(UserName=name)
        documents = {policy: policy_statements(policy) for policy in policies} | statements
        for policy, document in documents.items():
            text = json.dumps({"Version": "2012-10-17", "Statement": document})
            iam.put_user_policy(UserName=name, PolicyName=policy, PolicyDocument=text)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    def user(self, *policies: str) -> Cloud:
        """A session of such a user."""
        cloud = self.by(self.keys(*policies))
        used_actions = self.used_actions.setdefault(policies[0], set())

        def record(model: Any, **_: Any) -> None:
            operation = f"{model.service_model.service_name}:{model.name}"
            used_actions.add(ACTIONS.get(operation, operation.replace("stepfunctions:", "states:")))

        cloud.session.events.register("before-parameter-build", record)
        return cloud

    def by(self, keys: dict[str, str]) -> Cloud:
        """A session with these keys."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in keys.items():
                patch.setenv(name, value)
            return connect(endpoint_url=self.url, region="us-east-1")

    def looks(self, function: str) -> dict[str, Any]:
        """All of a function that a run could have changed."""
        client = self.owner.client("lambda")
        config = client.get_function_configuration(FunctionName=function)
        versions = client.list_versions_by_function(FunctionName=function)["Versions"]
        aliases = client.list_aliases(FunctionName=function)["Aliases"]
        return {
            "memory": config["MemorySize"],
            "description": config.get("Description"),
            "versions": sorted(version["Version"] for version in versions),
            "aliases": sorted(alias["Name"] for alias in aliases),
        }

    def rests(self) -> None:
        """Wait until no execution of any tuner goes on."""
        states = self.owner.client("stepfunctions")
        machines = states.list_state_machines()["stateMachines"]
        for machine in machines:
            given = {"stateMachineArn": machine["stateMachineArn"], "statusFilter": "RUNNING"}
            until(functools.partial(_nothing_runs, states, given), "the end of every execution")


def policy_statements(name: str) -> list[dict[str, Any]]:
    """The statements of a policy of `data/policies`."""
    policy = json.loads((POLICIES / f"{name}.json").read_text("utf-8"))
    statements: list[dict[str, Any]] = policy["Statement"]
    return statements


def _nothing_runs(states: Any, given: dict[str, str]) -> bool:
    return not states.list_executions(**given)["executions"]


def tune(cloud: Cloud, function: str, store: Path, **options: Any) -> Run:
    """A small run of a grid."""
    given: dict[str, Any] = {
        "powers": "256,512",
        "current": False,
        "num": 2,
        "environments": 1,
        "store": store,
        "on_progress": ignore,
    }
    event = options.pop("event", {"operation": "ping"})
    return lt.tune(cloud, function, event, **{**given, **options})
