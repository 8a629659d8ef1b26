"""The curves and answers of an adaptive run's model, as it stored them."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from pandas import DataFrame

from ..core.tuning.explored import ModelAnswer
from .curves import MIX, Curve, make_curves, with_mix
from .intervals import RESAMPLES, Floats
from .options import Goal, Options
from .run import Run

_HALF_WIDTH = NormalDist().inv_cdf(0.95)
"""Standard deviations from the middle to either end of a 90 % interval."""


@dataclass(frozen=True)
class RunAnswer:
    """What a run itself answered: the size, how sure it is that none is better by more than 5 %
    (None where it cannot be known), and whether the size was measured at all."""

    memory_mb: int
    sure: float | None
    measured: bool = True


def run_answer(run: Run, payload: str, goal: Goal) -> RunAnswer | None:
    """What the run answered for a payload type, or the mix, under a strategy; None where it was
    asked something else.

    A run answers one strategy, for all of its payload types together. An adaptive run answers for
    each payload type, too.
    """
    if not _measured_for(run, goal):
        return None
    main = payload == MIX or len(run.payloads) == 1
    if main and not run.is_whole:
        return None
    decision = run.decision if main else None
    if decision and decision.memory_mb is not None:
        return RunAnswer(decision.memory_mb, decision.sure, decision.memory_mb in run.sizes)
    answer = run.model_answers.get(None if payload == MIX else payload)
    return RunAnswer(answer.memory_mb, answer.within_5, answer.measured > 0) if answer else None


def _measured_for(run: Run, goal: Goal) -> bool:
    """Whether the run was asked for just this."""
    if goal.strategy == "balanced" and goal.weight != run.weight:
        return False
    if goal.strategy == "value" and goal.options.worth != run.worth:
        return False
    return goal.strategy == run.strategy


def model_curves(
    run: Run, summary: DataFrame, options: Options, weights: Mapping[str, float], *, sure: bool
) -> list[Curve]:
    """The curves that an adaptive run ended with, at the sizes that were measured and those that
    it answered; [] for a grid. Unless it may be `sure` of them, they have no resamples."""
    answers = run.model_answers
    own = [name for name in run.payloads if name in answers]
    if not own:
        return []
    answered_mb = {answer.memory_mb for answer in answers.values()}
    plain = make_curves(summary, _nothing(summary), {}, options.max_failed, run.host)
    by_name = {curve.payload: curve for curve in plain}
    curves = [
        _curve(by_name[name], answers[name], answered_mb, options.seed)
        for name in own
        if name in by_name
    ]
    whole = with_mix(curves, weights)
    return whole if sure else [_without_resamples(curve) for curve in whole]


def _without_resamples(curve: Curve) -> Curve:
    nothing = np.full((RESAMPLES, len(curve.sizes)), np.nan)
    return replace(curve, resampled_ms=nothing, resampled_usd=nothing)


def _curve(plain: Curve, answer: ModelAnswer, answered_mb: set[int], seed: int) -> Curve:
    points = [
        point
        for point in answer.curve
        if point.memory_mb not in plain.failing_mb
        and (point.measured > 0 or point.memory_mb in answered_mb)
    ]
    ms, low, high, usd = (
        np.array([getattr(point, name) for point in points], float)
        for name in ("duration_ms", "low_ms", "high_ms", "cost_usd")
    )
    below, above = np.log(ms / low) / _HALF_WIDTH, np.log(high / ms) / _HALF_WIDTH
    key = (seed, plain.function, plain.architecture, plain.payload)
    rng = np.random.default_rng(zlib.crc32(repr(key).encode()))
    drawn = rng.standard_normal((RESAMPLES, len(points)))
    factor: Floats = np.exp(np.where(drawn < 0, below, above) * drawn)
    return Curve(
        function=plain.function,
        architecture=plain.architecture,
        payload=plain.payload,
        sizes=tuple(point.memory_mb for point in points),
        ms=ms,
        usd=usd,
        resampled_ms=ms * factor,
        resampled_usd=usd * factor,
        failing_mb=plain.failing_mb,
        host=plain.host,
        predicted_mb=tuple(point.memory_mb for point in points if not point.measured),
    )


def _nothing(summary: DataFrame) -> dict[tuple[str, str, str, int], Floats]:
    """No resamples, for curves of which only the failing sizes are wanted."""
    keys = summary[["function", "architecture", "payload", "memory_mb"]]
    rows = keys.itertuples(index=False, name=None)
    nothing = np.full((RESAMPLES, 2), np.nan)
    return {(str(f), str(a), str(p), int(m)): nothing for f, a, p, m in rows}
