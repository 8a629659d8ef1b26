"""Two runs side by side: what changed in duration and cost, and what else differs.

The change of a payload type is the geometric mean over the sizes that both runs measured of the
ratio of its means. Its interval is Student's t on the log scale, from how execution environments
differ in both runs (see `log_errors`), widened by how much runs of the same code differ (`noise`).
The rows of `Pair.overall` are judged together: their intervals are widened once more (Bonferroni),
so that two runs of the same code differ in any row with a probability of at most 5 %. Those of
`Pair.by_size` hold one by one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from ...core.errors import CannotTellError, UsageError, closest
from ...core.finding import Finding
from ...core.format import format_mb, join_mb
from ..curves import MIX, MeanCurve, mean_curves
from ..frames import good
from ..intervals import Floats
from ..run import BEYOND, Run, apart, as_run, labels, marked, of_means
from ..summary import cell_means
from .log_errors import LogError, LogErrors, added, log_errors
from .noise import PRIOR_NOISE, Difference, Noise, change

MEASURES = ("duration", "cost")


@dataclass(frozen=True, eq=False)
class ComparedCurves:
    """One payload type in both runs, at the `sizes` of both; `before` and `after` by measure.

    `errors` are those of the logarithm of after over before, by measure, one a size.
    """

    payload: str
    sizes: tuple[int, ...]
    before: dict[str, Floats]
    after: dict[str, Floats]
    errors: dict[str, list[LogError]]

    @property
    def judged(self) -> list[int]:
        """Which sizes the change is made of: those with an interval in both, or all without any.

        An adaptive run looks at some sizes in passing, in too few environments for an interval.
        """
        with_interval = [
            n for n in range(len(self.sizes)) if all(self.errors[m][n].is_known for m in MEASURES)
        ]
        return with_interval or list(range(len(self.sizes)))

    def changes(self, noise: Noise, confidence: float) -> dict[str, Difference]:
        """The change over all sizes that are judged, by measure."""
        changes, at = {}, self.judged
        for measure in MEASURES:
            value = float(np.log(self.after[measure][at] / self.before[measure][at]).mean())
            own = added([self.errors[measure][n] for n in at]).times(1 / len(at))
            changes[measure] = change(value, own, noise, confidence)
        return changes

    def overall(self, changes: Mapping[str, Difference]) -> dict[str, object]:
        """The row of `OVERALL`."""
        row: dict[str, object] = {"payload": self.payload}
        for measure in MEASURES:
            row |= _columns(measure, changes[measure])
        return row | {
            "cheapest_before_mb": self.sizes[int(self.before["cost"].argmin())],
            "cheapest_after_mb": self.sizes[int(self.after["cost"].argmin())],
        }

    def by_size(self, noise: Noise, confidence: float) -> list[dict[str, object]]:
        """The rows of `BY_SIZE`."""
        rows = []
        for n, size in enumerate(self.sizes):
            row: dict[str, object] = {"payload": self.payload, "memory_mb": size}
            for measure, unit, factor in (("duration", "ms", 1), ("cost", "per_million_usd", 1e6)):
                old, new = (float(side[measure][n]) for side in (self.before, self.after))
                row |= {f"before_{unit}": old * factor, f"after_{unit}": new * factor}
                own = self.errors[measure][n]
                own_change = change(float(np.log(new / old)), own, noise, confidence)
                row |= _columns(measure, own_change)
            rows.append(row)
        return rows


def compare_curves(
    curves: tuple[MeanCurve, MeanCurve], errors: tuple[LogErrors, LogErrors], memory_mb: int | None
) -> ComparedCurves:
    """The curves of one payload type of both runs, with their errors (see `log_errors`)."""
    before, after = curves
    sizes = [size for size in before.sizes if size in after.sizes]
    if memory_mb is not None:
        sizes = [size for size in sizes if size == memory_mb]
    columns = [[curve.sizes.index(size) for size in sizes] for curve in curves]
    old, new = (
        {"duration": curve.ms[at], "cost": curve.usd[at]}
        for curve, at in zip(curves, columns, strict=True)
    )
    payload = before.payload if before.payload == after.payload else _both(before, after)
    return ComparedCurves(payload, tuple(sizes), old, new, _together(curves, errors, sizes))


def _together(
    curves: tuple[MeanCurve, MeanCurve], errors: tuple[LogErrors, LogErrors], sizes: Sequence[int]
) -> dict[str, list[LogError]]:
    """The error of after over before, by measure, one a size."""
    sides = [
        [errors_by_size[curve.payload, size] for size in sizes]
        for errors_by_size, curve in zip(errors, curves, strict=True)
    ]
    return {
        measure: [added([a[measure].times(-1), b[measure]]) for a, b in zip(*sides, strict=True)]
        for measure in MEASURES
    }


def _both(before: MeanCurve, after: MeanCurve) -> str:
    return f"{before.payload} and {after.payload}"


def _columns(measure: str, change: Difference) -> dict[str, object]:
    return {
        f"{measure}_change": change.value,
        f"{measure}_low_change": change.low,
        f"{measure}_high_change": change.high,
    }


# What differs between two runs beside what was measured: whatever else could explain a change.


MACHINES = "different machines"
"""Name of the finding with which no difference says anything of the function."""

_FACTS = (
    ("code_sha256", "code", "this is what a comparison before and after a change is for"),
    ("architecture", "architecture", "this is what a comparison of architectures is for"),
    ("runtime", "runtime", "a part of the change may be the runtime's"),
    ("region", "region", "hosts and prices differ by region; compare inside one"),
    ("num", "invocations a size", "the one with fewer decides the width of the intervals"),
)


def differing(before: Run, after: Run) -> Iterator[Finding]:
    """A finding for each fact that is known of both runs and not the same."""
    yield from _endpoints(before, after)
    yield from _prices(before, after)
    for key, name, advice in _FACTS:
        old, new = getattr(before.manifest, key), getattr(after.manifest, key)
        if old and new and old != new:
            yield Finding("note", f"different {name}", f"{_short(old)}, then {_short(new)}", advice)
    if before.sizes != after.sizes:
        yield Finding(
            "note",
            "different sizes",
            f"{join_mb(before.sizes)}, then {join_mb(after.sizes)}",
            "only sizes of both are compared",
        )
    if before.embedded and after.embedded:
        yield Finding(
            "note",
            "other times",
            "on one machine at two times; what else ran on it is a part of any difference",
            "where a small difference matters, measure in turn: before, after, before, after",
        )
    if of_means(before) or of_means(after):
        yield Finding(
            "warning",
            "means only",
            "a published curve has no samples",
            "whether a difference is chance cannot be said; measure both to know",
        )


def _endpoints(before: Run, after: Run) -> Iterator[Finding]:
    old, new = (run.endpoint.words(*_MACHINE) for run in (before, after))
    if old and new and old != new:
        yield Finding(
            "error" if "embedded" in old + new and old.split()[0] != new.split()[0] else "warning",
            MACHINES,
            f"{old}, then {new}",
            "durations of different machines cannot be compared; measure both in one place",
        )


_MACHINE = ("kind", "limiter", "cores", "settle", "isolation", "python")
"""What two runs' endpoints must have in common, so that their durations can be compared."""


