"""Curves to choose from: each payload type's duration and cost by size, and the mix's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from ..core.sizes import Host
from ..core.strategies import FAILURE_LIMIT, CurvePoint
from .hosts import hosts
from .intervals import RESAMPLES, Floats
from .run import Run
from .summary import cells, summarise

MIX = "weighted mix"
"""Name of the curve that is the weighted mean of all payload types."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean duration and cost at each size that can win, with resampled means (resamples x sizes).

    `failing_mb` are the sizes left out because too many invocations failed there. `host` is the
    one machine that measured all of them, None on AWS.
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

    @property
    def beyond_mb(self) -> tuple[int, ...]:
        """Sizes that the host could not tell apart; () on AWS."""
        return self.host.beyond(self.sizes) if self.host else ()

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """The measured means as the strategies take them."""
        triples = zip(self.sizes, self.ms.tolist(), self.usd.tolist(), strict=True)
        return tuple(CurvePoint(*triple) for triple in triples)

    @property
    def known(self) -> bool:
        """Whether every size has an interval, hence probabilities can be told."""
        return bool(len(self.sizes)) and bool(np.isfinite(self.resampled_ms).all())


def curves(
    run: Run,
    *,
    weights: Mapping[str, float] | None = None,
    max_failed: float = FAILURE_LIMIT,
    seed: int = 0,
) -> list[Curve]:
    """One curve for each function, architecture and payload type of a run, and their mixes' last.

    The mix has the sizes at which every payload type of positive weight can win. `weights`
    override those of the manifest; a payload type that they do not name weighs nothing.
    """
    summary = summarise(run)
    resampled = dict(cells(run.samples, seed))
    known = hosts(run)
    found: list[Curve] = []
    for (function, architecture), rows in summary.groupby(
        ["function", "architecture"], observed=True
    ):
        names = (str(function), str(architecture))
        own = [
            _curve((*names, str(payload)), part, resampled, max_failed, known.get(names))
            for payload, part in rows.groupby("payload", observed=True)
        ]
        found += own
        given = run.weights if weights is None else weights
        weighty = [part for part in own if given.get(part.payload, 0) > 0]
        if len(own) > 1 and weighty:
            found.append(mix(weighty, given))
    return found


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
    )


def _curve(
    key: tuple[str, str, str],
    rows: DataFrame,
    resampled: Mapping[tuple[str, str, str, int], Floats],
    max_failed: float,
    host: Host | None,
) -> Curve:
    counted = rows["n"] + rows["cold"] + rows["failed"]
    # An adaptive run may look at a size by its cold start alone: nothing failed there.
    failing = (rows["failed"] > max_failed * counted) | ((rows["n"] == 0) & (rows["failed"] > 0))
    good = rows[(rows["n"] > 0) & ~failing]
    sizes = tuple(int(size) for size in good["memory_mb"])
    stacked = [resampled[(*key, size)] for size in sizes]
    both = np.stack(stacked, axis=-1) if stacked else np.empty((RESAMPLES, 2, 0))
    return Curve(
        *key,
        sizes=sizes,
        ms=good["mean_ms"].to_numpy(float),
        usd=good["cost_usd"].to_numpy(float),
        resampled_ms=both[:, 0],
        resampled_usd=both[:, 1],
        failing_mb=tuple(int(size) for size in rows[failing]["memory_mb"]),
        host=host,
    )
