"""A finished run on the command line: the answer in a sentence, and where the run lies."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.records import run_prefix
from ..core.sizes import beyond_note
from .manners import show

if TYPE_CHECKING:
    from ..analysis.run import Run


def show_run(arguments: Namespace, run: "Run") -> None:
    """Print the recommendation and where the run is stored, or all of it as JSON."""
    where = Path(arguments.store) / run_prefix(run.function, run.run_id)
    text = _elsewhere(run) if run.samples.empty else _answer(arguments, run)
    note = beyond_note(run.manifest.get("endpoint"), run.beyond_mb)
    text += f"\n{note}." if note else ""
    show(arguments, _data(run, text, where), f"{text}\n\nstored in {where}/")


def _answer(arguments: Namespace, run: "Run") -> str:
    from ..analysis.answer import answer, notice

    if run.adaptive:
        from ..analysis.adaptive import exploration_answer

        return "\n".join(filter(None, (str(exploration_answer(run)), notice(run))))
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
    manifest = run.manifest
    told = {name: run.exploration.get(name) for name in ("stopped", "reason", "spent", "grid")}
    return {
        "run_id": run.run_id,
        "function": run.function,
        "answer": text,
        "sizes": list(run.manifest.get("sizes", run.sizes)),
        "sizes_beyond_cores": list(run.beyond_mb),
        "recommendations": _recommendations(run),
        "exploration": told if run.adaptive else None,
        "overhead": manifest.get("overhead"),
        "wall_ms": manifest.get("wall_ms"),
        "billed_ms_critical_path": manifest.get("billed_ms_critical_path"),
        "invocations": manifest.get("invocations"),
        "billed_gb_s": _billed_gb_s(run),
        "usd": manifest.get("usd"),
        "stored_in": str(where),
    }


def _billed_gb_s(run: "Run") -> float | None:
    """What the function was billed for, warm-ups included."""
    if run.samples.empty:
        return None
    return round(float((run.samples["memory_mb"] * run.samples["billed_ms"]).sum()) / 1_024_000, 3)


def _recommendations(run: "Run") -> Any:
    """Of an adaptive run the model's own: its few samples a size do not decide by themselves."""
    from ..analysis.adaptive import answers
    from ..analysis.recommend import recommend

    if run.adaptive:
        return _records(answers(run))
    return [] if run.samples.empty else _records(recommend(run, run.manifest["strategy"]))


def _records(frame: Any) -> Any:
    """Rows as JSON values: NaN is null."""
    import json

    return json.loads(frame.to_json(orient="records"))
