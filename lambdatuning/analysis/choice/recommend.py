"""Which size to set: a recommendation for each payload type, the mix, and strategy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Unpack

from pandas import DataFrame

from ...core.errors import UsageError
from ...core.strategies import DEFAULT_WEIGHT, FAILURE_LIMIT, STRATEGIES
from ..samples.hosts import marked
from ..samples.run import Run, as_run
from ..samples.several import apart
from ..statistics.curves import curves
from .aim import aim
from .deadlines import prompts
from .goals import Limits, goals
from .recommendation import Recommendation


def recommend(
    source: Run | DataFrame,
    strategy: str | Sequence[str] = STRATEGIES,
    weight: float = DEFAULT_WEIGHT,
    *,
    current_memory_mb: int | None = None,
    weights: Mapping[str, float] | None = None,
    max_failed: float = FAILURE_LIMIT,
    seed: int = 0,
    **limits: Unpack[Limits],
) -> DataFrame:
    """One row for each payload type and the mix, and strategy; columns as `Recommendation`.

    `strategy` is one or several of "cost", "speed", "balanced", "knee", "deadline", "budget";
    `weight` (0 speed .. 1 cost) concerns "balanced", `deadline_ms` and `quantile` (0.95) concern
    "deadline", `budget_usd_per_million` concerns "budget" (see `goals.Goal`). The current size
    and the weights of the mix are the manifest's unless given. `beyond_cores` is True where the
    winner has more vCPUs than the host of the embedded AWS has cores.

    Raises:
        UsageError: an unknown strategy, a limit that is missing, or samples without a single
            invocation.
    """
    run = as_run(source)
    wanted = goals(strategy, weight, limits)
    if run.samples.empty:
        raise UsageError(f"run {run.run_id or '(unnamed)'} has no samples; measure it first")
    timed = [goal for goal in wanted if goal.strategy == "deadline"]
    found = []
    for part in apart(run):
        current = part.current_memory_mb if current_memory_mb is None else current_memory_mb
        known = curves(part, weights=weights, max_failed=max_failed, seed=seed)
        prompt = prompts(part, known, timed[0], weights, seed) if timed else {}
        for curve in known:
            key = (curve.function, curve.architecture, curve.payload)
            found += [aim(curve, goal, current, prompt.get(key)) for goal in wanted]
    names = [field.name for field in fields(Recommendation)]
    return marked(DataFrame([asdict(each) for each in found], columns=names), run)
