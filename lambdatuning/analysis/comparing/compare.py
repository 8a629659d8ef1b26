"""Two runs side by side: what changed in duration and cost, with intervals, and what else differs.

The change of a payload type is the geometric mean over the sizes that both runs measured of the
ratio of its means. Its interval is Student's t on the log scale, from how execution environments
differ in both runs (see `log_errors`), widened by how much runs of the same code differ (`noise`).
The rows of `Pair.overall` are judged together: their intervals are widened once more (Bonferroni),
so that two runs of the same code differ in any row with a probability of at most 5 %. Those of
`Pair.by_size` hold one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pandas import DataFrame

from ...core.errors import UsageError, closest
from ..checks.check import Check
from ..samples.hosts import BEYOND, marked
from ..samples.labels import labels
from ..samples.run import Run, as_run
from ..samples.several import apart
from ..statistics.curves import MIX, Curve, curves
from ..statistics.log_errors import log_errors
from .change import Change
from .compared import MEASURES, compared
from .differing import differing
from .noise import KNOWN, Noise

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
    changes: Mapping[tuple[str, str], Change]
    findings: tuple[Check, ...]

    def change(self, payload: str, measure: str) -> Change:
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
    noise: Noise = KNOWN,
) -> Pair:
    """Compare the payload types and sizes that both runs have; `memory_mb` looks at one size.

    A run with a single curve and no payload type in common with the other is compared with its
    mix. `weights` of the mix are those of the run before unless given.

    Raises:
        UsageError: several functions in one run, or no payload type or size in common.
    """
    first, second = (_single(as_run(run)) for run in (before, after))
    weighing = first.weights if weights is None else weights
    old, new = _matched(first, second, weighing)
    errors = (log_errors(first, weighing), log_errors(second, _weights(old, new, second, weighing)))
    cells = [compared(both, errors, memory_mb) for both in zip(old, new, strict=True)]
    found = [each for each in cells if each.sizes]
    if not found:
        raise UsageError(_no_size(first, second, memory_mb))
    together = 1 - (1 - confidence) / (len(found) * len(MEASURES))
    changes = [each.changes(noise, together) for each in found]
    overall = [each.overall(own) for each, own in zip(found, changes, strict=True)]
    by_size = [row for each in found for row in each.by_size(noise, confidence)]
    return Pair(
        first,
        second,
        names or labels([first, second]),
        DataFrame(overall, columns=list(OVERALL)),
        marked(DataFrame(by_size, columns=list(BY_SIZE[:-1])), _fewest_cores(first, second)),
        {
            (each.payload, measure): own[measure]
            for each, own in zip(found, changes, strict=True)
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
        names = ", ".join(f"{each.function} ({each.manifest['architecture']})" for each in several)
        raise UsageError(f"compare runs of one function and architecture each; one has {names}")
    return several[0]


def _weights(
    old: Sequence[Curve], new: Sequence[Curve], second: Run, weighing: Mapping[str, float]
) -> Mapping[str, float]:
    """Weights of the run after: those of the run before where they have payload types in common."""
    common = [each.payload for each in old] == [each.payload for each in new]
    return {name: weighing.get(name, 0) for name in second.payloads} if common else second.weights


def _matched(
    before: Run, after: Run, weights: Mapping[str, float]
) -> tuple[Sequence[Curve], Sequence[Curve]]:
    """Curves to compare, in the same order: payload types of both, then their mix."""
    common = [name for name in before.payloads if name in after.payloads]
    if common:
        given = {name: weights.get(name, 0) for name in common}
        sides = [
            {each.payload: each for each in curves(run.select(common), weights=given, seed=seed)}
            for seed, run in enumerate((before, after))
        ]
        wanted = [name for name in (*common, MIX) if all(name in side for side in sides)]
        return [sides[0][name] for name in wanted], [sides[1][name] for name in wanted]
    if 1 not in (len(before.payloads), len(after.payloads)):
        raise UsageError(
            f"the runs have no payload type in common: {closest('', before.payloads)}, and "
            f"{closest('', after.payloads)}"
        )
    return [_one(before, weights, 0)], [_one(after, after.weights, 1)]


def _one(run: Run, weights: Mapping[str, float], seed: int) -> Curve:
    """The curve of the mix, or the only one."""
    return curves(run, weights=weights, seed=seed)[-1]


def _no_size(before: Run, after: Run, memory_mb: int | None) -> str:
    if memory_mb is not None:
        return f"{memory_mb} MB was not measured, or failed, in one of the runs"
    return (
        f"no memory size was measured in both runs: {list(before.sizes)} and {list(after.sizes)} MB"
    )
