"""Curves to choose from: each payload type's duration and cost by size, and the mix's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from ..core.sizes import Host
from ..core.strategies import FAILURE_LIMIT
from .frames import rows_by
from .intervals import RESAMPLES, Floats, Key, log_sides

MIX = "weighted mix"
"""Name of the curve that is the weighted mean of all payload types."""


@dataclass(frozen=True, eq=False)
class MeanCurve:
    """Mean duration and cost at each size that can win."""

    function: str
    architecture: str
    payload: str
    sizes: tuple[int, ...]
    ms: Floats
    usd: Floats


@dataclass(frozen=True, eq=False)
class Curve(MeanCurve):
    """Mean duration and cost at each size that can win, with resampled means (resamples x sizes).

    `failing_mb` are the sizes left out because too many invocations failed there. `host` is the
    one machine that measured all of them, None on AWS. `predicted_mb` are sizes without a sample,
    which only the model of an adaptive run tells of.
    """

    resampled_ms: Floats
    resampled_usd: Floats
    failing_mb: tuple[int, ...]
    host: Host | None = None
    predicted_mb: tuple[int, ...] = ()

    @cached_property
    def ms_errors(self) -> list[tuple[float, float]]:
        """How far each mean duration may be off, below and above (log); see `log_sides`."""
        return log_sides(self.ms, self.resampled_ms)

    @cached_property
    def usd_errors(self) -> list[tuple[float, float]]:
        """The same of mean costs."""
        return log_sides(self.usd, self.resampled_usd)

    @property
    def measured_mb(self) -> tuple[int, ...]:
        """Sizes with a sample."""
        return tuple(size for size in self.sizes if size not in self.predicted_mb)

    @property
    def beyond_mb(self) -> tuple[int, ...]:
        """Sizes that the host could not tell apart; () on AWS."""
        return self.host.beyond(self.sizes) if self.host else ()

    @property
    def has_intervals(self) -> bool:
        """Whether every size has an interval, hence probabilities can be stated."""
        return bool(len(self.sizes)) and bool(np.isfinite(self.resampled_ms).all())

    @property
    def draws_intervals(self) -> bool:
        """Whether some size has an interval, hence a figure draws one."""
        return bool(np.isfinite(self.resampled_ms).any())


def make_curves(
    summary: DataFrame,
    resampled: Mapping[Key, Floats],
    weights: Mapping[str, float],
    max_failed: float = FAILURE_LIMIT,
    host: Host | None = None,
) -> list[Curve]:
    """One curve for each payload type of one function and architecture, and their mix last."""
    own = [_curve(rows, resampled, max_failed, host) for rows in _by_payload(summary)]
    return with_mix(own, weights)


def mean_curves(
    summary: DataFrame, weights: Mapping[str, float], max_failed: float = FAILURE_LIMIT
) -> list[MeanCurve]:
    """The same without resamples."""
    return _with(mean_mix, [_means(rows, max_failed) for rows in _by_payload(summary)], weights)


Rows = Mapping[str, NDArray[Any]]
"""The columns of a payload type's part of a summary."""

_OF_CURVES = ("memory_mb", "n", "cold", "failed", "mean_ms", "cost_usd")


def _by_payload(summary: DataFrame) -> Iterator[Rows]:
    names = ["function", "architecture", "payload"]
    columns = {name: summary[name].to_numpy() for name in (*names, *_OF_CURVES)}
    for rows in rows_by(summary, names):
        yield {name: values[rows] for name, values in columns.items()}


def with_mix(own: Sequence[Curve], weights: Mapping[str, float]) -> list[Curve]:
    """The curves of payload types and, of several, their mix last.

    It has the sizes at which every payload type of positive weight can win; a payload type that
    `weights` does not name weighs nothing.
    """
    return _with(mix, own, weights)


C = TypeVar("C", bound=MeanCurve)


def _with(
    mixed: Callable[[Sequence[C], Mapping[str, float]], C],
    own: Sequence[C],
    weights: Mapping[str, float],
) -> list[C]:
    weighty = [part for part in own if weights.get(part.payload, 0) > 0]
    return [*own, mixed(weighty, weights)] if len(own) > 1 and weighty else list(own)


def mix(parts: Sequence[Curve], weights: Mapping[str, float]) -> Curve:
    """The weighted mean of curves of one function and architecture, at the sizes of all."""
    return Curve(
        **vars(mean_mix(parts, weights)),
        resampled_ms=_weighed(parts, weights, "resampled_ms"),
        resampled_usd=_weighed(parts, weights, "resampled_usd"),
        failing_mb=tuple(sorted({size for part in parts for size in part.failing_mb})),
        host=parts[0].host,
        predicted_mb=tuple(sorted({size for part in parts for size in part.predicted_mb})),
    )


def mean_mix(parts: Sequence[MeanCurve], weights: Mapping[str, float]) -> MeanCurve:
    """The same of means alone."""
    return MeanCurve(
        function=parts[0].function,
        architecture=parts[0].architecture,
        payload=MIX,
        sizes=_common_sizes(parts),
        ms=_weighed(parts, weights, "ms"),
        usd=_weighed(parts, weights, "usd"),
    )


def _common_sizes(parts: Sequence[MeanCurve]) -> tuple[int, ...]:
    return tuple(sorted(set[int].intersection(*(set(part.sizes) for part in parts))))


def _weighed(parts: Sequence[MeanCurve], weights: Mapping[str, float], name: str) -> Floats:
    share = np.array([weights[part.payload] for part in parts], float)
    share /= share.sum()
    sizes = _common_sizes(parts)
    columns = [[part.sizes.index(size) for size in sizes] for part in parts]
    pieces = [
        weight * getattr(part, name)[..., column]
        for weight, part, column in zip(share, parts, columns, strict=True)
    ]
    return np.asarray(sum(pieces), float)


def _curve(
    rows: Rows, resampled: Mapping[Key, Floats], max_failed: float, host: Host | None
) -> Curve:
    means = _means(rows, max_failed)
    key = (means.function, means.architecture, means.payload)
    stacked = [resampled[(*key, size)] for size in means.sizes]
    both = np.stack(stacked, axis=-1) if stacked else np.empty((RESAMPLES, 2, 0))
    failing_mb = rows["memory_mb"][_failing(rows, max_failed)]
    return Curve(
        **vars(means),
        resampled_ms=both[:, 0],
        resampled_usd=both[:, 1],
        failing_mb=tuple(int(size) for size in failing_mb),
        host=host,
    )


def _means(rows: Rows, max_failed: float) -> MeanCurve:
    good = (rows["n"] > 0) & ~_failing(rows, max_failed)
    return MeanCurve(
        function=str(rows["function"][0]),
        architecture=str(rows["architecture"][0]),
        payload=str(rows["payload"][0]),
        sizes=tuple(int(size) for size in rows["memory_mb"][good]),
        ms=rows["mean_ms"][good].astype(float),
        usd=rows["cost_usd"][good].astype(float),
    )


def _failing(rows: Rows, max_failed: float) -> NDArray[np.bool_]:
    """At which sizes more failed than may. An adaptive run may try a size by its cold start alone:
    nothing failed there."""
    counted = rows["n"] + rows["cold"] + rows["failed"]
    failing: NDArray[np.bool_] = (rows["failed"] > max_failed * counted) | (
        (rows["n"] == 0) & (rows["failed"] > 0)
    )
    return failing
