"""Curves to choose from: each payload type's duration and cost by size, and the mix's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
class Curve:
    """Mean duration and cost at each size that can win, with resampled means (resamples x sizes).

    `failing_mb` are the sizes left out because too many invocations failed there. `host` is the
    one machine that measured all of them, None on AWS. `predicted_mb` are sizes without a sample,
    which only the model of an adaptive run tells of.
    """

    function: str
    architecture: str
    payload: str
    sizes: tuple[int, ...]
    ms: Floats
    usd: Floats
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
    names = ["function", "architecture", "payload"]
    columns = {name: summary[name].to_numpy() for name in (*names, *_OF_CURVES)}
    own = [
        _curve(
            {name: values[rows] for name, values in columns.items()}, resampled, max_failed, host
        )
        for rows in rows_by(summary, names)
    ]
    return with_mix(own, weights)


_OF_CURVES = ("memory_mb", "n", "cold", "failed", "mean_ms", "cost_usd")


def with_mix(own: Sequence[Curve], weights: Mapping[str, float]) -> list[Curve]:
    """The curves of payload types and, of several, their mix last.

    It has the sizes at which every payload type of positive weight can win; a payload type that
    `weights` does not name weighs nothing.
    """
    weighty = [part for part in own if weights.get(part.payload, 0) > 0]
    return [*own, mix(weighty, weights)] if len(own) > 1 and weighty else list(own)


def mix(parts: Sequence[Curve], weights: Mapping[str, float]) -> Curve:
    """The weighted mean of curves of one function and architecture, at the sizes of all."""
    share = np.array([weights[part.payload] for part in parts], float)
    share /= share.sum()
    sizes = tuple(sorted(set[int].intersection(*(set(part.sizes) for part in parts))))
    columns = [[part.sizes.index(size) for size in sizes] for part in parts]

    def weighed(name: str) -> Floats:
        pieces = [
            weight * getattr(part, name)[..., column]
            for weight, part, column in zip(share, parts, columns, strict=True)
        ]
        return np.asarray(sum(pieces), float)

    return Curve(
        function=parts[0].function,
        architecture=parts[0].architecture,
        payload=MIX,
        sizes=sizes,
        ms=weighed("ms"),
        usd=weighed("usd"),
        resampled_ms=weighed("resampled_ms"),
        resampled_usd=weighed("resampled_usd"),
        failing_mb=tuple(sorted({size for part in parts for size in part.failing_mb})),
        host=parts[0].host,
        predicted_mb=tuple(sorted({size for part in parts for size in part.predicted_mb})),
    )


def _curve(
    rows: Mapping[str, NDArray[Any]],
    resampled: Mapping[Key, Floats],
    max_failed: float,
    host: Host | None,
) -> Curve:
    key = (str(rows["function"][0]), str(rows["architecture"][0]), str(rows["payload"][0]))
    counted = rows["n"] + rows["cold"] + rows["failed"]
    # An adaptive run may try a size by its cold start alone: nothing failed there.
    failing = (rows["failed"] > max_failed * counted) | ((rows["n"] == 0) & (rows["failed"] > 0))
    good = (rows["n"] > 0) & ~failing
    sizes = tuple(int(size) for size in rows["memory_mb"][good])
    stacked = [resampled[(*key, size)] for size in sizes]
    both = np.stack(stacked, axis=-1) if stacked else np.empty((RESAMPLES, 2, 0))
    return Curve(
        *key,
        sizes=sizes,
        ms=rows["mean_ms"][good].astype(float),
        usd=rows["cost_usd"][good].astype(float),
        resampled_ms=both[:, 0],
        resampled_usd=both[:, 1],
        failing_mb=tuple(int(size) for size in rows["memory_mb"][failing]),
        host=host,
    )
