"""What a history says of each run: changes of every measure, and their words."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ...core.format import format_mb, format_part
from ...core.wire import finite
from ..verdict import BETTER, SUSPECT, WORSE, ChangeFinding
from .detector import (
    ALL,
    CONFIRMED,
    DEFAULT,
    LEARNING,
    SHARED_HOST,
    STEADY,
    TYPE,
    Judgement,
    Series,
    Thresholds,
    run_effects,
    watch,
)
from .detector import SUSPECT as SUSPECTED
from .segments import COST, DURATION, FAILURES, INIT, MEMORY, TAIL, Segment
from .summary import RunSummary

_WORDS: Mapping[str, tuple[str, str]] = {
    DURATION: ("faster", "slower"),
    TAIL: ("with a p95 closer to the mean", "with a p95 further from the mean"),
    COST: ("cheaper", "more expensive"),
    INIT: ("faster to start", "slower to start"),
    MEMORY: ("smaller in memory", "larger in memory"),
    FAILURES: ("failing less", "failing more"),
}

JUDGED: Mapping[str, float] = {DURATION: 0.0, TAIL: 0.10, INIT: 0.05, MEMORY: 0.05}
"""What is judged by levels, and the least change of each; failures are judged by counts."""

_STRICTER = 2.0
"""More than one measure would be more than one chance of a false alarm, so that all but duration
need more evidence."""

_RARE, _RARE_ONCE = 1e-5, 1e-4
"""How seldom chance may put so many failures into the newest two runs, and into one."""

SIBLINGS = 3
"""A change of another measure within so many runs of one that was reported is a part of it."""


class Change(NamedTuple):
    """A change of one measure: of what, where, and by which run it was confirmed (or suspected)."""

    measure: str
    kind: str
    series: Series
    since: RunSummary
    earliest: RunSummary
    latest: RunSummary
    confirmed_by: RunSummary
    before: RunSummary
    step: float
    error: float
    sibling: bool = False

    @property
    def worse(self) -> bool:
        """Whether it is for the worse: everything followed is better when there is less of it."""
        return self.step > 0


@dataclass(frozen=True)
class JudgedSegment:
    """The judgements of one segment: changes as they were confirmed, and what the newest run says
    (`newest` by measure)."""

    segment: Segment
    changes: tuple[Change, ...]
    newest: Mapping[str, Judgement]
    suspects: tuple[Change, ...]

    def level_start(self, accepted: Iterable[str] = ()) -> int:
        """The number of the run with which the newest level of durations began."""
        starts = [_index(self.segment, c.since) for c in self.changes if c.measure == DURATION]
        levels = set(accepted)
        starts += [n for n, run in enumerate(self.segment.runs) if run.run_id in levels]
        return max(starts, default=0)

    def since_level(self, accepted: Iterable[str] = ()) -> int:
        """Runs since it began."""
        return len(self.segment.runs) - self.level_start(accepted)


def judge_segment(
    segment: Segment, accepted: Sequence[str], thresholds: Thresholds
) -> JudgedSegment:
    """Every run of a segment judged as it came; `accepted` are the first runs of new levels."""
    starts = [n for n, run in enumerate(segment.runs) if run.run_id in accepted]
    changes: list[Change] = []
    suspects: list[Change] = []
    newest: dict[str, Judgement] = {}
    base = thresholds_for(segment)
    for measure, least in JUDGED.items():
        panel = segment.panel(measure)
        if not np.isfinite(panel.values).any():
            continue
        own = replace(base, least=max(base.least, least), stricter=_STRICTER)
        used = thresholds if measure == DURATION else own
        judged = watch(panel, starts, used)
        newest[measure] = judged[-1]
        changes += _changes(segment, measure, judged)
        if judged[-1].kind == SUSPECTED:
            suspects.append(_change(segment, measure, judged[-1], len(judged) - 1))
    judged = _failures(segment, starts)
    newest[FAILURES] = judged[-1]
    changes += _changes(segment, FAILURES, judged)
    if judged[-1].kind == SUSPECTED:
        suspects.append(_change(segment, FAILURES, judged[-1], len(judged) - 1))
    ordered = sorted(changes, key=lambda c: (c.confirmed_by.run_id, list(_WORDS).index(c.measure)))
    return JudgedSegment(segment, _with_siblings(segment, ordered), newest, tuple(suspects))


def thresholds_for(segment: Segment) -> Thresholds:
    """What must be known before, by where the runs of a segment were made."""
    return SHARED_HOST if segment.runs[-1].endpoint.embedded else DEFAULT


def finding(change: Change, segment: Segment, smallest: float) -> ChangeFinding:
    """The change as a record of a verdict, with its cause as far as the data tell."""
    kind = SUSPECT if change.kind == SUSPECTED else WORSE if change.worse else BETTER
    value, low, high = (_share(change, change.step + k * 1.96 * change.error) for k in (0, -1, 1))
    series, payload, memory_mb = change.series, "", None
    if series.kind == TYPE:
        payload = segment.payloads[series.number]
    elif series.kind != ALL:
        memory_mb = segment.sizes[series.number]
    cause = cause_of(change)
    return ChangeFinding(
        kind=kind,
        measure=change.measure,
        payload=payload,
        memory_mb=memory_mb,
        change=finite(value),
        low=finite(low),
        high=finite(high),
        smallest=finite(math.expm1(smallest)),
        since=change.since.run_id,
        earliest=change.earliest.run_id,
        latest=change.latest.run_id,
        cause=cause,
        text=_text(change, payload, memory_mb, (value, low, high), cause),
    )


def cause_of(change: Change) -> str:
    """Whether the code changed where the level did; "" where that is not known."""
    old, new = change.before, change.since
    if not old.code_sha256 or not new.code_sha256:
        return ""
    if old.code_sha256 == new.code_sha256:
        return "the code did not change, the platform did"
    first, last = (run.code.commit[:12] for run in (old, new))
    commits = f" (commits {first}..{last})" if first and last and first != last else ""
    return f"the code changed{commits}"


def _share(change: Change, step: float) -> float:
    return step if change.measure == FAILURES else math.expm1(min(step, 700.0))


def _text(
    change: Change,
    payload: str,
    memory_mb: int | None,
    values: tuple[float, float, float],
    cause: str,
) -> str:
    less, more = _WORDS[change.measure]
    where = payload or (f"at {format_mb(memory_mb)} everything" if memory_mb else "everything")
    if change.measure in (INIT, MEMORY, FAILURES) and not payload:
        where = f"the function at {format_mb(memory_mb)}" if memory_mb else "the function"
    value, low, high = values
    size, span = format_part(abs(value)), sorted((abs(low), abs(high)))
    if low < 0 < high:
        span = [0.0, max(span)]
    relative = " than the rest" if payload or (memory_mb and change.measure == DURATION) else ""
    between = ""
    if change.earliest.run_id != change.latest.run_id:
        between = f" (between {change.earliest.run_id} and {change.latest.run_id})"
    text = f"{where} is {more if change.worse else less}{relative} by {size} "
    text += (
        f"({format_part(span[0])} to {format_part(span[1])}) since {change.since.run_id}{between}"
    )
    return f"{text}; {cause}" if cause else text


def _changes(segment: Segment, measure: str, judged: Sequence[Judgement]) -> list[Change]:
    return [
        _change(segment, measure, judgement, n)
        for n, judgement in enumerate(judged)
        if judgement.kind == CONFIRMED
    ]


def _change(segment: Segment, measure: str, judgement: Judgement, confirmed_at: int) -> Change:
    runs = segment.runs
    since = max(judgement.since, 1)
    early, late = (max(n, 1) if n >= 0 else since for n in (judgement.earliest, judgement.latest))
    return Change(
        measure,
        judgement.kind,
        judgement.series or Series(ALL),
        since=runs[since],
        earliest=runs[min(early, since)],
        latest=runs[max(late, since)],
        confirmed_by=runs[confirmed_at],
        before=runs[since - 1],
        step=judgement.step,
        error=judgement.error,
    )


def _with_siblings(segment: Segment, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Changes that lie beside one that was reported before are parts of it."""
    marked: list[Change] = []
    for change in changes:
        near = [
            other
            for other in marked
            if not other.sibling
            and other.measure != change.measure
            and abs(_index(segment, other.since) - _index(segment, change.since)) <= SIBLINGS
            and other.worse == change.worse
        ]
        marked.append(change._replace(sibling=bool(near)))
    return tuple(marked)


