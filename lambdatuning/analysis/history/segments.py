"""A history in order: the runs of one place, cut where levels cannot be compared, as panels."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...core.tuning.manifest import LOGS, OURS
from .detector import DEFAULT, Floats, Panel, Thresholds, run_effects
from .summary import CellSummary, RunSummary

DURATION, TAIL, COST, INIT, MEMORY, FAILURES = (
    "duration",
    "p95",
    "cost",
    "cold start",
    "memory used",
    "failures",
)
"""What is followed. The p95 is judged by its distance from the mean, which is judged itself; cost
is followed and not judged: within one price book it goes with duration."""

LONGEST = 400
"""Runs of a segment that are judged again, newest last."""


class Cut(NamedTuple):
    """Where a history is cut: before a run, since so much differs from then on."""

    run_id: str
    reason: str


@dataclass(frozen=True)
class Segment:
    """Runs that can be compared, oldest first, and the cells that enough of them have."""

    runs: tuple[RunSummary, ...]
    payloads: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def nights(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """The day of each run, as a number."""
        return np.array([_day(run, n) for n, run in enumerate(self.runs)])

    def panel(self, measure: str) -> Panel:
        """Logarithms of a measure; cold starts and memory have no payload types."""
        if measure == INIT:
            return self._inits()
        if measure == MEMORY:
            return self._memory()
        values, errors = self._empty(len(self.payloads))
        for t, p, s, cell in self._cells():
            if cell.duration_ms and cell.duration_ms > 0:
                values[t, p, s] = _value(cell, measure)
                errors[t, p, s] = np.nan if cell.error is None else cell.error
        if measure == TAIL:
            errors = _by_differences(values)
        return Panel(values, _filled(values, errors), self.nights)

    def failures(self) -> tuple[Floats, Floats]:
        """Failed and all invocations of each run, over the cells."""
        pairs = [
            (sum(cell.failures for cell in run.cells), sum(cell.invocations for cell in run.cells))
            for run in self.runs
        ]
        table = np.array(pairs, float).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def _inits(self) -> Panel:
        values, errors = self._empty(1)
        for t, run in enumerate(self.runs):
            for s, size in enumerate(self.sizes):
                if size in run.init_ms:
                    mean, error = run.init_ms[size]
                    values[t, 0, s], errors[t, 0, s] = np.log(mean), error
        return Panel(values, errors, self.nights)

    def _memory(self) -> Panel:
        values, _ = self._empty(1)
        for t, _, s, cell in self._cells():
            if cell.max_memory_mb:
                values[t, 0, s] = np.nanmax([values[t, 0, s], np.log(cell.max_memory_mb)])
        return Panel(values, np.maximum(_by_differences(values), 0.01), self.nights)

    def _empty(self, types: int) -> tuple[Floats, Floats]:
        shape = (len(self.runs), types, len(self.sizes))
        return np.full(shape, np.nan), np.full(shape, np.nan)

    def _cells(self) -> Iterable[tuple[int, int, int, CellSummary]]:
        payloads = {name: p for p, name in enumerate(self.payloads)}
        sizes = {size: s for s, size in enumerate(self.sizes)}
        for t, run in enumerate(self.runs):
            for cell in run.cells:
                if cell.payload in payloads and cell.memory_mb in sizes:
                    yield t, payloads[cell.payload], sizes[cell.memory_mb], cell


@dataclass(frozen=True)
class Lane:
    """All runs of the place that was measured last, in segments; `apart` counts runs elsewhere."""

    segments: tuple[Segment, ...]
    cuts: tuple[Cut, ...]
    apart: Mapping[str, int]

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """Every run, oldest first."""
        return tuple(run for segment in self.segments for run in segment.runs)


SAMPLED = (OURS, LOGS)
"""Kinds of runs that have samples of every invocation; measured ones and logs never share a lane,
since a log tells of no endpoint."""


def lane(runs: Iterable[RunSummary], function: str = "") -> Lane | None:
    """The history of a function, by default of the one that was measured last; None without a run.

    Only runs of its newest architecture, region and kind of endpoint belong to it.
    """
    of_function = sorted(
        (run for run in runs if run.kind in SAMPLED and function in ("", run.function)),
        key=lambda run: run.run_id,
    )
    if not of_function:
        return None
    place = of_function[-1].place
    own = [run for run in of_function if run.place == place]
    apart = Counter(_where(run) for run in of_function if run.place[0] == place[0])
    del apart[_where(own[-1])]
    groups, cuts = _cut(own)
    return Lane(tuple(map(_segment, groups)), cuts, dict(apart))


def learnt(panels: Iterable[Panel], thresholds: Thresholds = DEFAULT) -> Thresholds:
    """The thresholds with the spread of runs that the account's other functions teach.

    Of each with at least ten runs the spread is estimated by how consecutive runs differ, which a
    change of level moves once; the upper quartile is taken, so that a quiet neighbour does not make
    a restless function alarm.
    """
    spreads = [_spread(panel, thresholds) for panel in panels if len(panel) >= _TEACHES]
    if len(spreads) < _TEACHERS:
        return thresholds
    sd = max(float(np.quantile(spreads, 0.75)) * _CAUTION, _LEAST_SPREAD)
    if sd >= thresholds.overall.prior_sd:
        return thresholds
    overall = thresholds.overall
    return replace(thresholds, overall=replace(overall, prior_sd=sd, prior_runs=_WORTH))


_TEACHES, _TEACHERS, _CAUTION, _LEAST_SPREAD, _WORTH = 10, 2, 1.2, 0.01, 10.0


def _spread(panel: Panel, thresholds: Thresholds) -> float:
    effects = run_effects(panel.between(max(0, len(panel) - 60), len(panel)), thresholds)
    return float(1.4826 * np.median(np.abs(np.diff(effects))) / np.sqrt(2))


def _where(run: RunSummary) -> str:
    _, architecture, region, kind = run.place
    return " ".join(part for part in (architecture, region, kind) if part)


def _cut(
    runs: Sequence[RunSummary],
) -> tuple[list[list[RunSummary]], tuple[Cut, ...]]:
    groups, cuts = [[runs[0]]], []
    for before, run in pairwise(runs):
        old, new = before.conditions, run.conditions
        differing = [name for name in new if new[name] != old[name]]
        if differing:
            words = [f"{name}: {old[name] or '-'}, then {new[name] or '-'}" for name in differing]
            cuts.append(Cut(run.run_id, "; ".join(words)))
            groups.append([])
        groups[-1].append(run)
    return groups, tuple(cuts)


def _segment(runs: Sequence[RunSummary]) -> Segment:
    """Payload types and sizes that the newest run has, or half of the others."""
    recent = runs[-LONGEST:]
    last = recent[-1]
    types = Counter(name for run in recent for name in {cell.payload for cell in run.cells})
    sizes = Counter(size for run in recent for size in {cell.memory_mb for cell in run.cells})
    half = len(recent) / 2
    payloads = {cell.payload for cell in last.cells} | {
        n for n, count in types.items() if count > half
    }
    own = {cell.memory_mb for cell in last.cells} | {
        s for s, count in sizes.items() if count > half
    }
    return Segment(tuple(recent), tuple(sorted(payloads)), tuple(sorted(own)))


def _value(cell: CellSummary, measure: str) -> float:
    if measure == TAIL:
        return cell.tail or 0.0
    if measure == COST:
        return float(np.log(cell.cost_usd)) if cell.cost_usd else np.nan
    return float(np.log(cell.duration_ms or np.nan))


def _by_differences(values: Floats) -> Floats:
    """The error of each cell by how consecutive runs differ, where samples do not tell it."""
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(values, axis=0))
    steps = np.where(np.isfinite(steps), steps, 0.0)
    spread = np.median(steps, 0) if len(steps) else np.zeros(values.shape[1:])
    return np.broadcast_to(np.maximum(1.4826 * spread / np.sqrt(2), 0.003), values.shape).copy()


def _filled(values: Floats, errors: Floats) -> Floats:
    """An error for every value: a cell with one sample errs about as others of its payload type."""
    lacking = np.isfinite(values) & ~np.isfinite(errors)
    if not lacking.any():
        return errors
    finite = errors[np.isfinite(errors)]
    usual = float(np.median(finite)) if finite.size else 0.05
    return np.where(lacking, 2 * usual, errors)


def _day(run: RunSummary, n: int) -> int:
    try:
        return datetime.fromisoformat(run.started_at).toordinal()
    except ValueError:
        return n
