"""What an adaptive run tells in the end: its answers, its steps, and what the grid would have cost.

`exploration` in the manifest has all of it, in the execution's output there is what fits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..storage import RunFolder

_OUTPUT_ANSWERS = 100
_OUTPUT_REASON = 1_000
_STEP_REASON = 600
_STEP_FIELDS = ("stopped", "batch", "elapsed_s", "invocations", "usd", "gb_s")

_CHOSEN = {"power": "value", "cost": "averagePrice", "duration": "averageDuration"}

Told = dict[str, Any]


def told(store: RunFolder, count: int) -> Told:
    """The `exploration` of a manifest: each of `count` steps, and the `answers` of the last one.

    `spent` is what was invoked; `grid` what measuring every size would have, by the curves found
    (None where some payload type has none).
    """
    steps = list(store.read_steps())[:count]
    last = steps[-1]
    return {
        "stopped": last["stopped"],
        "reason": last["reason"],
        "answers": last["answers"],
        "warnings": last["warnings"],
        "spent": {name: last[name] for name in ("invocations", "gb_s", "usd")},
        "grid": last["grid"],
        "steps": [_brief(number, step) for number, step in enumerate(steps, 1)],
    }


def with_answer(output: Told, winners: Sequence[Mapping[str, Any]], found: Told) -> Told:
    """The output with the size that the model recommends, and with the model's own words.

    A few samples a size are too few for the contract's trimmed means to choose by alone. What is
    told of the size is what was measured there: one that was not measured (of many payload types
    each may have been measured elsewhere) is no winner, and stands in `exploration` alone.
    """
    size = recommended(found)["memory_mb"] if found["answers"] else None
    stat = next((stat for stat in winners if stat["value"] == size), None)
    chosen = {name: stat[source] for name, source in _CHOSEN.items()} if stat else {}
    return {**output, **chosen, "exploration": _for_output(found)}


def recommended(found: Told) -> Told:
    """The answer for the mix, or for the only payload type."""
    last: Told = found["answers"][-1]
    return last


def _for_output(found: Told) -> Told:
    """What fits into the output, in the contract's way of writing."""
    answers: list[Told] = found["answers"]
    return {
        "stopped": found["stopped"],
        "reason": found["reason"][:_OUTPUT_REASON],
        "steps": len(found["steps"]),
        "answers": [_answer(answer) for answer in answers[-_OUTPUT_ANSWERS:]],
        "curve": [_prediction(p) for p in recommended(found)["curve"]] if answers else [],
        "spent": _spending(found["spent"]),
        "grid": _spending(found["grid"]) if found["grid"] else None,
    }


def _brief(number: int, step: Told) -> Told:
    """A step of the manifest, which runs are listed from: what it decided, and how sure it was."""
    answers = [
        {
            "payload": answer["payload"],
            "memory_mb": answer["memory_mb"],
            "within_5": round(answer["within_5"], 4),
        }
        for answer in step["answers"]
    ]
    kept = {name: step[name] for name in _STEP_FIELDS}
    return {"step": number, **kept, "reason": step["reason"][:_STEP_REASON], "answers": answers}


def _answer(answer: Told) -> Told:
    return {
        "payload": answer["payload"],
        "power": answer["memory_mb"],
        "measured": any(
            point["measured"]
            for point in answer["curve"]
            if point["memory_mb"] == answer["memory_mb"]
        ),
        "within1": answer["within_1"],
        "within5": answer["within_5"],
        "regret": answer["regret"],
    }


def _prediction(point: Told) -> Told:
    return {
        "value": point["memory_mb"],
        "measured": point["measured"],
        "durationMs": point["duration_ms"],
        "lowMs": point["low_ms"],
        "highMs": point["high_ms"],
        "costUsd": point["cost_usd"],
    }


def _spending(spent: Told) -> Told:
    return {"invocations": spent["invocations"], "gbS": spent["gb_s"], "usd": spent["usd"]}