def _index(segment: Segment, run: RunSummary) -> int:
    return segment.runs.index(run)


# Failures are counted, not averaged: a run with more than ever before, twice.


def _failures(segment: Segment, accepted: Sequence[int]) -> list[Judgement]:
    failed, all_of = segment.failures()
    start, judged = 0, []
    for newest in range(len(failed)):
        start = max([start, *(first for first in accepted if first <= newest)])
        judgement = _more_failures(failed, all_of, start, newest)
        if judgement.kind == CONFIRMED:
            start = judgement.since
        judged.append(judgement)
    return judged


def _more_failures(
    failed: "np.ndarray[tuple[int], np.dtype[np.float64]] | Sequence[float]",
    all_of: "np.ndarray[tuple[int], np.dtype[np.float64]] | Sequence[float]",
    start: int,
    newest: int,
) -> Judgement:
    if newest - start + 1 < DEFAULT.needed:
        return Judgement(LEARNING)
    shares = np.asarray(failed) / np.maximum(all_of, 1)
    for m, rare in ((2, _RARE), (1, _RARE_ONCE)):
        first = newest - m + 1
        base = range(max(start, first - DEFAULT.window), first)
        usual, top = shares[list(base)], shares[first : newest + 1]
        up, down = top.min() > usual.max(), top.max() < usual.min()
        if not (up or down) or len(base) < DEFAULT.fewest:
            continue
        counts = [
            (sum(failed[k] for k in r), sum(all_of[k] for k in r))
            for r in (range(first, newest + 1), base)
        ]
        if _chance(*counts, up=bool(up)) < rare:
            step = float(top.mean() - usual.mean())
            kind = CONFIRMED if m > 1 else SUSPECTED
            error = math.sqrt(max(top.mean() * (1 - top.mean()), 1e-4) / max(counts[0][1], 1))
            return Judgement(kind, Series(ALL), step, error, first, first, first)
    return Judgement(STEADY, Series(ALL))


