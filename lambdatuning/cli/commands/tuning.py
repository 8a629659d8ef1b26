"""`lambdatuning tune`, `benchmark` and `clean`: a run, its answer, and what a dead one left."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import click

from ...core.decision import SCHEMA
from ...core.errors import UsageError
from ...core.format import format_mb
from ...core.strategies import DEFAULT_WEIGHT, KIT_STRATEGY, WORTH, Worth
from ...core.tuning.explored import Explored
from ...core.tuning.records import run_prefix
from ...core.tuning.state import Spending
from ...workspace import resources
from ..options import template_option, tuning_options, with_share
from ..output import Output, records, say
from ..session import Session, session_options

if TYPE_CHECKING:
    from ...analysis.run import Run
    from ...core.finding import Finding
    from ...study import Study
    from .. import json_outputs
    from ..json_outputs import Exploration, TunedRun


@click.command()
@click.argument("function")
@tuning_options("adaptive; with --num, --cold or --state-machine grid")
@click.option("--table", default="", help="Table for seed items and {{table}}.")
@click.option(
    "--cold",
    default="0",
    show_default=True,
    metavar="N",
    help="Measure so many cold starts per size on purpose.",
)
@click.option("--isolate", is_flag=True, help="Tune a copy of the function and remove it.")
@click.option(
    "--state-machine", metavar="ARN", help="Another tuner, also AWS Lambda Power Tuning itself."
)
@session_options
def tune(session: Session, /, function: str, payload: tuple[str, ...], **options: Any) -> None:
    """Tune FUNCTION (a name or an ARN), store the run, and say what to set.

    For example: lambdatuning tune mine --payload event.json --max-usd 0.05
    """
    from ...api.tuning import tune
    from ...cloud.payloads import is_name

    if session.local:
        raise UsageError(
            f"--local starts an embedded AWS that is empty, without a function {function}: start "
            "`lambdatuning local` in another terminal, deploy, create it there and tune it; or "
            "`lambdatuning benchmark --local` measures the example"
        )
    options = with_share(options)
    if payload:
        folder = resources.payloads(options["payloads"])
        if any(is_name(name, folder.path) for name in payload):
            session.output.taken("payload types", folder)
    with session.connected() as cloud:
        run = tune(
            cloud,
            function,
            payload,
            confirm=session.output.confirm,
            on_progress=session.output.progress(),
            **options,
        )
    show_run(session.output, run, AnswerOptions.of(options))


@click.command()
@tuning_options("grid")
@template_option
@session_options
def benchmark(
    session: Session, /, template: str | None, payload: tuple[str, ...], **options: Any
) -> None:
    """Tune the stack's own function for every payload type in one run; deploys if needed."""
    from ...api.tuning import benchmark

    options = with_share(options)
    file = resources.template(template)
    session.output.taken("template", file)
    session.output.taken("payload types", resources.payloads(options["payloads"]))
    with session.connected() as cloud:
        run = benchmark(
            cloud,
            template=file.path,
            payload=payload,
            confirm=session.output.confirm,
            on_progress=session.output.progress(),
            **options,
        )
    show_run(session.output, run, AnswerOptions.of(options))


@click.command()
@click.argument("function")
@session_options
def clean(session: Session, function: str) -> None:
    """Put back what a dead run left on FUNCTION: list what is ours, ask, put it back."""
    from ...api.stack import usable_outputs
    from ...cloud.tuning.cleaning import clean_function, describe_remains, remains
    from ...core.errors import LambdaTuningError

    cleaned: list[str] = []
    with session.connected() as cloud:
        left = remains(cloud, function)
        stays = left.stays
        if left.lines:
            session.output.confirm(describe_remains(left), "put all of this back?")
            machine = ""
            with suppress(LambdaTuningError):  # without a stack of ours the caller's rights must do
                machine = usable_outputs(cloud)["StateMachineArn"]
            cleaned = clean_function(cloud, left, time.sleep, machine)
            stays = remains(cloud, function).stays
    for line in stays:
        say(line)
    nothing = "nothing was put back" if stays else f"nothing of ours is left on {function}"
    session.output.show(cleaned, "\n".join(cleaned) or nothing)


# A finished run: the answer in a sentence, and where the run lies.


@dataclass(frozen=True)
class AnswerOptions:
    """What a run is shown by."""

    store: str
    strategy: str = KIT_STRATEGY
    weight: float = DEFAULT_WEIGHT
    worth: Worth = WORTH

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "AnswerOptions":
        """From the options of a command."""
        worth = Worth(float(options["speed_worth"]), options["cost_tolerance"])
        return cls(options["store"], options["strategy"], float(options["weight"]), worth)


def show_run(output: Output, run: "Run", options: AnswerOptions) -> None:
    """Print what to set in at most five lines, the last with where the run is stored; or all of it
    as JSON."""
    data = run_data(run, options)
    output.show(data, f"{data['answer']}\nStored in {data['stored_in']}/{_spent(run)}")


