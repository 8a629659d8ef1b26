"""Printed schedules: valid for what reads them, safe for any value, and their lines really run."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lambdatuning.core.errors import UsageError
from lambdatuning.schedules.printed import KINDS, render
from lambdatuning.schedules.schedule import Schedule

HOSTILE = 'it\'s "$(touch x)" `y` 100% {{ ds }} {% x %} ${{ secrets.X }} \\ # ; é'
PLAIN = Schedule(
    function="checkout",
    payloads=("events/a.json", "events/b.json"),
    options={"num": "20", "powers": "256,512"},
    at="02:30",
    timezone="Europe/Berlin",
    region="eu-west-1",
    bucket="samples",
    role_arn="arn:aws:iam::111122223333:role/nightly",
)
HARD = Schedule(
    function=HOSTILE,
    payloads=(HOSTILE, '{"a": 1}'),
    store=HOSTILE,
    out=f"r {HOSTILE}",
    profile=HOSTILE,
    options={"strategy": HOSTILE},
    role_arn=HOSTILE,
    region=HOSTILE,
    folder=Path(f"/tmp/{HOSTILE.replace('/', '')}"),
)
BOTH = pytest.mark.parametrize("schedule", [PLAIN, HARD], ids=["plain", "hostile"])


def only(schedule: Schedule, kind: str, ending: str = "") -> str:
    (text,) = (text for name, text in render(kind, schedule).items() if name.endswith(ending))
    return text


def loaded(text: str) -> Any:
    return yaml.load(text, yaml.BaseLoader)  # `on` stays text


def arguments(line: str, tmp_path: Path, **more: str) -> list[str]:
    """What `lambdatuning` is given by a line of shell; nothing else runs by it."""
    bin_ = tmp_path / "bin"
    bin_.mkdir(exist_ok=True)
    for name in ("lambdatuning", "flock"):
        (bin_ / name).write_text(f"#!{sys.executable}\nimport sys\n" + _RECORD)
        (bin_ / name).chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=tmp_path,
        env={"PATH": f"{bin_}:{os.environ['PATH']}", "RECORD": str(tmp_path / "record"), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "x").exists()
    return (tmp_path / "record").read_text("utf-8").split("\0")[:-1]


_RECORD = """
import os
with open(os.environ["RECORD"], "w") as file:
    file.write("".join(word + chr(0) for word in sys.argv[1:]))
"""


@BOTH
def test_cron_runs_the_night_under_a_lock(schedule: Schedule, tmp_path: Path) -> None:
    schedule = replace(schedule, timezone="")
    (line,) = (
        line for line in only(schedule, "cron").splitlines() if line and not line.startswith("#")
    )
    minute, hour, *days, command = line.split(None, 5)
    assert (minute, hour, days) == (str(schedule.minute), str(schedule.hour), ["*"] * 3)
    # cron: a bare % ends the command, and \% is a %.
    assert not re.search(r"(?<!\\)%", command)
    command = command.replace(r"\%", "%")
    entering, _, command = command.partition(" && ")
    assert shlex.split(entering) == ["cd", str(schedule.folder)]
    flags, lock, program, *words = arguments(command, tmp_path)
    assert (flags, lock) == ("-n", f"/tmp/{schedule.name}.lock")
    assert Path(program).name == "lambdatuning"
    assert words == schedule.words()


SYSTEMD = shutil.which("systemd-analyze")


@BOTH
@pytest.mark.skipif(not SYSTEMD, reason="systemd is not installed")
def test_systemd_itself_verifies_the_units(schedule: Schedule, tmp_path: Path) -> None:
    assert SYSTEMD
    for name, text in render("systemd", schedule).items():
        (tmp_path / name).write_text(text)
    units = sorted(tmp_path.iterdir())
    assert [unit.name.removeprefix(schedule.name) for unit in units] == [
        "-failed.service", ".service", ".timer",
    ]  # fmt: skip
    done = subprocess.run(
        [SYSTEMD, "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if schedule.name in line]
    assert ours == []


@BOTH
def test_systemd_waits_its_turn_and_tells_of_failures(schedule: Schedule) -> None:
    units = render("systemd", schedule)
    service, timer = units[f"{schedule.name}.service"], units[f"{schedule.name}.timer"]
    assert f"OnFailure={schedule.name}-failed.service" in service
    assert "SuccessExitStatus=5" in service
    assert "Persistent=true" in timer
    assert "RandomizedDelaySec=15min" in timer
    assert f"OnCalendar=*-*-* {schedule.at}:00" in timer
    (line,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    # Words in double quotes, in which systemd knows \\, \", %% and $$.
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    words = [re.sub(r"\\(.)", r"\1", word).replace("%%", "%").replace("$$", "$") for word in quoted]
    assert words[1:] == schedule.words()


def as_on_a_runner(words: list[str], schedule: Schedule, *more: str) -> bool:
    """A runner has no profile and no store; earlier runs are in the tuner's bucket."""
    kept = [
        word for word in schedule.words(*more) if not word.startswith(("--profile=", "--store="))
    ]
    history = [] if schedule.bucket else ["--history=stack"]
    # Which option comes first is all the same; events and the function keep their places.
    return (
        sorted(words) == sorted([*kept, *history])
        and words[:3] == kept[:3]
        and words[-2:] == kept[-2:]
    )


@BOTH
def test_github_s_line_gets_every_value_as_it_is(schedule: Schedule, tmp_path: Path) -> None:
    workflow = loaded(only(schedule, "github", f"{schedule.name}.yml"))
    (night,) = [step for step in workflow["jobs"]["night"]["steps"] if step.get("id") == "night"]
    assert "${{" not in night["run"]
    assert as_on_a_runner(arguments(night["run"], tmp_path), schedule, "--github")


