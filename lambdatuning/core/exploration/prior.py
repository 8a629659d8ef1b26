"""What is believed of a function before it is measured: shapes of curves, and spreads."""

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """A curve of log durations over memory, up to its level: `logs` at the prior's knots."""

    weight: float
    logs: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """A mixture of shapes, each with departures of several sizes from it.

    `departures` are (scale, weight): how far, in log duration, a curve strays from its shape.
    `spreads` are (duration in ms, spread of single invocations in log). `taught` names the
    functions behind the shapes. Equal only to itself: it is a key of what follows from it.
    """

    knots_mb: tuple[int, ...]
    shapes: tuple[Shape, ...]
    departures: tuple[tuple[float, float], ...]
    spreads: tuple[tuple[float, float], ...]
    taught: frozenset[str]

    def spread(self, duration_ms: float) -> float:
        """The spread expected of single invocations that take so long (log)."""
        logs = [(math.log(at), math.log(sd)) for at, sd in self.spreads]
        return math.exp(interpolate(logs, math.log(max(duration_ms, 1e-3))))

    def log_shapes(self, sizes: Sequence[int]) -> list[list[float]]:
        """Every shape at `sizes`, straight in log memory between the knots."""
        places = [_place(self.knots_mb, size) for size in sizes]
        return [[(1 - w) * s.logs[i] + w * s.logs[i + 1] for i, w in places] for s in self.shapes]


def parse_prior(text: str) -> Prior:
    """A prior from the JSON that `tests/bench/make_prior.py` writes."""
    return prior_from_json(json.loads(text))


def prior_from_json(value: Mapping[str, Any]) -> Prior:
    """A prior from plain JSON values."""
    return Prior(
        knots_mb=tuple(value["knots_mb"]),
        shapes=tuple(Shape(float(s["weight"]), tuple(s["log_ms"])) for s in value["shapes"]),
        departures=_pairs(value["departures"]),
        spreads=_pairs(value["spreads"]),
        taught=frozenset(value["taught"]),
    )


@cache
def load_prior() -> Prior:
    """The prior of the package."""
    return parse_prior(files(__package__).joinpath("prior.json").read_text("utf-8"))


def interpolate(points: Sequence[tuple[float, float]], x: float) -> float:
    """Straight between `points` (ascending in x), constant beyond them."""
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


def _pairs(value: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in value)


def _place(knots: Sequence[int], size: int) -> tuple[int, float]:
    i = min(max(bisect_right(knots, size) - 1, 0), len(knots) - 2)
    share = math.log(size / knots[i]) / math.log(knots[i + 1] / knots[i])
    return i, min(max(share, 0.0), 1.0)
