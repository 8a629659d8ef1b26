"""`lambdatuning tune`, `benchmark` and `clean`: a run, its answer, and what a dead one left."""

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.sizes import beyond_note
from ..core.strategies import DEFAULT_WEIGHT, KIT_STRATEGY, WORTH, Worth
from ..core.tuning.records import run_prefix
from ..workspace import resources
from .options import template_option, tuning_options, with_share
from .output import Output, records
from .session import Session, session_options

if TYPE_CHECKING:
    from ..analysis.run import Run
    from ..study import Study


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
    """Tune FUNCTION (a name or an ARN), store the run, and say what to set."""
    from ..api.tuning import tune

    options = with_share(options)
    if payload:
        session.output.taken("payload types", resources.payloads(options["payloads"]))
    with session.connected() as cloud:
        run = tune(
            cloud,
            function,
            payload,
            confirm=session.output.confirm,
            on_progress=session.output.progress(),
            **options,
        )
    show_run(session.output, run, Shown.of(options))


@click.command()
@tuning_options("grid")
@template_option
@session_options
def benchmark(
    session: Session, /, template: str | None, payload: tuple[str, ...], **options: Any
) -> None:
    """Tune the stack's own function for every payload type in one run; deploys if needed."""
    from ..api.tuning import benchmark

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
    show_run(session.output, run, Shown.of(options))


@click.command()
@click.argument("function")
@session_options
def clean(session: Session, function: str) -> None:
    """Put back what a dead run left on FUNCTION: list what is ours, ask, put it back."""
    from ..api.stack import usable_outputs
    from ..cloud.tuning.cleaning import clean_function, describe_remains, remains
    from ..core.errors import LambdaTuningError

    done: list[str] = []
    with session.connected() as cloud:
        left = remains(cloud, function)
        if left.lines:
            session.output.confirm(describe_remains(left), "put all of this back?")
            machine = ""
            with suppress(LambdaTuningError):  # without a stack of ours the caller's rights must do
                machine = usable_outputs(cloud)["StateMachineArn"]
            done = clean_function(cloud, left, time.sleep, machine)
    session.output.show(done, "\n".join(done) or f"nothing of ours is left on {function}")


# A finished run: the answer in a sentence, and where the run lies.


@dataclass(frozen=True)
class Shown:
    """What a run is shown by."""

    store: str
    strategy: str = KIT_STRATEGY
    weight: float = DEFAULT_WEIGHT
    worth: Worth = WORTH

    @classmethod
    def of(cls, options: dict[str, Any]) -> "Shown":
        """From the options of a command."""
        worth = Worth(float(options["speed_worth"]), options["cost_tolerance"])
        return cls(options["store"], options["strategy"], float(options["weight"]), worth)


def show_run(output: Output, run: "Run", shown: Shown) -> None:
    """Print the recommendation and where the run is stored, or all of it as JSON."""
    where = Path(shown.store) / run_prefix(run.function, run.run_id)
    study = _study(run, shown)
    text = str(study.answer) if study else _elsewhere(run)
    if study and run.manifest.input.get("cold"):
        text += f"\n{study.cold_answer}"
    findings = study.checks() if study else []
    text += "".join(f"\n{each}." for each in findings if each.severity in ("error", "warning"))
    note = beyond_note(run.manifest.endpoint, run.beyond_mb)
    text += f"\n{note}." if note else ""
    output.show(_data(run, study, text, where), f"{text}\n\nstored in {where}/")


def _study(run: "Run", shown: Shown) -> "Study | None":
    """The run under the strategy that was asked for; None of a run without samples."""
    from ..study import Study

    if run.samples.empty:
        return None
    return Study(
        run,
        strategy=shown.strategy,
        weight=shown.weight,
        speed_worth=shown.worth.speed_worth,
        cost_tolerance=shown.worth.cost_tolerance,
    )


def _elsewhere(run: "Run") -> str:
    """What a deployment of AWS Lambda Power Tuning said."""
    return "\n".join(
        f"{name}: {output['power']} MB is best for {run.manifest.strategy}, "
        f"{output['duration']:,.2f} ms and ${output['cost']:.3g} an invocation (AWS Lambda Power "
        "Tuning's trimmed means: it keeps no samples, so no interval can be given)"
        for name, output in run.manifest.output.items()
    )


def _data(run: "Run", study: "Study | None", text: str, where: Path) -> dict[str, Any]:
    manifest = run.manifest
    exploration = {
        name: run.exploration.get(name) for name in ("stopped", "reason", "spent", "grid")
    }
    return {
        "run_id": run.run_id,
        "function": run.function,
        "answer": text,
        "sizes": list(run.manifest.sizes or run.sizes),
        "sizes_beyond_cores": list(run.beyond_mb),
        "decision": study.decision if study else _decided(run),
        "recommendations": records(study.recommend(study.strategies)) if study else [],
        "checks": [asdict(each) for each in study.checks()] if study else [],
        "exploration": exploration if run.adaptive else None,
        "overhead": manifest.overhead,
        "wall_ms": manifest.wall_ms,
        "billed_ms_critical_path": manifest.billed_ms_critical_path,
        "invocations": manifest.invocations,
        "billed_gb_s": _billed_gb_s(run),
        "usd": manifest.usd,
        "stored_in": str(where),
    }


def _billed_gb_s(run: "Run") -> float | None:
    """What the function was billed for, warm-ups included."""
    if run.samples.empty:
        return None
    return round(float((run.samples["memory_mb"] * run.samples["billed_ms"]).sum()) / 1_024_000, 3)


def _decided(run: "Run") -> dict[str, Any] | None:
    """What a run without samples decided, if it says so."""
    return run.decision.figures() if run.decision else None
