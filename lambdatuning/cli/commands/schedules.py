"""`lambdatuning schedule`: one night's work, and what starts it every night."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...core.address import is_s3
from ...core.arn import function_name
from ...core.errors import RunFailedError, UsageError
from ...core.validation import number
from ...workspace import resources
from ...workspace.extras import require
from ...workspace.settings import read_settings
from ..options import pairs, stack_option, template_option, tuning_options, with_share
from ..output import refuse, say
from ..session import Session, session_options
from ..verdicts import NAMES, publish, verdict_options, verdict_outputs
from .reports import notebook_paths
from .stack import event_line, output_lines, remove

if TYPE_CHECKING:
    from ...analysis.run import Run

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def schedule() -> None:
    """Measure, report and compare every night; run it, print a schedule of it, or deploy one."""


_NOT_IN_A_NIGHT = ("auto_optimize", "alias", "min_sure")


@schedule.command(short_help="One night: measure, report, compare, keep all.")
@click.argument("function", required=False, default="")
@tuning_options("adaptive; with --num, or for the stack's own function, grid")
@template_option
@click.option("--table", default="", help="Table for seed items and {{table}}.")
@click.option(
    "--run",
    "run_id",
    default="",
    metavar="RUN",
    help="Measure nothing: this run is the night's (latest: the newest one).",
)
@click.option(
    "--out",
    default="reports",
    show_default=True,
    metavar="PLACE",
    help="Where reports are kept, as FUNCTION/YYYY/MM/DD/RUN/: a folder or s3://bucket/prefix.",
)
@click.option(
    "--history",
    default="",
    metavar="STORE",
    help="Where this run and earlier ones lie for a machine that keeps nothing: "
    "s3://BUCKET/runs, or stack for that of the stack's bucket (default: --store).",
)
@click.option(
    "--notebook",
    "notebooks",
    multiple=True,
    metavar="NOTEBOOK",
    help="Run this one (repeatable; default: all of notebooks/).",
)
@click.option("--day", default="", metavar="YYYY-MM-DD", help="The night's date (today, UTC).")
@click.option(
    "--max-regression",
    metavar="PERCENT",
    help="How much slower or more expensive is no regression (5).",
)
@verdict_options
@session_options
def run(session: Session, /, function: str, **options: Any) -> None:
    """One night: measure FUNCTION (default: the stack's), report, compare, keep all by date.

    Exit code 3 where something got worse, 5 where that cannot be told (as in the first night).
    """
    require("report")
    from ...schedules.night import NightRequest, night

    outputs = verdict_outputs(options)
    out, day = options.pop("out"), _day(options.pop("day"))
    allowed = options.pop("max_regression")
    percent = 5.0 if allowed is None else number("--max-regression (per cent)", allowed, 0)
    notebooks = notebook_paths(session, options.pop("notebooks"))
    history = options.pop("history")
    progress = session.output.progress()
    with session.connected() as cloud:
        measured = _measured(session, cloud, function, options)
        store = _history(cloud, history, options)
        request = NightRequest(measured, store, notebooks, out, day, percent / 100)
        result = night(request, cloud if is_s3(store) else None, progress)
    verdict, places = result.verdict, result.places
    publish(verdict, outputs, lambda: _exported(store, verdict.function))
    data = {"verdict": verdict.to_json(), **asdict(places), "failed": result.failed}
    if session.output.json or not (session.output.quiet and verdict.kind == "fine"):
        session.output.show(data, f"{verdict.function}: {verdict}\n{places.index}")
    if result.failed:
        raise RunFailedError(f"{result.failed} (the others are in {places.folder})")
    refuse(verdict)


def _measured(session: Session, cloud: Any, function: str, options: dict[str, Any]) -> "Run":
    from ...api.runs import load_runs
    from ...api.tuning import benchmark, tune

    run_id, template = options.pop("run_id"), options.pop("template")
    if run_id:
        store = options["store"]
        return load_runs(
            store, run_id, function=function_name(function), cloud=session.connect_for(store)
        )[-1]
    options = with_share(options)
    payload = options.pop("payload")
    effects: dict[str, Any] = {
        "confirm": session.output.confirm,
        "on_progress": session.output.progress(),
    }
    if function:
        return tune(cloud, function, payload, **options, **effects)
    options.pop("table")
    file = resources.template(template)
    return benchmark(cloud, template=file.path, payload=payload, **options, **effects)


def _history(cloud: Any, history: str, options: Mapping[str, Any]) -> str:
    """The store in which this run and earlier ones are looked for."""
    if history == "stack":
        from ...api.stack import usable_outputs

        return f"s3://{usable_outputs(cloud, options['stack'])['SamplesBucket']}/runs"
    return history or str(options["store"])


def _exported(store: str, function: str) -> "list[Run]":
    from ...api.runs import runs

    return list(runs(store, function=function))


def _day(text: str) -> date:
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(f"--day must be a date as 2026-11-28; not {text!r}") from exc


# Schedules of it.

_WHAT = (
    click.option(
        "--payload",
        multiple=True,
        metavar="EVENT",
        help="Name of a payload type, or an event: a file, s3://bucket/key, or JSON (repeatable).",
    ),
    click.option(
        "--option",
        "more",
        multiple=True,
        metavar="NAME=VALUE",
        help="A further option of `schedule run`, as num=20 (repeatable).",
    ),
    click.option("--at", default="03:00", show_default=True, metavar="HH:MM", help="When."),
    click.option(
        "--timezone", default="", metavar="ZONE", help="Of that time, as Europe/Berlin (UTC)."
    ),
    click.option(
        "--max-usd", default="0.10", show_default=True, metavar="USD", help="The most for a night."
    ),
)


def what_options(command: F) -> F:
    """What is measured every night, when, and for how much."""
    for option in reversed(_WHAT):
        command = option(command)
    return command


@schedule.command("print", short_help="Print a schedule for cron, systemd, CI or Airflow.")
@click.argument("kind", metavar="KIND")
@click.argument("function", required=False, default="")
@what_options
@click.option("--store", default="", metavar="FOLDER", help="Where runs are stored.")
@click.option("--bucket", default="", metavar="NAME", help="The tuner's bucket, for runners of CI.")
@click.option("--out", default="reports", show_default=True, metavar="PLACE", help="For reports.")
@click.option("--role-arn", default="", metavar="ARN", help="Role for the runners of CI.")
@click.option("--profile", default="", help="AWS profile.")
@click.option("--region", default="", help="AWS region.")
@click.option(
    "--write", default="", metavar="FOLDER", help="Write the files there instead of printing them."
)
def print_(
    kind: str,
    function: str,
    payload: tuple[str, ...],
    more: tuple[str, ...],
    write: str,
    **given: Any,
) -> None:
    """Print a schedule of FUNCTION: cron, systemd, github, gitlab, codebuild or airflow.

    Without FUNCTION it is the stack's own, for every payload type.
    """
    from ...schedules.printed import render
    from ...schedules.schedule import Schedule

    folder, options = read_settings().folder, _further(more)
    planned = Schedule(
        function=function,
        payloads=_as_seen_from(folder, payload, options.get("payloads", "")),
        options=options,
        folder=folder,
        **given,
    )
    files = render(kind, planned)
    if not write:
        click.echo("\n".join(_one_after_the_other(files)), nl=False)
        return
    for name, text in files.items():
        path = Path(write).expanduser() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        say(f"wrote {path}")


_name_option = click.option(
    "--name", default="", metavar="NAME", help="Of its stack (lambdatuning-FUNCTION-nightly)."
)


@schedule.command(short_help="Measure and report every night inside AWS.")
@click.argument("function", required=False, default="")
@what_options
@stack_option
@_name_option
@click.option("--email", default="", metavar="ADDRESS", help="Who is told by mail.")
@click.option("--table", default="", help="Table for seed items and {{table}}.")
@click.option("--payloads", default="", metavar="FOLDER", help="Payload types.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the schedule's stack (repeatable).",
)
@session_options
def deploy(
    session: Session,
    /,
    function: str,
    payload: tuple[str, ...],
    more: tuple[str, ...],
    stack: str,
    name: str,
    email: str,
    parameters: tuple[str, ...],
    **given: Any,
) -> None:
    """Have AWS measure FUNCTION every night, report, and tell of a change or a failure.

    By the tuner that `lambdatuning deploy` made. Without FUNCTION it is the stack's own.
    """
    from ...schedules.deployed import deploy
    from ...schedules.schedule import Schedule

    table, payloads = given.pop("table"), given.pop("payloads")
    options = _of_the_project() | _further(more)
    planned = Schedule(function=function, payloads=payload, options=options, **given)
    mail = {"Email": email} if email else {}
    with session.connected() as cloud:
        outputs = deploy(
            cloud,
            planned,
            stack=stack,
            name=name,
            parameters={**mail, **pairs("--parameter", parameters)},
            payloads=payloads,
            table=table,
            confirm=session.output.confirm,
            on_event=session.output.event_listener(event_line),
        )
    session.output.show(outputs, output_lines(outputs))


@schedule.command(short_help="Remove a schedule from AWS; runs and reports stay.")
@click.argument("function", required=False, default="")
@_name_option
@session_options
def destroy(session: Session, function: str, name: str) -> None:
    """Remove the schedule of FUNCTION from AWS; the tuner, runs and reports stay."""
    from ...schedules.deployed import stack_name
    from ...schedules.schedule import Schedule

    plan = remove(session, stack_name(Schedule(function=function), name))
    session.output.show(
        {"stack": plan.stack_name, "resources": len(plan.resources)},
        f'the schedule "{plan.stack_name}" is gone; its reports stay where they are',
    )


def _of_the_project() -> dict[str, str]:
    """What the project's settings say that a schedule inside AWS, far from them, would not know."""
    given = read_settings().given
    names = ("strategy", "weight", "max_regression")
    return {name.replace("_", "-"): str(given[name]) for name in names if name in given}


def _as_seen_from(folder: Path, payloads: tuple[str, ...], types: str) -> tuple[str, ...]:
    """The payloads with files of this folder named as from `folder`, where a night works.

    UsageError for one that could not be sent: that night would fail. What lies in S3 is not read.
    """
    from ...cloud.payloads import INLINE, load_payload_types

    if local := [text for text in payloads if not is_s3(text)]:
        load_payload_types(resources.payloads(types).path, local)
    files = [Path(text) for text in local if not text.lstrip().startswith(INLINE)]
    moved = {str(path) for path in files if path.is_file() and not path.is_absolute()}
    return tuple(
        os.path.relpath(text, folder) if str(Path(text)) in moved else text for text in payloads
    )


def _one_after_the_other(files: dict[str, str]) -> list[str]:
    """A single file as it is; several below their names."""
    if len(files) == 1:
        return list(files.values())
    return [f"# ---- {name}\n{text}" for name, text in files.items()]


def _further(more: tuple[str, ...]) -> dict[str, str]:
    """Options of `schedule run`, with values alone."""
    names = {
        name.removeprefix("--"): option
        for option in run.params
        if isinstance(option, click.Option) and option.name not in (*NAMES, *_NOT_IN_A_NIGHT)
        for name in option.opts
        if name.startswith("--") and not option.is_flag
    }
    options = pairs("--option", more)
    for name in options:
        if name not in names:
            from ...core.errors import closest

            raise UsageError(f'--option: `schedule run` has no "{name}"; {closest(name, names)}')
    _refuse_bad_values({name.replace("-", "_"): value for name, value in options.items()})
    return options


def _refuse_bad_values(options: dict[str, Any]) -> None:
    """A schedule that would fail every night is neither printed nor deployed."""
    from ...api.tuning import refuse_bad_options

    for name in ("tolerance", "max_regression"):
        if name in options:
            number(f"--{name.replace('_', '-')} (per cent)", options.pop(name), 0)
    refuse_bad_options(options)
