"""Schedules for others to run: filled templates, each value quoted for where it stands."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

from ..core.errors import UsageError, closest
from .schedule import Schedule, command

VALUE = re.compile(r"@\{([a-z_]+)\}")
"""Where a value goes in a template."""


def render(kind: str, schedule: Schedule) -> dict[str, str]:
    """The files of a schedule, by name; UsageError for a kind that is not known."""
    if kind not in KINDS:
        raise UsageError(f'no schedule "{kind}"; {closest(kind, KINDS)}')
    return KINDS[kind](schedule)


def shell(words: list[str]) -> str:
    """Words as one line of shell.

    >>> shell(["a b", "it's", "$x"])
    "'a b' 'it'\\"'\\"'s' '$x'"
    """
    return shlex.join(words)


def _cron(schedule: Schedule) -> dict[str, str]:
    if schedule.timezone:
        raise UsageError(
            f"--timezone {schedule.timezone}: cron knows the time of its machine alone; give --at "
            "in that and leave the zone out, or print systemd, which knows zones"
        )
    night = shell([command(), *schedule.words()])
    lock = shlex.quote(f"/tmp/{schedule.name}.lock")  # noqa: S108 - a lock holds no data
    line = f"cd {shlex.quote(str(schedule.folder))} && flock -n {lock} {night}"
    values = {
        "minute": str(schedule.minute),
        "hour": str(schedule.hour),
        # cron takes a bare % as the end of the line.
        "line": line.replace("%", r"\%"),
    }
    return {f"{schedule.name}.cron": _filled("cron", values)}


def _systemd(schedule: Schedule) -> dict[str, str]:
    when = f"*-*-* {schedule.at}:00" + (f" {schedule.timezone}" if schedule.timezone else "")
    what = schedule.function or "the stack's function"
    values = {
        "name": schedule.name,
        "folder": str(schedule.folder).replace("%", "%%"),
        "when": when,
        "line": " ".join(map(unit_word, [command(), *schedule.words()])),
        "what": what.replace("%", "%%"),
        "message": unit_word(f"{what}: failed or worse; journalctl --user -u {schedule.name}"),
    }
    return {
        f"{schedule.name}.service": _filled("systemd.service", values),
        f"{schedule.name}.timer": _filled("systemd.timer", values),
        f"{schedule.name}-failed.service": _filled("systemd-failed.service", values),
    }


def unit_word(word: str) -> str:
    """A word of ExecStart=: in double quotes, where systemd expands nothing.

    >>> unit_word('50 % of "$x" \\\\')
    '"50 %% of \\\\"$$x\\\\" \\\\\\\\"'
    """
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.replace("%", "%%").replace("$", "$$")}"'


def _github(schedule: Schedule) -> dict[str, str]:
    runner = _on_a_runner(schedule)
    values = {
        **_yaml_values(runner),
        "role": _expressionless(schedule.role_arn or "arn:aws:iam::ACCOUNT:role/lambdatuning"),
        "region": _expressionless(schedule.region or "us-east-1"),
        "out": _expressionless(runner.out),
        "line": _shell_without_expressions(["lambdatuning", *runner.words("--github")]),
    }
    folder = ".github/workflows"
    return {
        f"{folder}/{schedule.name}.yml": _filled("github.yml", values),
        f"{folder}/{schedule.name}-comment.yml": _filled("github-comment.yml", values),
    }


def _gitlab(schedule: Schedule) -> dict[str, str]:
    runner = _on_a_runner(schedule)
    values = {
        **_yaml_values(runner),
        "role": _text(schedule.role_arn or "arn:aws:iam::ACCOUNT:role/lambdatuning"),
        "region": _text(schedule.region or "us-east-1"),
        "out": _text(runner.out),
        "junit": _text(f"{runner.out}/*/latest/junit.xml"),
        "line": _text(shell(["lambdatuning", *runner.words()])),
    }
    return {".gitlab-ci.yml": _filled("gitlab.yml", values)}


def _codebuild(schedule: Schedule) -> dict[str, str]:
    runner = _on_a_runner(schedule)
    values = {
        **_yaml_values(runner),
        "out": _text(runner.out),
        "line": _text(shell(["lambdatuning", *runner.words()]) + " || test $? -eq 5"),
    }
    return {"buildspec.yml": _filled("buildspec.yml", values)}


def _airflow(schedule: Schedule) -> dict[str, str]:
    night = shell([command(), *schedule.words("--day=@DAY@")]).replace("@DAY@", '"$DAY"')
    values = {
        "name": repr(schedule.name),
        "cron": repr(f"{schedule.minute} {schedule.hour} * * *"),
        "timezone": repr(schedule.timezone or "UTC"),
        "folder": repr(str(schedule.folder)),
        "line": repr(_raw(night)),
    }
    return {f"{schedule.name}.py".replace("-", "_"): _filled("airflow.py.txt", values)}


def _raw(line: str) -> str:
    """A line of shell that Airflow's Jinja leaves as it is."""
    if "endraw" in line:
        raise UsageError('a value has "endraw" in it, which Airflow would take for its own')
    return "{% raw %}" + line + "{% endraw %}" if re.search(r"\{[{%#]", line) else line


KINDS: Mapping[str, Callable[[Schedule], dict[str, str]]] = {
    "cron": _cron,
    "systemd": _systemd,
    "github": _github,
    "gitlab": _gitlab,
    "codebuild": _codebuild,
    "airflow": _airflow,
}
"""What a schedule can be printed for."""


def _on_a_runner(schedule: Schedule) -> Schedule:
    """The same on a machine that keeps nothing and logs in by a role: no profile, and earlier runs
    are read from the tuner's bucket."""
    history = {} if schedule.bucket else {"history": "stack"}
    return replace(schedule, profile="", store="", options={**history, **schedule.options})


def _yaml_values(schedule: Schedule) -> dict[str, str]:
    zone = schedule.timezone or "UTC"
    return {
        "name": schedule.name,
        "cron": _utc_cron(schedule),
        "zone": zone,
        "at": schedule.at,
        "minute": str(schedule.minute),
        "hour": str(schedule.hour),
        "season": "" if zone == "UTC" else " in January: GitHub's times are in UTC",
    }


def _utc_cron(schedule: Schedule) -> str:
    """GitHub's schedules are in UTC: the time of the zone as it is in January."""
    local = datetime(2026, 1, 15, schedule.hour, schedule.minute)
    at = local.replace(tzinfo=ZoneInfo(schedule.timezone or "UTC")).astimezone(UTC)
    return f"{at.minute} {at.hour} * * *"


def _text(text: str) -> str:
    """A string of YAML: JSON's are."""
    return json.dumps(text, ensure_ascii=False)


def _expressionless(text: str) -> str:
    """A string of YAML in which GitHub evaluates nothing."""
    return _text(text.replace("${{", "${{ '${{' }}"))


def _shell_without_expressions(words: list[str]) -> str:
    """A line of shell in which GitHub evaluates nothing: "${{" is taken apart by quotes.

    >>> print(_shell_without_expressions(["a", "${{ secrets.X }}"]))
    a '$''{{ secrets.X }}'
    """
    return shell(words).replace("${{", "$''{{")


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = files(__package__).joinpath(f"templates/{template}").read_text("utf-8")
    return VALUE.sub(lambda match: values[match[1]], text)
