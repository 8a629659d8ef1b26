"""A finished run on the command line: the answer in a sentence, and where the run lies."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.run import run_prefix
from .manners import show

if TYPE_CHECKING:
    from ..analysis.run import Run


def show_run(arguments: Namespace, run: "Run") -> None:
    """Print the recommendation and where the run is stored, or all of it as JSON."""
    where = Path(arguments.store) / run_prefix(run.function, run.run_id)
    text = _elsewhere(run) if run.samples.empty else _answer(arguments, run)
    show(arguments, _data(run, text, where), f"{text}\n\nstored in {where}/")


def _answer(arguments: Namespace, run: "Run") -> str:
    from ..analysis.answer import answer

    return str(answer(run, arguments.strategy, float(arguments.weight)))


def _elsewhere(run: "Run") -> str:
    """What a deployment of AWS Lambda Power Tuning said."""
    return "\n".join(
        f"{name}: {output['power']} MB is best for {run.manifest['strategy']}, "
        f"{output['duration']:,.2f} ms and ${output['cost']:.3g} an invocation (AWS Lambda Power "
        "Tuning's trimmed means: it keeps no samples, so no interval can be given)"
        for name, output in run.manifest["output"].items()
    )


def _data(run: "Run", text: str, where: Path) -> dict[str, Any]:
    from ..analysis.recommend import recommend

    manifest = run.manifest
    advice = [] if run.samples.empty else _records(recommend(run, manifest["strategy"]))
    return {
        "run_id": run.run_id,
        "function": run.function,
        "answer": text,
        "recommendations": advice,
        "overhead": manifest.get("overhead"),
        "wall_ms": manifest.get("wall_ms"),
        "billed_ms_critical_path": manifest.get("billed_ms_critical_path"),
        "invocations": manifest.get("invocations"),
        "usd": manifest.get("usd"),
        "stored_in": str(where),
    }


def _records(frame: Any) -> Any:
    """Rows as JSON values: NaN is null."""
    import json

    return json.loads(frame.to_json(orient="records"))
