"""Commands that ask AWS and measure, on one embedded AWS where the stack is deployed once."""

import json
import signal
import subprocess
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pytest

import lambdatuning as lt
from lambdatuning.analysis.run import Run
from lambdatuning.cloud.run_store import FolderStore, StoredRun, save, stored_runs
from lambdatuning.core.tuning.manifest import Manifest

from ..analysis.synthetic import changed
from ..reporting.notebooks import write_notebook
from .conftest import ROOT, Shell, command, environment
from .test_bad_input import refused
from .test_history_command import night
from .test_mcp import READING, serving
from .test_schema import RECORDED, check

SMALL = ("--payload", "ping", "--no-current", "--yes", "--quiet")

ONE = ("--powers", "256")


@pytest.fixture(scope="module")
def name(deployed: Shell) -> str:
    """The function of the stack."""
    return deployed("status", "--output", "FunctionName").out.strip()


@pytest.mark.parametrize(
    ("given", "explored"),
    [
        (("--powers", "256,512"), "adaptive"),
        (("--explore", "adaptive", "--num", "4", *ONE), "adaptive"),
        (("--num", "3", *ONE), "grid"),
    ],
)
def test_tune_explores_unless_the_grid_is_asked_for(
    deployed: Shell, name: str, tmp_path: Path, given: tuple[str, ...], explored: str
) -> None:
    done = deployed("tune", name, *SMALL, *given, "--json", "--store", str(tmp_path))
    assert done.code == 0, done.err
    exploration = check("tune", done.out)["exploration"]
    assert bool(exploration and exploration["stopped"]) is (explored == "adaptive")
    assert list(lt.runs(tmp_path).frame["explored"]) == [explored]
    assert list(lt.load(tmp_path).payloads) == ["ping"]


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("tune", ("--explore", "grid", *ONE)),
        ("tune", ("--cold", "1", *ONE)),
        ("benchmark", ONE),
    ],
)
def test_a_grid_is_declined_for_its_price_before_it_is_measured(
    deployed: Shell, name: str, tmp_path: Path, command: str, given: tuple[str, ...]
) -> None:
    """An adaptive run would start, and end by its price itself."""
    words = [command, *([name] if command == "tune" else []), *SMALL, *given]
    done = deployed(*words, "--max-usd", "0.0000001", "--store", str(tmp_path))
    refused(done, 4, "the run is estimated at $0.000", "more than the $0.000000100 that")
    assert "explore adaptively, or allow more" in done.complaint
    assert lt.runs(tmp_path).frame.empty


