"""The stack of a schedule: what it grants, and that the tools of AWS and its critics accept it."""

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.api import ManualArgs, lint_file  # type: ignore[import-untyped]

from lambdatuning.cloud.stack.package import build, load_template, local_code, template_body
from lambdatuning.schedules.deployed import TEMPLATE, kit, requirements
from lambdatuning.workspace import resources

STACK = load_template(TEMPLATE)
RESOURCES = STACK["Resources"]
MACHINE = json.loads((TEMPLATE.parent / "nightly.asl.json").read_text("utf-8"))


def statements() -> Iterator[dict[str, Any]]:
    for resource in RESOURCES.values():
        for policy in resource["Properties"].get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def test_cfn_lint_has_nothing_to_say() -> None:
    every = ManualArgs(include_checks=["I"], include_experimental=True, ignore_checks=["I4010"])
    assert [str(match) for match in lint_file(TEMPLATE, every)] == []


def test_nothing_is_granted_on_everything() -> None:
    listed = list(statements())
    assert len(listed) >= 20
    for statement in listed:
        actions = statement["Action"]
        assert "*" not in "".join([actions] if isinstance(actions, str) else actions)
        assert statement["Resource"] != "*"


def test_the_build_writes_reports_and_nothing_else() -> None:
    (policy,) = RESOURCES["ReportRole"]["Properties"]["Policies"]
    writing = [
        s for s in policy["PolicyDocument"]["Statement"] if s.get("Action") == "s3:PutObject"
    ]
    (statement,) = writing
    assert statement["Resource"]["Fn::Sub"].endswith(":s3:::${SamplesBucket}/reports/*")


def test_the_price_is_checked_before_anything_is_invoked() -> None:
    states = MACHINE["States"]
    assert MACHINE["StartAt"] == "Prepare"
    assert states["Prepare"]["Next"] == "Affordable"
    (choice,) = states["Affordable"]["Choices"]
    assert choice == {"Condition": "{% $states.input.affordable %}", "Next": "Tune"}
    assert states["Affordable"]["Default"] == "TooExpensive"
    assert states["TooExpensive"]["Next"] == "TellFailure"
    assert [name for name, state in states.items() if state.get("Next") == "Tune"] == []


def test_every_failure_is_told_and_no_success_for_26_hours_too() -> None:
    states = MACHINE["States"]
    for name in ("Prepare", "Tune", "ReportByFunction", "ReportByBuild", "Tell"):
        (caught,) = states[name]["Catch"]
        assert caught["ErrorEquals"] == ["States.ALL"], name
        assert caught["Next"] in ("Clean", "TellFailure"), name
    assert states["Clean"]["Next"] == states["Clean"]["Catch"][0]["Next"] == "TellFailure"
    assert states["TellFailure"]["Next"] == "Failed"
    alarm = RESOURCES["NoSuccess"]["Properties"]
    assert int(alarm["Period"]) * int(alarm["EvaluationPeriods"]) == 26 * 3600
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["MetricName"] == "ExecutionsSucceeded"


def test_it_fits_in_a_request_and_its_function_is_small() -> None:
    assert len(template_body(STACK)) < 30_000
    sizes = {code.logical_id: len(build(code).data) for code in local_code(STACK, TEMPLATE.parent)}
    assert sizes.keys() == {"Nightly", "NightlyFunction"}
    assert sizes["NightlyFunction"] < 165_000


IMPORTED = """
import functions.entry
print(functions.entry._module("nightly").__file__)
"""


def test_the_function_finds_all_that_it_imports(tmp_path: Path) -> None:
    codes = local_code(STACK, TEMPLATE.parent)
    (code,) = (code for code in codes if code.logical_id == "NightlyFunction")
    zipfile.ZipFile(io.BytesIO(build(code).data)).extractall(tmp_path)
    region = {
        "AWS_REGION": "us-east-1",
        "PATH": "/usr/bin:/bin",
        "_HANDLER": "functions.entry.nightly",
    }
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        cwd=tmp_path,
        env=region,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)


def test_the_kit_has_the_package_the_notebooks_and_pinned_requirements(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(kit().data))
    names = set(archive.namelist())
    assert names >= {"lambdatuning/__init__.py", "lambdatuning/reporting/report.css", "report.sh"}
    notebooks = {f"notebooks/{path.name}" for path in resources.notebooks().path.glob("*.ipynb")}
    assert names >= notebooks
    assert kit().name == kit().name
    lines = list(requirements())
    assert {re.split("==", line)[0] for line in lines} >= {"boto3", "pandas", "papermill", "jinja2"}
    assert not any(line.startswith(("ministack", "polars", "pytest")) for line in lines)
    assert all("==" in line for line in lines)
    # From the kit alone: no checkout, no installed package of ours.
    archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "lambdatuning", "schedule", "run", "--help"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--history" in done.stdout