def _prices(before: Run, after: Run) -> Iterator[Finding]:
    old, new = (str(run.manifest.price_book.version) for run in (before, after))
    if old and new and old != new:
        yield Finding(
            "warning",
            "different price books",
            f"{old}, then {new}",
            "a part of the change of cost is that of prices; durations show the rest",
        )


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) > 20 else text


# Two runs side by side: what changed in duration and cost, with intervals, and what else differs.


OVERALL = (
    "payload",
    "duration_change",
    "duration_low_change",
    "duration_high_change",
    "cost_change",
    "cost_low_change",
    "cost_high_change",
    "cheapest_before_mb",
    "cheapest_after_mb",
)
BY_SIZE = (
    "payload",
    "memory_mb",
    "before_ms",
    "after_ms",
    "duration_change",
    "duration_low_change",
    "duration_high_change",
    "before_per_million_usd",
    "after_per_million_usd",
    "cost_change",
    "cost_low_change",
    "cost_high_change",
    BEYOND,
)
"""Columns of the two frames; changes are after over before less 1, so that -0.1 is 10 % less."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two runs compared: `overall` has a row a payload type, the mix (or the only one) last.

    `by_size` has a row a payload type and memory size. Bounds are NaN where a run has fewer than
    3 execution environments, or means only. `changes` are those of `overall`, by payload type and
    measure. `findings` say what else differs.
    """

    before: Run
    after: Run
    names: tuple[str, str]
    overall: DataFrame
    by_size: DataFrame
    changes: Mapping[tuple[str, str], Difference]
    findings: tuple[Finding, ...]

    def change(self, payload: str, measure: str) -> Difference:
        """The change of a payload type's "duration" or "cost" over all sizes."""
        return self.changes[payload, measure]

    @property
    def main(self) -> str:
        """The row that answers: the mix, or the only payload type."""
        return str(self.overall["payload"].iloc[-1])