def test_deploying_again_changes_nothing(deployed: Shell) -> None:
    before = json.loads(deployed("status", "--json").out)
    done = deployed("deploy", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == before["outputs"]


def test_one_output_alone(deployed: Shell) -> None:
    assert deployed("status", "--output", "TableName").out == "lambda-apigateway\n"
    assert "did you mean" in deployed("status", "--output", "TableNam").err


def test_doctor_prints_findings_as_data(deployed: Shell) -> None:
    done = deployed("doctor", "--json")
    assert done.code == 0
    assert {finding["severity"] for finding in json.loads(done.out)} <= {"ok", "warning"}


def test_a_function_that_does_not_exist(deployed: Shell) -> None:
    refused(deployed("tune", "nobody-knows-me", "--yes"), 1, "no function nobody-knows-me")


def test_a_state_machine_that_does_not_exist(deployed: Shell) -> None:
    arn = "arn:aws:states:us-east-1:111122223333:stateMachine:none"
    function = deployed("status", "--output", "FunctionName").out.strip()
    done = deployed("tune", function, "--yes", "--state-machine", arn)
    refused(done, 1, "no state machine", arn)


def test_an_alias_alone_is_refused(deployed: Shell, tmp_path: Path) -> None:
    done = deployed("tune", "f", "--alias", "live", "--store", str(tmp_path))
    assert done.code == 2
    assert "--auto-optimize" in done.err


def test_a_benchmark_as_data(deployed: Shell, tmp_path: Path) -> None:
    types = ("--payload", "ping", "--payload", "delete")
    few = ("--powers", "256,1024", "--no-current", "--num", "1")
    done = deployed("benchmark", *types, *few, "--yes", "--json", "--store", str(tmp_path))
    assert done.code == 0, done.err
    data = check("benchmark", done.out)
    assert data["overhead"] == pytest.approx(data["wall_ms"] / data["billed_ms_critical_path"])
    assert {row["payload"] for row in data["recommendations"]} >= {"ping", "delete"}
    assert (Path(data["stored_in"]) / "_manifest.json").is_file()
    machine = deployed("status", "--output", "StateMachineArn").out.strip()
    past = check("executions", deployed("executions", machine, "--limit", "1", "--json").out)
    assert [(row["execution"], row["status"]) for row in past] == [(data["run_id"], "SUCCEEDED")]
    assert deployed("executions", machine).out.count(data["run_id"]) == 1
    listed = check("runs", deployed("runs", "--store", str(tmp_path), "--json").out)
    assert [run["run_id"] for run in listed] == [data["run_id"]]


def test_ctrl_c_leaves_nothing_behind(deployed: Shell, tmp_path: Path) -> None:
    types = ("--payload", "delete", "--payload", "digest")
    many = ("--powers", "128", "--no-current", "--num", "20", "--environments", "1")
    process = subprocess.Popen(
        command("benchmark", *types, *many, "--yes", "--store", str(tmp_path)),
        cwd=ROOT,
        env=environment(deployed.given),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("measuring") and "MB" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "stopped" in err.splitlines()[-1]
    assert not list(tmp_path.rglob("*.json"))
    _nothing_of_ours(deployed)


def _nothing_of_ours(shell: Shell) -> None:
    outputs = json.loads(shell("status", "--json").out)["outputs"]
    keys = dict(shell.given)
    session = boto3.Session(
        keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name=keys["AWS_REGION"]
    )
    url, name = keys["AWS_ENDPOINT_URL"], outputs["FunctionName"]
    client = session.client("lambda", endpoint_url=url)
    versions = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST"]
    assert client.list_aliases(FunctionName=name)["Aliases"] == []
    assert client.get_function_configuration(FunctionName=name)["MemorySize"] == 128
    states = session.client("stepfunctions", endpoint_url=url)
    running = states.list_executions(
        stateMachineArn=outputs["StateMachineArn"], statusFilter="RUNNING"
    )
    assert running["executions"] == []
    table = session.resource("dynamodb", endpoint_url=url).Table(outputs["TableName"])
    assert not [i for i in table.scan()["Items"] if str(i["id"]).startswith("delete-")]


def test_what_commands_print_is_what_their_schemas_say(deployed: Shell) -> None:
    def checked(*words: str) -> Any:
        done = deployed(*words, "--json", "--quiet", "--yes")
        assert done.code == 0, done.err
        return check(words[0], done.out)

    other = ("--stack", "other")
    assert "StateMachineArn" in checked("deploy", "--tuner-only", *other)
    assert checked("destroy", *other)["stack"] == "other"
    outputs = checked("status")["outputs"]
    assert checked("status", "--output", "TableName") == outputs["TableName"]
    assert checked("doctor")
    assert checked("clean", outputs["FunctionName"]) == []


def test_what_a_schedule_prints(deployed: Shell, tmp_path: Path) -> None:
    name = deployed("status", "--output", "FunctionName").out.strip()
    words = ("deploy", name, "--payload", '{"operation": "ping"}', "--option", "num=1")
    done = deployed("schedule", *words, "--json", "--quiet", "--yes")
    assert done.code == 0, done.err
    assert "NightlyArn" in check("schedule deploy", done.out)
    done = deployed("schedule", "destroy", name, "--json", "--quiet", "--yes")
    assert done.code == 0, done.err
    assert check("schedule destroy", done.out)["stack"].endswith("-nightly")
    notebook = write_notebook(tmp_path / "a.ipynb", "print(1)")
    night_words = (
        "run",
        "--run",
        "latest",
        "--notebook",
        str(notebook),
        "--out",
        str(tmp_path / "out"),
    )
    done = deployed("schedule", *night_words, *RECORDED, "--json", "--quiet")
    assert done.code == 0, done.err
    night = check("schedule run", done.out)
    assert (night["failed"], night["verdict"]["kind"]) == ("", "fine")
    assert Path(night["index"]).is_file()


@pytest.fixture(scope="module")
def measured(deployed: Shell, tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """A run of three payload types on the embedded AWS."""
    folder = tmp_path_factory.mktemp("measured")
    types = [word for name in ("echo", "ping", "read") for word in ("--payload", name)]
    words = ("--powers", "512", "--no-current", "--num", "6", "--yes", "--store", str(folder))
    done = deployed("benchmark", *types, *words)
    assert done.code == 0, done.err
    (stored,) = stored_runs(FolderStore(folder))
    return stored


def copied(stored: StoredRun, folder: Path, n: int, ping: float) -> None:
    """The run as that of an earlier night, in which pings took `ping` times as long."""
    started = datetime(2026, 11, 1, 3) + timedelta(days=n)
    parts = []
    for number, part in enumerate(stored.parts()):
        rows = pd.read_parquet(BytesIO(part))
        factor = rows["payload"].eq("ping").map({True: ping, False: 1.0}) * (1 + n / 500)
        rows["duration_ms"] = rows["duration_ms"] * factor
        parts.append((f"samples-{number}.parquet", rows.to_parquet(index=False)))
    about = {"run_id": night(n), "started_at": f"{started.isoformat()}+00:00"}
    save(FolderStore(folder), changed(stored.manifest, about), parts)


def test_a_suspect_is_measured_again_at_once_within_its_price_and_confirmed(
    deployed: Shell, measured: StoredRun, tmp_path: Path
) -> None:
    for n in range(10):
        copied(measured, tmp_path, n, 0.2 if n < 9 else 1.0)
    words = ("history", "--store", str(tmp_path), "--json")
    suspect = deployed(*words)
    assert suspect.code == 5
    assert "--confirm measures again at once" in suspect.complaint
    dear = deployed(*words, "--confirm", "--max-usd", "0.0000001", "--yes")
    assert dear.code not in (0, 3, 5)
    assert "$0.0" in dear.complaint
    assert len(list(stored_runs(FolderStore(tmp_path)))) == 10
    done = deployed(*words, "--confirm", "--max-usd", "0.05", "--yes")
    assert done.code == 3, done.err
    data = json.loads(done.out)
    assert (len(data["runs"]), data["runs"][-1]["labels"]) == (11, f"confirms={night(9)}")
    slower = [change for change in data["changes"] if change["measure"] == "duration"]
    since = {change["payload"]: change["since"] for change in slower}
    # Beside other load the run that confirms takes longer in all: then it is one change of all.
    assert since.get("ping", since.get("")) == night(9)


def test_a_suspect_that_was_chance_is_withdrawn(measured: StoredRun, tmp_path: Path) -> None:
    """The next run is as those before, on a machine that nothing else disturbs."""

    def again(manifest: Manifest) -> Run:
        assert manifest.run_id == night(9)
        copied(measured, tmp_path, 10, 1.0)
        return lt.load(tmp_path, night(10))

    for n in range(10):
        copied(measured, tmp_path, n, 1.0 if n < 9 else 5.0)
    assert lt.history(store=tmp_path).verdict.exit_code == 5
    past = lt.history(store=tmp_path, confirm=again)
    assert (len(past.runs), past.suspect, past.changes) == (11, False, ())
    assert (past.verdict.kind, past.verdict.exit_code) == ("fine", 0)


def test_an_agent_measures_within_the_budget_that_its_user_gave(
    deployed: Shell, tmp_path: Path
) -> None:
    name = deployed("status", "--output", "FunctionName").out.strip()
    few = {"function": name, "payload": json.dumps({"operation": "ping"}), "powers": "256,512"}
    with serving(deployed.given, "--store", str(tmp_path), "--max-usd", "0.01") as agent:
        assert sorted(agent.tools()) == sorted([*READING, "measure"])
        assert not agent.tools()["measure"].annotations.read_only_hint
        price = agent.call("price", **few)["description"]
        assert price.startswith("adaptive, about ")
        assert "on AWS: about $0.0" in price
        assert agent.call("list_runs") == []
        with pytest.raises(ValueError, match=r"max_usd=0\.02 is more than the \$0\.01"):
            agent.call("measure", **few, max_usd=0.02)
        with pytest.raises(ValueError, match="max_usd"):
            agent.call("measure", **few)
        # What was refused before anything was invoked has cost nothing.
        with pytest.raises(ValueError, match="no function none-there"):
            agent.call("measure", function="none-there", max_usd=0.01)
        done = agent.call("measure", **few, max_usd=0.01)
        assert done["decision"]["memory_mb"] in (256, 512)
        assert 0 < done["usd"] <= 0.01
        assert [run["run_id"] for run in agent.call("list_runs")] == [done["run_id"]]
        with pytest.raises(ValueError, match="is more than the"):
            agent.call("measure", **few, max_usd=0.01)