def test_github_assumes_a_role_by_pinned_actions_and_may_nothing_else() -> None:
    workflow = loaded(only(PLAIN, "github", "checkout.yml"))
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["night"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert workflow["on"]["schedule"] == [{"cron": "30 1 * * *"}]
    assert workflow["concurrency"]["cancel-in-progress"] == "false"
    used = [step["uses"] for step in workflow["jobs"]["night"]["steps"] if "uses" in step]
    assert len(used) == 4
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)
    (login,) = [
        s["with"]
        for s in workflow["jobs"]["night"]["steps"]
        if "role-to-assume" in s.get("with", {})
    ]
    assert login == {"role-to-assume": PLAIN.role_arn, "aws-region": "eu-west-1"}


def test_github_evaluates_nothing_of_a_value() -> None:
    text = only(HARD, "github", f"{HARD.name}.yml")
    expressions = set(re.findall(r"\$\{\{(.*?)\}\}", text))
    assert expressions == {" '${{' "}


def test_the_commenting_workflow_runs_nothing_of_the_other() -> None:
    workflow = loaded(only(PLAIN, "github", "-comment.yml"))
    assert workflow["on"] == {"workflow_run": {"workflows": [PLAIN.name], "types": ["completed"]}}
    job = workflow["jobs"]["comment"]
    assert job["permissions"] == {"actions": "read", "issues": "write", "pull-requests": "write"}
    assert not any("uses" in step for step in job["steps"])
    assert not any("${{" in step["run"] for step in job["steps"])


ZIZMOR = Path(sys.executable).with_name("zizmor")


@BOTH
@pytest.mark.skipif(not ZIZMOR.exists(), reason="zizmor is not installed")
def test_zizmor_finds_nothing(schedule: Schedule, tmp_path: Path) -> None:
    for name, text in render("github", schedule).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [ZIZMOR, "--offline", "--no-progress", "--persona", "pedantic", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@BOTH
def test_gitlab_runs_the_night_and_shows_its_verdict(schedule: Schedule, tmp_path: Path) -> None:
    pipeline = loaded(only(schedule, "gitlab"))
    job = pipeline["lambdatuning"]
    assert as_on_a_runner(arguments(job["script"][-1], tmp_path), schedule)
    assert job["allow_failure"] == {"exit_codes": "5"}
    assert job["artifacts"]["reports"] == {"junit": f"{schedule.out}/*/latest/junit.xml"}
    assert job["id_tokens"]["AWS_TOKEN"]["aud"] == "sts.amazonaws.com"
    assert pipeline["variables"]["ROLE_ARN"] == {"value": schedule.role_arn, "expand": "false"}


@BOTH
def test_codebuild_runs_the_night_and_shows_its_verdict(schedule: Schedule, tmp_path: Path) -> None:
    spec = loaded(only(schedule, "codebuild"))
    assert spec["version"] == "0.2"
    (line,) = spec["phases"]["build"]["commands"]
    assert as_on_a_runner(arguments(line, tmp_path), schedule)
    assert spec["reports"]["lambdatuning"]["file-format"] == "JUNITXML"
    assert spec["artifacts"]["base-directory"] == schedule.out


@BOTH
def test_airflow_s_dag_is_python_that_runs_the_night(schedule: Schedule, tmp_path: Path) -> None:
    tree = ast.parse(only(schedule, "airflow"))
    named = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert named["FOLDER"] == str(schedule.folder)
    line = named["NIGHT"]
    # Jinja leaves what is raw; outside of it nothing is a template.
    outside = re.sub(r"\{% raw %\}(.*)\{% endraw %\}", "", line, flags=re.DOTALL)
    assert "{{" not in outside
    assert "{%" not in outside
    line = line.removeprefix("{% raw %}").removesuffix("{% endraw %}")
    program, _, rest = line.partition(" ")
    assert Path(program).name == "lambdatuning"
    words = arguments(f"lambdatuning {rest}", tmp_path, DAY="2026-11-28")
    assert words == schedule.words("--day=2026-11-28")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"at": "25:00"}, "--at must be HH:MM"),
        ({"at": "3:00"}, "--at must be HH:MM"),
        ({"timezone": "Mars/Olympus"}, "--timezone Mars/Olympus"),
        ({"max_usd": "nan"}, "--max-usd must be a number, 0 or more; not 'nan'"),
        ({"max_usd": "-1"}, "--max-usd must be a number, 0 or more"),
        ({"function": "a\nb"}, "control character"),
    ],
)
def test_what_no_schedule_can_hold_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Schedule(**given)  # type: ignore[arg-type]


def test_the_time_is_said_as_each_scheduler_takes_it() -> None:
    utc = Schedule(function="checkout", at="02:30")
    assert "at cron(30 2 * * ? *) in Europe/Berlin, or let" in only(PLAIN, "codebuild")
    workflow = render("github", PLAIN)[".github/workflows/lambdatuning-checkout.yml"]
    assert "(02:30 Europe/Berlin in January: GitHub's times are in UTC)." in workflow
    workflow = render("github", utc)[".github/workflows/lambdatuning-checkout.yml"]
    assert "every night (02:30 UTC).\n" in workflow


def test_a_zone_that_cron_would_not_keep_is_refused() -> None:
    with pytest.raises(UsageError, match="cron knows the time of its machine alone"):
        render("cron", PLAIN)


def test_an_unknown_kind_is_answered_by_the_closest() -> None:
    with pytest.raises(UsageError, match='no schedule "systmd"; did you mean "systemd"'):
        render("systmd", PLAIN)
    assert list(KINDS) == ["cron", "systemd", "github", "gitlab", "codebuild", "airflow"]