def _chance(new: tuple[float, float], old: tuple[float, float], *, up: bool) -> float:
    """How often chance splits all failures so unevenly: a bound for the binomial (Chernoff)."""
    failures, whole = new[0] + old[0], new[1] + old[1]
    expected = new[1] / whole
    share = new[0] / failures if failures else expected
    if (share > expected) != up or not failures:
        return 1.0
    terms = (
        p * math.log(p / q) for p, q in ((share, expected), (1 - share, 1 - expected)) if p > 0
    )
    return math.exp(-failures * sum(terms))


# Slow drift, which no change point is made of: against the first runs of the level.


class Drift(NamedTuple):
    """By how much the newest runs differ from the first ones of the baseline (log)."""

    step: float
    error: float
    base: RunSummary


_FIRST, _LAST, _LEAST, _SURE = 10, 5, 0.05, 4.5


def drift(segment: Segment, first: int, thresholds: Thresholds) -> Drift | None:
    """The newest five runs against the first ten from `first` on; None where they hardly differ, or
    are too few."""
    panel = segment.panel(DURATION).between(first, len(segment.runs))
    if len(panel) < _FIRST + 2 * _LAST:
        return None
    effects = run_effects(panel, thresholds)
    base, new = effects[:_FIRST], effects[-_LAST:]
    sd = max(float(1.4826 * np.median(np.abs(np.diff(effects))) / np.sqrt(2)), 0.005)
    step = float(np.median(new) - np.median(base))
    error = 1.25 * sd * math.sqrt(1 / _FIRST + 1 / _LAST)
    if abs(step) < _LEAST or abs(step) < _SURE * error:
        return None
    return Drift(step, error, segment.runs[first])


def cost_of(segment: Segment, change: Change) -> float:
    """By how much the mean cost of a cell changed with a change, as a share; NaN if not known."""
    panel = segment.panel(COST)
    values = np.where(np.isfinite(panel.values), panel.values, np.nan)
    if change.series.kind == TYPE:
        values = values[:, [change.series.number]]
    elif change.series.kind != ALL:
        values = values[:, :, [change.series.number]]
    at, confirmed_at = _index(segment, change.since), _index(segment, change.confirmed_by)
    before, after = values[max(0, at - 28) : at], values[at : confirmed_at + 1]
    both = np.isfinite(before).any(0) & np.isfinite(after).any(0)
    if not both.any():
        return math.nan
    old, new = (np.nanmedian(levels[:, both], 0) for levels in (before, after))
    return math.expm1(float((new - old).mean()))
