"""How an adaptive run found its answer: its steps, what it predicts, what it saved."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pandas import DataFrame

from ..samples.hosts import BEYOND, marked
from ..samples.run import Run
from ..statistics.curves import MIX
from ..telling.format import (
    format_change,
    format_mb,
    format_share,
    format_times,
    join_mb,
    ratio,
    short_name,
)
from ..telling.sentences import SUPERLATIVES
from ..telling.statement import Statement

STEP_COLUMNS = (
    "step",
    "elapsed_s",
    "memory_mb",
    "payload",
    "count",
    "environments",
    "answer_mb",
    "within_5",
    "invocations",
    "spent_usd",
    "stopped",
    "reason",
    BEYOND,
)
PREDICTION_COLUMNS = (
    "payload",
    "memory_mb",
    "measured",
    "duration_ms",
    "low_ms",
    "high_ms",
    "cost_usd",
    BEYOND,
)

ANSWER_COLUMNS = (
    "payload",
    "strategy",
    "memory_mb",
    "measured",
    "within_1",
    "within_5",
    "regret",
    BEYOND,
)

ENDS: Mapping[str, str] = {
    "sure": "it is sure enough",
    "price": "more samples would cost more than they may save",
    "budget": "the budget ended",
    "time": "the time ended",
    "grid": "it had cost as much as the grid would",
    "exhausted": "more samples at these sizes would not make it surer",
    "history": "the execution's history was nearly full",
    "failed": "invocations failed at every size",
}
"""Why an adaptive run stopped, in words."""


def exploration(run: Run) -> DataFrame:
    """The steps of an adaptive run: a row for each size and payload type that a step measured.

    `answer_mb` and `within_5` are the payload type's best size before the step, and how probable
    it was that none is better by more than 5 % (NaN before anything was seen); `invocations` and
    `spent_usd` were made and spent by then. The last row, of no size, is the end. Empty for a grid.
    """
    steps = run.exploration.get("steps", ())
    rows = [row for step in steps for row in _rows(step)]
    return marked(DataFrame(rows, columns=list(STEP_COLUMNS[:-1])), run)


def predictions(run: Run) -> DataFrame:
    """The curves that an adaptive run ended with: of each payload type, and of the mix.

    `measured` counts the samples that tell of a size: where it is 0 the rest is the model's word
    alone.
    `low_ms` and `high_ms` bound the mean duration with a probability of 90 %. Empty for a grid.
    """
    rows = [
        {**point, "payload": answer["payload"] or MIX}
        for answer in run.exploration.get("answers", ())
        for point in answer["curve"]
    ]
    return marked(DataFrame(rows, columns=list(PREDICTION_COLUMNS[:-1])), run)


def answers(run: Run) -> DataFrame:
    """The best size of each payload type and of the mix, by the model of an adaptive run.

    `measured` is False for a size that the model only predicts; `within_1` and `within_5` are the
    probabilities that no size is better by more than that share, `regret` how much worse than the
    best it is expected to be.
    """
    rows = [
        {
            "payload": answer["payload"] or MIX,
            "strategy": run.manifest["strategy"],
            "memory_mb": answer["memory_mb"],
            "measured": _measured(answer) > 0,
            **{name: answer[name] for name in ("within_1", "within_5", "regret")},
        }
        for answer in run.exploration.get("answers", ())
    ]
    return marked(DataFrame(rows, columns=list(ANSWER_COLUMNS[:-1])), run)


def exploration_answer(run: Run) -> Statement:
    """What an adaptive run found, how sure it is, and what it saved; empty for a grid."""
    if not run.adaptive:
        return Statement("")
    size, verdict = _found(run)
    headline = f"Set {short_name(run.function)} to {size}: {verdict}" if size else verdict
    return Statement(headline, tuple(_sentences(run)), functions=(run.function,))


def exploration_headline(run: Run) -> str:
    """The size, the confidence, and the price beside the grid's."""
    size, verdict = _found(run)
    return f"{size} is {verdict}" if size else verdict


def _found(run: Run) -> tuple[str, str]:
    """The size of the answer, "" where there is none, and what is to be said of it."""
    told = run.exploration
    spent = f"{told['spent']['invocations']:,} invocations"
    if told["grid"]:
        spent += f" instead of {told['grid']['invocations']:,}"
    if not told["answers"]:
        return "", f"No size is known to be best after {spent}"
    best = told["answers"][-1]
    guess = "" if _measured(best) else ", by prediction alone"
    if run.host and best["memory_mb"] in run.beyond_mb:
        guess += f", as far as {run.host.told} can tell"
    sure = f"within 5 % of the {_best(run)} size ({format_share(best['within_5'])} sure)"
    return format_mb(best["memory_mb"]), f"{sure}{guess}, after {spent}"


def saving(run: Run) -> float:
    """How many times fewer GB-seconds than the grid (an estimate); NaN where that is not known."""
    told = run.exploration
    return ratio(told["grid"]["gb_s"], told["spent"]["gb_s"]) if told.get("grid") else math.nan


def _rows(step: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    answers = {answer["payload"]: answer for answer in step["answers"]}
    common = {
        "step": step["step"],
        "elapsed_s": step["elapsed_s"],
        "invocations": step["invocations"],
        "spent_usd": step["usd"],
        "stopped": step["stopped"],
        "reason": step["reason"],
    }
    for item in step["batch"]:
        answer = answers.get(item["payload"], {})
        yield {
            **common,
            **item,
            "answer_mb": answer.get("memory_mb"),
            "within_5": answer.get("within_5"),
        }
    if not step["batch"]:
        last = step["answers"][-1] if step["answers"] else {}
        yield {**common, "answer_mb": last.get("memory_mb"), "within_5": last.get("within_5")}


def _sentences(run: Run) -> Iterator[str]:
    told = run.exploration
    why = ENDS.get(told["stopped"], told["stopped"])
    yield f"It stopped after {len(told['steps'])} steps, since {why}."
    times = saving(run)
    if not math.isnan(times):
        dearer = format_change(ratio(told["spent"]["usd"], told["grid"]["usd"]) - 1, "less", "more")
        yield (
            f"It took {format_times(times)} fewer GB-seconds and {dearer} money than the grid "
            "would have, by its own curves."
        )
    for answer in told["answers"][:-1]:
        if answer["memory_mb"] != told["answers"][-1]["memory_mb"]:
            yield (
                f"{answer['payload']} alone: {format_mb(answer['memory_mb'])}, within 5 % of its "
                f"{_best(run)} size ({format_share(answer['within_5'])} sure)."
            )
    known = {*run.sizes, *run.beyond_mb[1:]}
    guessed = sorted({size for size in run.manifest["sizes"] if size not in known})
    if guessed:
        sizes = ", ".join(format_mb(size) for size in guessed)
        yield f"Not measured, and known by the model's prediction alone: {sizes}."
    if run.host and run.beyond_mb:
        yield (
            f"Beyond the {run.host.told} of this host, {join_mb(run.beyond_mb)} would run alike; "
            f"{format_mb(run.beyond_mb[0])} stood for all. How good they are, only AWS can tell."
        )
    yield from (f"{text}." for text in told["warnings"])


def _measured(answer: Mapping[str, Any]) -> int:
    """Warm samples at the size of an answer."""
    size = answer["memory_mb"]
    return sum(point["measured"] for point in answer["curve"] if point["memory_mb"] == size)


def _best(run: Run) -> str:
    return SUPERLATIVES[run.manifest["strategy"]]