def pair(
    before: Run | DataFrame,
    after: Run | DataFrame,
    *,
    names: tuple[str, str] | None = None,
    memory_mb: int | None = None,
    weights: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    noise: Noise = PRIOR_NOISE,
) -> Pair:
    """Compare the payload types and sizes that both runs have; `memory_mb` looks at one size.

    A run with a single curve and no payload type in common with the other is compared with its
    mix. `weights` of the mix are those of the run before unless given.

    Raises:
        UsageError: several functions in one run, or a size that was not measured.
        CannotTellError: no payload type, or no size with a successful invocation, in both.
    """
    first, second = (_single(as_run(run)) for run in (before, after))
    sides = _matched(first, second, first.weights if weights is None else weights)
    common = [part for part in _compared_curves(*sides, memory_mb) if part.sizes]
    if not common:
        raise _no_size(first, second, memory_mb)
    together = 1 - (1 - confidence) / (len(common) * len(MEASURES))
    changes = [part.changes(noise, together) for part in common]
    overall = [part.overall(own) for part, own in zip(common, changes, strict=True)]
    by_size = [row for part in common for row in part.by_size(noise, confidence)]
    return Pair(
        first,
        second,
        names or labels([first, second]),
        DataFrame(overall, columns=list(OVERALL)),
        marked(DataFrame(by_size, columns=list(BY_SIZE[:-1])), _fewest_cores(first, second)),
        {
            (part.payload, measure): own[measure]
            for part, own in zip(common, changes, strict=True)
            for measure in MEASURES
        },
        tuple(differing(first, second)),
    )


def _fewest_cores(before: Run, after: Run) -> Run:
    """The run whose host could tell fewer sizes apart; the first where neither had one host."""
    return min((run for run in (before, after) if run.host), key=_cores, default=before)


def _cores(run: Run) -> int:
    return run.host.cores if run.host else 0


def _single(run: Run) -> Run:
    several = apart(run)
    if run.samples.empty:
        raise UsageError(f"run {run.run_id or '(unnamed)'} has no samples to compare")
    if len(several) > 1:
        names = ", ".join(f"{run.function} ({run.manifest.architecture})" for run in several)
        raise UsageError(f"compare runs of one function and architecture each; one has {names}")
    return several[0]


Side = tuple[LogErrors, Sequence[MeanCurve]]
"""How far the means of one of the runs can be trusted, and its curves that are compared."""


def _matched(before: Run, after: Run, weights: Mapping[str, float]) -> tuple[Side, Side]:
    """Curves to compare, in the same order: payload types of both, then their mix.

    Curves are those of samples: what a model adds to them is no measurement of a change.
    """
    common = [name for name in before.payloads if name in after.payloads]
    if not common:
        if 1 not in (len(before.payloads), len(after.payloads)):
            raise CannotTellError(
                f"the runs have no payload type in common: {closest('', before.payloads)}, and "
                f"{closest('', after.payloads)}"
            )
        first, second = _side(before, weights), _side(after, after.weights)
        return (first[0], first[1][-1:]), (second[0], second[1][-1:])
    common_weights = {name: weights.get(name, 0) for name in common}
    sides = [_side(run.select(common), common_weights) for run in (before, after)]
    by_name = [{curve.payload: curve for curve in curves} for _, curves in sides]
    names = [name for name in (*common, MIX) if all(name in own for own in by_name)]
    first, second = (
        (errors, [own[name] for name in names])
        for (errors, _), own in zip(sides, by_name, strict=True)
    )
    return first, second


def _compared_curves(before: Side, after: Side, memory_mb: int | None) -> Iterator[ComparedCurves]:
    """The curves of each payload type and the mix of both runs."""
    for curves in zip(before[1], after[1], strict=True):
        yield compare_curves(curves, (before[0], after[0]), memory_mb)


def _side(run: Run, weights: Mapping[str, float]) -> Side:
    return log_errors(run.cells, weights), mean_curves(cell_means(run), weights)


def unjudged_sizes(pair: Pair, beyond: float) -> dict[str, list[int]]:
    """Sizes by payload type of which no interval is known while others have one, and that got
    slower by more than `beyond` (1.0 is twice)."""
    rows = pair.by_size
    unknown = rows["duration_low_change"].isna()
    some = ~rows["payload"].isin(rows["payload"][~unknown])
    slow = rows[unknown & ~some & (rows["duration_change"] > beyond)]
    return {
        str(payload): [int(size) for size in own["memory_mb"]]
        for payload, own in slow.groupby("payload", sort=False)
    }


def _no_size(before: Run, after: Run, memory_mb: int | None) -> UsageError | CannotTellError:
    if memory_mb is not None and memory_mb not in set(before.sizes) & set(after.sizes):
        return UsageError(f"{format_mb(memory_mb)} was not measured in one of the runs")
    for run, name in ((after, "after"), (before, "before")):
        if good(run.samples).empty:
            return CannotTellError(
                f"every invocation of the run {name} ({run.run_id}) failed: look at its errors, "
                "and measure again"
            )
    if set(before.sizes) & set(after.sizes):
        return CannotTellError(
            "no memory size has a successful invocation in both runs: nothing to compare"
        )
    return CannotTellError(
        f"no memory size was measured in both runs: {join_mb(before.sizes)}, and "
        f"{join_mb(after.sizes)}; measure a size of both"
    )
