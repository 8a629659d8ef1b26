"""A schedule inside AWS, from EventBridge Scheduler to the message, on the embedded AWS.

CodeBuild is known to the embedded AWS by name only: a function stands in for the build, and what
the build runs is run here.
"""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import lambdatuning as lt
from lambdatuning.cloud.session import Cloud, connect
from lambdatuning.cloud.stack.status import find
from lambdatuning.core.errors import UsageError
from lambdatuning.local import endpoint
from lambdatuning.schedules import deployed
from lambdatuning.schedules.printed import render
from lambdatuning.schedules.schedule import Schedule
from tests.cli.conftest import environment
from tests.journeys.functions import TUNED, make_function

from .notebooks import small_notebook

ROLE = "arn:aws:iam::000000000000:role/any"
REPORTER = """
import boto3, json
def handler(event, context):
    s3 = boto3.client("s3")
    verdict = json.loads(s3.get_object(Bucket=event["bucket"], Key="verdict.json")["Body"].read())
    if not verdict:
        raise ValueError("no report today")
    s3.put_object(Bucket=event["bucket"], Key=event["reports"] + "verdict.json",
                  Body=json.dumps(verdict))
"""


@dataclass(frozen=True)
class Deployed:
    """A deployed schedule, and a queue that hears what its topic says."""

    cloud: Cloud
    environment: dict[str, str]
    main: dict[str, str]
    outputs: dict[str, str]
    queue: str
    reporter: str
    function: str = "measured"
    """What is measured each night: small, as every night starts it."""

    @property
    def bucket(self) -> str:
        return self.main["SamplesBucket"]

    def says(self, verdict: dict[str, Any]) -> None:
        """What the next report finds; {} makes it fail."""
        body = json.dumps(verdict).encode()
        self.cloud.client("s3").put_object(Bucket=self.bucket, Key="verdict.json", Body=body)

    def night(self) -> dict[str, Any]:
        """Start one now, and wait for its end."""
        states = self.cloud.client("stepfunctions")
        started = states.start_execution(stateMachineArn=self.outputs["NightlyArn"], input="{}")
        return self.ended(started["executionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        states = self.cloud.client("stepfunctions")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            execution: dict[str, Any] = states.describe_execution(executionArn=arn)
            if execution["status"] != "RUNNING":
                return execution
            time.sleep(0.2)
        raise AssertionError(f"{arn} does not end")

    def messages(self) -> list[tuple[str, str]]:
        """Subject and text of what was said since the last time."""
        sqs = self.cloud.client("sqs")
        response = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        bodies = []
        for message in response.get("Messages", ()):
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            body = json.loads(message["Body"])
            bodies.append((body["Subject"], body["Message"]))
        return bodies

    def read(self, key: str) -> str:
        body = self.cloud.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"]
        return str(body.read().decode())

    def keys(self, prefix: str) -> list[str]:
        pages = self.cloud.client("s3").get_paginator("list_objects_v2")
        listing = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in listing for entry in page.get("Contents", ())]


def schedule(function: str, **more: Any) -> Schedule:
    return Schedule(
        function=function,
        payloads=('{"operation": "ping"}',),
        options={"powers": "256", "num": "2", "environments": "1", "max-regression": "8"},
        at="02:30",
        timezone="Europe/Berlin",
        **more,
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Deployed]:
    with endpoint.start() as served, pytest.MonkeyPatch.context() as patch:
        for name, value in served.environment.items():
            patch.setenv(name, value)
        cloud = connect()
        main = lt.deploy(cloud)
        reporter = made_reporter(cloud)
        make_function(cloud, Deployed.function, source=TUNED)
        outputs = deployed.deploy(
            cloud, schedule(Deployed.function), parameters={"ReportFunctionArn": reporter}
        )
        sqs, sns = cloud.client("sqs"), cloud.client("sns")
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(TopicArn=outputs["TopicArn"], Protocol="sqs", Endpoint=arn["QueueArn"])
        yield Deployed(cloud, dict(served.environment), main, outputs, queue, reporter)


def made_reporter(cloud: Cloud) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", REPORTER)
    made = cloud.client("lambda").create_function(
        FunctionName="reporter",
        Runtime="python3.13",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": packed.getvalue()},
        Timeout=30,
    )
    return str(made["FunctionArn"])


def verdict(kind: str, reason: str) -> dict[str, Any]:
    finding = {"kind": kind, "text": "ping takes 10.4 % longer at 256 MB"}
    return {"kind": kind, "reason": reason, "findings": [finding]}


def test_the_scheduler_starts_a_night_that_tells_of_a_regression(running: Deployed) -> None:
    scheduler, states = running.cloud.client("scheduler"), running.cloud.client("stepfunctions")
    running.says(verdict("worse", "duration of ping grew by 10.4 %"))
    made = scheduler.get_schedule(Name=running.outputs["ScheduleName"])
    assert made["ScheduleExpression"] == "cron(30 2 * * ? *)"
    # The same target at a time that has come.
    scheduler.create_schedule(
        Name="tonight",
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=made["Target"],
    )
    bodies: list[dict[str, Any]] = []
    deadline = time.monotonic() + 120
    while not bodies and time.monotonic() < deadline:
        time.sleep(0.5)
        bodies = states.list_executions(stateMachineArn=running.outputs["NightlyArn"])["executions"]
    (execution,) = bodies
    ended = running.ended(execution["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended
    night = json.loads(ended["output"])
    assert night["affordable"]
    runs = lt.runs(f"s3://{running.bucket}/runs", cloud=running.cloud)
    assert list(runs.frame["run_id"]) == [night["runId"]]
    assert runs[-1].samples["payload"].eq("event").all()
    assert runs[-1].samples["error"].eq("").all()
    name = running.function
    assert running.messages() == [
        (
            f"lambdatuning: {name} worse"[:100],
            "Duration of ping grew by 10.4 %.\nping takes 10.4 % longer at 256 MB\n"
            f"Reports: s3://{running.bucket}/{night['reports']}index.html",
        )
    ]


def test_how_much_worse_a_run_may_be_goes_into_the_stack(running: Deployed) -> None:
    name = deployed.stack_name(schedule(running.function))
    (stack,) = running.cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    given = {
        parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]
    }
    assert given["MaxRegressionPercent"] == "8"


def test_a_night_without_a_change_is_quiet(running: Deployed) -> None:
    running.says(verdict("fine", "nothing got worse"))
    assert running.night()["status"] == "SUCCEEDED"
    assert running.messages() == []


def test_a_report_that_fails_is_told_and_fails_the_night(running: Deployed) -> None:
    running.says({})
    assert running.night()["status"] == "FAILED"
    ((subject, message),) = running.messages()
    assert subject.endswith(" failed")
    assert "no report today" in message


def test_what_the_build_runs_keeps_reports_by_date_with_latest_and_index(
    running: Deployed, tmp_path: Path
) -> None:
    """Of a notebook that reads the night's run; the project's own are tested for themselves."""
    zipfile.ZipFile(io.BytesIO(deployed.kit().data)).extractall(tmp_path)
    for notebook in (tmp_path / "notebooks").glob("*.ipynb"):
        notebook.unlink()
    code = "import lambdatuning as lt\nprint(lt.__file__, len(lt.load(store, runs).samples))"
    small_notebook(tmp_path / "notebooks", code=code)
    newest = lt.runs(f"s3://{running.bucket}/runs", cloud=running.cloud)[-1]
    name = running.function
    given = {
        "RUN_ID": newest.run_id,
        "SAMPLES": running.bucket,
        "FUNCTION": name,
        "DAY": "2026-11-28",
        "MAX_REGRESSION": "5",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": "",
    }
    done = subprocess.run(
        ["bash", "report.sh"],
        cwd=tmp_path,
        env=environment({**running.environment, **given}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    keys = set(running.keys(f"reports/{name}/"))
    dated = f"reports/{name}/2026/11/28/{newest.run_id}"
    for file in ("small.html", "small.ipynb", "index.html", "verdict.json"):
        assert {f"{dated}/{file}", f"reports/{name}/latest/{file}"} <= keys
    assert f"reports/{name}/index.html" in keys
    assert json.loads(running.read(f"{dated}/verdict.json"))["run_id"] == newest.run_id
    executed = json.loads(running.read(f"{dated}/small.ipynb"))
    package = tmp_path / "lambdatuning" / "__init__.py"
    (output,) = executed["cells"][-1]["outputs"]
    assert "".join(output["text"]) == f"{package} {len(newest.samples)}\n"


def test_the_line_of_the_printed_workflow_really_measures_reports_and_compares(
    running: Deployed, tmp_path: Path
) -> None:
    name = running.function
    printed = schedule(name)
    notebook = small_notebook(tmp_path)
    printed = replace(printed, options={**printed.options, "notebook": str(notebook)})
    files = render("github", printed)
    workflow = yaml.safe_load(files[f".github/workflows/{printed.name}.yml"])
    (line,) = [s["run"] for s in workflow["jobs"]["night"]["steps"] if s.get("id") == "night"]
    command = tmp_path / "bin" / "lambdatuning"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lambdatuning "$@"\n')
    command.chmod(0o755)
    given = {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }
    done = subprocess.run(
        ["bash", "-e", "-c", line],
        cwd=tmp_path,
        env=environment({**running.environment, **given}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Two samples tell nothing: that is a warning, never "fine".
    assert "::warning title=lambdatuning" in done.stderr
    assert "cannot tell" in (tmp_path / "summary.md").read_text("utf-8")
    assert "verdict<<" in (tmp_path / "output").read_text("utf-8")
    assert (tmp_path / "reports" / name / "latest" / "small.html").exists()


def test_a_night_that_costs_too_much_invokes_nothing_and_is_told(running: Deployed) -> None:
    before = running.keys("runs/")
    deployed.deploy(
        running.cloud,
        schedule(running.function),
        parameters={"ReportFunctionArn": running.reporter, "MaxUsd": "0.0000001"},
    )
    assert running.night()["status"] == "FAILED"
    ((_, message),) = running.messages()
    assert message.startswith("TooExpensive: tonight's run is estimated at $0.0")
    assert "nothing was invoked" in message
    assert running.keys("runs/") == before


def test_a_schedule_that_could_never_afford_a_night_is_refused(running: Deployed) -> None:
    with pytest.raises(UsageError, match=r"more than --max-usd 0\.0000001"):
        deployed.deploy(running.cloud, schedule(running.function, max_usd="0.0000001"))


def test_a_benchmark_s_items_are_there_for_the_night_alone(running: Deployed) -> None:
    """The stack's own function with a type that reads an item, which is put and taken away."""
    plan = Schedule(payloads=("read",), options={"powers": "256", "num": "2", "environments": "1"})
    outputs = deployed.deploy(
        running.cloud, plan, parameters={"ReportFunctionArn": running.reporter}
    )
    running.says(verdict("better", "ping is faster"))
    states = running.cloud.client("stepfunctions")
    started = states.start_execution(stateMachineArn=outputs["NightlyArn"], input="{}")
    ended = running.ended(started["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended
    run = lt.runs(f"s3://{running.bucket}/runs", cloud=running.cloud)[-1]
    assert set(run.samples["payload"]) == {"read"}
    assert run.samples["error"].eq("").all()
    items = running.cloud.client("dynamodb").scan(TableName=running.main["TableName"])["Items"]
    assert items == []
    lt.destroy(running.cloud, deployed.stack_name(plan))


def test_it_is_removed_and_the_tuner_and_the_reports_stay(running: Deployed) -> None:
    name = deployed.stack_name(schedule(running.function))
    lt.destroy(running.cloud, name)
    assert find(running.cloud, name) is None
    assert find(running.cloud, "lambdatuning") is not None
    assert running.keys("reports/")
