"""How an adaptive run reached its answer: steps, predictions, savings."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import pandas as pd
from pandas import DataFrame

from ...core.exploration.proposal import UNSURE
from ...core.format import (
    format_change,
    format_mb,
    format_times,
    join_mb,
    ratio,
)
from ...core.tuning.explored import Explored, StepAnswer, TakenStep
from ..curves import MIX, Curve
from ..data import StudyData
from ..intervals import KEYS, interval
from ..run import BEYOND, Run, marked
from ..summary import with_gains

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

ENDS: Mapping[str, str] = {
    "sure": "the answer is expected to lose no more than was accepted",
    "price": "more samples would cost more than they may save",
    "budget": "the budget ended",
    "time": "the time ended",
    "grid": "more samples would cost as much as measuring every size",
    "history": "the execution's history was nearly full",
    "failed": "invocations failed at every size",
    "unplaced": "more samples cannot make it sure while it is not known which execution "
    "environments served them",
}
"""Why an adaptive run stopped, in words."""


def steps(run: Run) -> DataFrame:
    """The steps of an adaptive run: a row for each size and payload type that a step measured.

    `answer_mb` and `within_5` are the payload type's best size before the step, and how probable
    it was that none is better by more than 5 % (NaN before anything was seen); `invocations` and
    `spent_usd` were made and spent by then. The last row, of no size, is the end. Empty for a grid.
    """
    taken = run.exploration.steps if run.exploration else ()
    rows = [row for step in taken for row in _rows(step)]
    return marked(DataFrame(rows, columns=list(STEP_COLUMNS[:-1])), run)


def predictions(run: Run) -> DataFrame:
    """The curves that an adaptive run ended with: of each payload type, and of the mix.

    `measured` counts the samples of a size: where it is 0 the rest is the model's word alone.
    `low_ms` and `high_ms` bound the mean duration with a probability of 90 %. Empty for a grid.
    """
    rows = [
        {**asdict(point), "payload": answer.payload or MIX}
        for answer in (run.exploration.answers if run.exploration else ())
        for point in answer.curve
    ]
    return marked(DataFrame(rows, columns=list(PREDICTION_COLUMNS[:-1])), run)


def modelled(data: StudyData) -> DataFrame:
    """The summary with the mean durations and costs that decide: of an adaptive run its model's,
    those of its samples beside (`sample_mean_ms`, `sample_per_million_usd`) and a row for each size
    that it answers without a sample. Of a grid the summary itself.
    """
    return pd.concat([_modelled(part) for part in data.parts], ignore_index=True)


def _modelled(part: StudyData) -> DataFrame:
    summary = part.cell_summaries
    if not part.run.exploration or not part.run.exploration.answers:
        return summary
    curves = [curve for curve in part.curves if curve.payload in part.run.payloads]
    rows = [row for curve in curves for row in _points(curve)]
    own = {"mean_ms": "sample_mean_ms", "cost_per_million_usd": "sample_per_million_usd"}
    samples = summary.rename(columns=own)
    samples = samples[[name for name in samples if name in KEYS or name not in _BY_MODEL]]
    both = DataFrame(rows, columns=[*KEYS, *_BY_MODEL[:7]]).merge(
        samples.astype(dict.fromkeys(KEYS[:3], object)), on=KEYS, how="outer"
    )
    counts = ["n", "cold", "failed", "environments"]
    both[counts] = both[counts].fillna(0).astype(int)
    today_mb = part.today_mb if part.today_mb in part.run.sizes else None
    whole = marked(with_gains(both, today_mb), part.run)
    added = [name for name in whole if name not in summary]
    return whole[[*summary.columns, *added]]


_BY_MODEL = (
    *("mean_ms", "mean_low_ms", "mean_high_ms", "cost_usd", "cost_low_usd", "cost_high_usd"),
    *("cost_per_million_usd", "relative_cost", "saving", "speedup", "step_saving", "step_speedup"),
    BEYOND,
)
"""Columns of a summary that a model's curve gives, and what follows from them."""


def _points(curve: Curve) -> Iterator[tuple[object, ...]]:
    for n, size in enumerate(curve.sizes):
        ms, usd = float(curve.ms[n]), float(curve.usd[n])
        key = (curve.function, curve.architecture, curve.payload, size)
        spans = (*interval(curve.resampled_ms[:, n]), usd, *interval(curve.resampled_usd[:, n]))
        yield (*key, ms, *spans, usd * 1e6)


def saving(run: Run) -> float:
    """How many times fewer GB-seconds than the grid (an estimate); NaN where that is not known."""
    about = run.exploration
    return ratio(about.grid.gb_s, about.spent.gb_s) if about and about.grid else math.nan


def outcome(run: Run) -> list[str]:
    """Why an adaptive run stopped, what it took against the grid, what it did not measure; [] for
    a grid."""
    return list(_sentences(run, run.exploration)) if run.exploration else []


def _rows(step: TakenStep) -> Iterator[dict[str, object]]:
    answers = {answer.payload: answer for answer in step.answers}
    common = {
        "step": step.step,
        "elapsed_s": step.elapsed_s,
        "invocations": step.invocations,
        "spent_usd": step.usd,
        "stopped": step.stopped,
        "reason": step.reason,
    }
    for item in step.batch:
        yield {**common, **asdict(item), **_best(answers.get(item.payload))}
    if not step.batch:
        yield {**common, **_best(step.answers[-1] if step.answers else None)}


def _best(answer: StepAnswer | None) -> dict[str, float | None]:
    if answer is None:
        return {"answer_mb": None, "within_5": None}
    return {"answer_mb": answer.memory_mb, "within_5": answer.within_5}


def _sentences(run: Run, about: Explored) -> Iterator[str]:
    why = ENDS.get(about.stopped, about.stopped)
    spent = f"{about.spent.invocations:,} invocations in {len(about.steps)} steps"
    instead = f" instead of {about.grid.invocations:,}" if about.grid else ""
    yield f"The adaptive run stopped after {spent}{instead}, since {why}."
    times = saving(run)
    if about.grid and not math.isnan(times):
        change = format_change(ratio(about.spent.usd, about.grid.usd) - 1, "less", "more")
        yield (
            f"It took {format_times(times)} fewer GB-seconds and {change} money than the grid "
            "would have, as estimated by its own curves."
        )
    measured = {*run.sizes, *run.beyond_mb[1:]}
    guessed = sorted({size for size in run.planned_mb if size not in measured})
    if guessed:
        yield f"Not measured, since they cannot be best by its model: {join_mb(guessed)}."
    if run.host and run.beyond_mb:
        yield (
            f"Beyond the {run.host} of this host, {join_mb(run.beyond_mb)} would run alike; "
            f"{format_mb(run.beyond_mb[0])} stood for all. How good they are, only AWS can tell."
        )
    # How sure it is, the answer itself says.
    yield from (f"{text}." for text in about.warnings if UNSURE not in text)
