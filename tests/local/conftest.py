"""One embedded AWS for all modules, and short ways to make and invoke functions on it."""

import base64
import contextlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambdatuning.local import endpoint
from lambdatuning.local.endpoint import LocalEndpoint
from tests.local.forked_aws import ForkedAws

ROLE = "arn:aws:iam::111122223333:role/anyone"
PYTHON = "python3.12"
NODE = "nodejs22.x"
OFTEN = {"Delay": 0.05, "MaxAttempts": 2400}
"""How boto3's waiters ask the embedded AWS: for two minutes."""
BESIDE_PYTHON = Path(sys.executable).with_name("aws")


@dataclass(frozen=True)
class Answer:
    """What Invoke gave: parsed payload, function error, log tail, request id, HTTP status."""

    payload: Any
    error: str | None
    log: str
    request_id: str

    @property
    def report(self) -> str:
        """The REPORT line."""
        return next(line for line in self.log.splitlines() if line.startswith("REPORT"))

    @property
    def duration_ms(self) -> float:
        """Duration of the REPORT line."""
        duration = re.search(r"\tDuration: ([\d.]+) ms", self.report)
        assert duration
        return float(duration[1])


@dataclass(frozen=True)
class Cloud:
    """A running endpoint with clients for it."""

    endpoint: LocalEndpoint
    numbers: Iterator[int] = field(default_factory=itertools.count)
    clients: dict[str, Any] = field(default_factory=dict, repr=False)
    made: list[str] = field(default_factory=list, repr=False)

    def client(self, service: str) -> Any:
        """A boto3 client that does not retry and waits long; one for each service."""
        if service not in self.clients:
            self.clients[service] = self._new_client(service)
        return self.clients[service]

    def _new_client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint.url,
            region_name=self.endpoint.region,
            aws_access_key_id=self.endpoint.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.endpoint.environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
        )

    def function(self, source: str, **settings: Any) -> str:
        """Make a function of one source file; its name, which no other server on this machine has:
        tests look for processes by it."""
        name = f"f{next(self.numbers)}-{self.endpoint.process.pid}"
        file = "app.mjs" if settings.get("Runtime", PYTHON).startswith("node") else "app.py"
        given = {
            "Runtime": PYTHON,
            "Role": ROLE,
            "Handler": "app.handler",
            "MemorySize": 1024,
            "Timeout": 30,
            "Code": {"ZipFile": package({file: textwrap.dedent(source)})},
            **settings,
        }
        self.client("lambda").create_function(FunctionName=name, **given)
        self.made.append(name)
        return name

    def settle(self, name: str) -> None:
        """Wait until a function may be changed again."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            state = self.client("lambda").get_function_configuration(FunctionName=name)
            if state["State"] == "Active" and state["LastUpdateStatus"] == "Successful":
                return
            time.sleep(0.01)
        pytest.fail(f"{name} is not settled")

    def change(self, name: str, **settings: Any) -> None:
        """UpdateFunctionConfiguration, before and after which the function is settled."""
        self.settle(name)
        self.client("lambda").update_function_configuration(FunctionName=name, **settings)
        self.settle(name)

    def invoke(self, name: str, event: object = None, **settings: Any) -> Answer:
        """Invoke synchronously with the log tail."""
        payload = json.dumps(event).encode()
        response = self.client("lambda").invoke(
            FunctionName=name, Payload=payload, LogType="Tail", **settings
        )
        return Answer(
            payload=json.loads(response["Payload"].read()),
            error=response.get("FunctionError"),
            log=base64.b64decode(response.get("LogResult", "")).decode(),
            request_id=response["ResponseMetadata"]["RequestId"],
        )

    def run(self, source: str, event: object = None, **settings: Any) -> Answer:
        """Make a function and invoke it once."""
        return self.invoke(self.function(source, **settings), event)

    def facts(self, *request_ids: str) -> list[dict[str, Any]]:
        """What the endpoint measured of these invocations."""
        query = urllib.parse.urlencode([("request_id", one) for one in request_ids])
        address = f"{self.endpoint.url}/_lambdatuning/invocations?{query}"
        with urllib.request.urlopen(address, timeout=120) as answer:
            rows: list[dict[str, Any]] = json.load(answer)
        return rows

    def events(self, group: str) -> list[dict[str, Any]]:
        """All log events of a group."""
        pages = self.client("logs").get_paginator("filter_log_events")
        return [event for page in pages.paginate(logGroupName=group) for event in page["events"]]

    def wait_for_message(self, group: str, start: str) -> str:
        """The first message of a group that begins with `start`. Fails the test without one."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(self.client("logs").exceptions.ResourceNotFoundException):
                for message in self.messages(group):
                    if message.startswith(start):
                        return message
            time.sleep(0.05)
        pytest.fail(f"nothing in {group} begins with {start!r}")

    def messages(self, group: str) -> list[str]:
        """What the events of a group say, without the newline at the end of each."""
        return [event["message"].removesuffix("\n") for event in self.events(group)]


def package(files: dict[str, str]) -> bytes:
    """A zip of text files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def missing(reason: str) -> NoReturn:
    """Skip the test; but where CI is set, nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def printed(
    command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path | None = None
) -> str:
    """What a command prints with nothing else in its environment; it must succeed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class AwsCli:
    """An AWS CLI, pointed to an endpoint alone: a program, or the one beside this interpreter."""

    environment: dict[str, str]
    runs: ForkedAws | Path

    def __call__(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run `aws` with these arguments; what it prints. Fails the test when it fails."""
        if isinstance(self.runs, Path):
            return printed([self.runs, *arguments], self.environment, cwd)
        exit_code, out, err = self.runs.run(arguments, self.environment, cwd or Path.cwd())
        assert exit_code == 0, err
        return out

    def json(self, *arguments: str) -> Any:
        """Run `aws` and parse what it prints."""
        return json.loads(self(*arguments, "--output", "json"))


@pytest.fixture(scope="session")
def node() -> None:
    """Node functions run on the local node."""
    if shutil.which("node") is None:
        missing("node is not installed; on Debian: apt-get install nodejs")


@pytest.fixture(scope="session")
def forked_aws() -> Iterator[ForkedAws]:
    assert BESIDE_PYTHON.exists(), 'the AWS CLI is missing: pip install -e ".[local,dev]"'
    with contextlib.closing(ForkedAws()) as running:
        yield running


@pytest.fixture(scope="module")
def aws(cloud: Cloud, forked_aws: ForkedAws) -> AwsCli:
    return AwsCli(cloud.endpoint.environment, forked_aws)


@pytest.fixture(scope="session")
def shared_cloud() -> Iterator[Cloud]:
    """To start a server for each module would take as long as most modules' tests."""
    with endpoint.start() as running:
        yield Cloud(running)


@pytest.fixture(scope="module")
def cloud(shared_cloud: Cloud) -> Iterator[Cloud]:
    """What a module makes on it in passing is gone at its end, with its processes."""
    yield shared_cloud
    while shared_cloud.made:
        with contextlib.suppress(ClientError):
            shared_cloud.client("lambda").delete_function(FunctionName=shared_cloud.made.pop())