def run_data(run: "Run", options: AnswerOptions) -> "TunedRun":
    """What `tune --json` prints."""
    # A pathlib.Path would make s3:/bucket of s3://bucket.
    where = f"{options.store.rstrip('/')}/{run_prefix(run.function, run.run_id)}".rstrip("/")
    study = _study(run, options)
    lines = _lines(study) if study else [*_elsewhere(run), *_beyond(run)]
    return _data(run, study, "\n".join(lines), where)


def show_study(output: Output, study: "Study", figures: Sequence[str]) -> None:
    """Print all that a stored run answers, and where its figure was written."""
    lines = [str(study.answer)]
    lines += [f"{_check_line(check)}." for check in study.checks() if check.severity != "ok"]
    lines += [f"The figure is in {file}." for file in figures]
    text = "\n".join(lines)
    checks = [asdict(check) for check in study.checks()]
    data = {**study.to_json(), "run_id": study.run.run_id, "answer": text, "checks": checks}
    output.show(data, text)


def _lines(study: "Study") -> list[str]:
    """What to set, how sure that is and what is next best, what may mislead, where it ran."""
    head = study.headline
    lines = [head.sentence, head.certainty]
    if study.run.manifest.cold_starts:
        lines[1] = f"{head.certainty} {study.cold_answer.headline}".strip()
    where = " ".join(filter(None, [study.answer.notice, *_beyond(study.run)]))
    return [line for line in (*lines, _checked(study), where) if line]


def _checked(study: "Study") -> str:
    """The gravest thing that may mislead, and how many more there are."""
    grave = [check for check in study.checks() if check.severity in ("error", "warning")]
    if not grave:
        return ""
    more = f" ({len(grave) - 1} more: lambdatuning show {study.run.run_id})" if grave[1:] else ""
    return f"{_check_line(grave[0])}{more}."


def _check_line(check: "Finding") -> str:
    return f"{check.severity.capitalize()}: {check}"


def _beyond(run: "Run") -> list[str]:
    note = run.endpoint.beyond_note(run.beyond_mb)
    return [f"{note}."] if note else []


def _spent(run: "Run") -> str:
    """What was measured, and for how much."""
    from ...core.format import format_count, money_of

    if run.samples.empty:
        return ""
    usd = run.manifest.usd
    price = "" if usd is None else f" for {money_of(run.currency)(usd)}"
    invocations = format_count(len(run.samples), "invocation")
    return f" ({invocations} at {format_count(len(run.sizes), 'size')}{price})"


def _study(run: "Run", options: AnswerOptions) -> "Study | None":
    """The run under the strategy that was asked for; None of a run without samples."""
    from ...study import Study

    if run.samples.empty:
        return None
    return Study(
        run,
        strategy=options.strategy,
        weight=options.weight,
        speed_worth=options.worth.speed_worth,
        cost_tolerance=options.worth.cost_tolerance,
    )


def _elsewhere(run: "Run") -> list[str]:
    """What a deployment of AWS Lambda Power Tuning said."""
    return [
        f"{name}: {format_mb(answer.memory_mb)} is best for {run.manifest.strategy}, "
        f"{answer.duration_ms:,.2f} ms and ${answer.cost_usd:.3g} an invocation (AWS Lambda Power "
        "Tuning's trimmed means: it keeps no samples, so no interval can be given)"
        for name, answer in run.manifest.answers.items()
    ]


def _exploration(explored: Explored) -> "Exploration":
    return {
        "stopped": explored.stopped,
        "reason": explored.reason,
        "spent": _spending(explored.spent),
        "grid": _spending(explored.grid) if explored.grid else None,
    }


def _spending(spending: Spending) -> "json_outputs.Spending":
    return {"invocations": spending.invocations, "gb_s": spending.gb_s, "usd": spending.usd}


def _data(run: "Run", study: "Study | None", text: str, where: str) -> "TunedRun":
    manifest = run.manifest
    data = {
        **(study.to_json() if study else _elsewhere_json(run)),
        "run_id": run.run_id,
        "function": run.function,
        "answer": text,
        "sizes": list(run.manifest.sizes or run.sizes),
        "sizes_beyond_cores": list(run.beyond_mb),
        "recommendations": records(study.recommend(study.strategies)) if study else [],
        "checks": [asdict(check) for check in study.checks()] if study else [],
        "exploration": _exploration(run.exploration) if run.exploration else None,
        "overhead": manifest.overhead,
        "wall_ms": manifest.wall_ms,
        "billed_ms_critical_path": manifest.billed_ms_critical_path,
        "invocations": manifest.invocations,
        "billed_gb_s": _billed_gb_s(run),
        "usd": manifest.usd,
        "stored_in": where,
    }
    return cast("TunedRun", data)


def _billed_gb_s(run: "Run") -> float | None:
    """What the function was billed for, warm-ups included."""
    if run.samples.empty:
        return None
    return round(float((run.samples["memory_mb"] * run.samples["billed_ms"]).sum()) / 1_024_000, 3)


def _elsewhere_json(run: "Run") -> dict[str, object]:
    """What is known of the answer of a run without samples."""
    decided = run.decision.figures() if run.decision else None
    return {"schema": SCHEMA, "decision": decided, "headlines": [], "curves": []}
