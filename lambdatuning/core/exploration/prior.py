"""What is believed of a function before it is measured: shapes of its curve, and its noise.

A curve (log mean duration over memory) is one of a mixture of shapes, of a free level, with a
departure from it. A shape has a share of the time that CPU does not shorten (the floor), a size at
which CPU stops helping (the cap), and a power by which throttling hits small sizes harder.
`tests/bench/make_prior.py` learns the weights, and the noise of single calls, from measured
functions; `prior.json` holds what it learnt.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from ..sizes import FULL_VCPU_MB

Vector = list[float]
Matrix = list[Vector]

TAILED_SPREAD = 0.1
"""The log spread of calls from which on their tails are as long as those of noisy functions."""
_LARGEST_SPREAD = 1.5
LEVEL_SD = 2.5
"""The level of a curve may be anything."""
_SMALL_MB = 512
_REACH, _ROUGH = math.log(4), 0.4
"""Departures from a shape: how far (in log memory) they are alike, and the share that is rough."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A floor (0: nothing but CPU, 1: flat), a cap in MB, and the power of small sizes."""

    floor: float
    cap_mb: float
    power: float

    def logs(self, sizes: Sequence[int]) -> Vector:
        """Log durations at `sizes`, up to a level."""
        return [math.log(self._duration(size)) for size in sizes]

    def _duration(self, size: int) -> float:
        throttled = math.pow(max(_SMALL_MB / size, 1.0), self.power - 1)
        return self.floor + (1 - self.floor) * FULL_VCPU_MB / min(size, self.cap_mb) * throttled


@dataclass(frozen=True, slots=True)
class Component:
    """A shape with departures of `scale` (log) from it, and how probable it is."""

    weight: float
    shape: Shape
    scale: float

    def dealt(self, vcpus: int) -> "list[Component]":
        """One with each cap from two vCPUs to so many, if it has a cap at two; else itself."""
        caps = range(2, vcpus + 1)
        if self.shape.cap_mb != 2 * FULL_VCPU_MB or len(caps) < 2:
            return [self]
        return [
            replace(
                self,
                weight=self.weight / len(caps),
                shape=replace(self.shape, cap_mb=count * FULL_VCPU_MB),
            )
            for count in caps
        ]


@dataclass(frozen=True, slots=True)
class CallNoise:
    """Log spread of single calls (log) = level + slope x log ms + a function's + a size's own.

    `function_sd` and `size_sd` are the standard deviations of the latter two. A call counts as
    `trust` degrees of freedom, since durations have heavier tails than the log-normal; of noisy
    calls their variance is `tails` times that of log-normal ones of the same log spread.
    """

    level: float
    slope: float
    function_sd: float
    size_sd: float
    trust: float
    tails: float

    def centre(self, log_ms: float) -> float:
        """The log spread expected where calls take so long."""
        return self.level + self.slope * min(max(log_ms, 0.0), math.log(20_000))


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What measured functions teach; `taught` names them. Equal only to itself, as it is a key of
    what follows from it."""

    level: float
    components: tuple[Component, ...]
    noise: CallNoise
    taught: frozenset[str]

    def components_to(self, largest_mb: int) -> list[Component]:
        """The components where sizes reach to `largest_mb`.

        The functions that taught were measured up to 3,008 MB, where one that uses two vCPUs looks
        like one that uses more. So beyond that the caps at two vCPUs are dealt evenly to every
        number of them that a size has.
        """
        most = math.ceil(largest_mb / FULL_VCPU_MB)
        return [each for one in self.components for each in one.dealt(most)]


def log_normal_variance(spread: float) -> float:
    """The variance of log-normal durations over their squared mean, by their log spread."""
    return math.expm1(min(spread, _LARGEST_SPREAD) ** 2)


def prior_from_json(value: Mapping[str, Any]) -> Prior:
    """A prior from the plain values that `tests/bench/make_prior.py` makes."""
    return Prior(
        level=float(value["level"]),
        components=tuple(
            Component(float(weight), Shape(floor, cap_mb, power), scale)
            for weight, floor, cap_mb, power, scale in value["components"]
        ),
        noise=CallNoise(**value["noise"]),
        taught=frozenset(value["taught"]),
    )


@cache
def load_prior() -> Prior:
    """The prior of the package."""
    return prior_from_json(json.loads(files(__package__).joinpath("prior.json").read_text("utf-8")))


@cache
def departure_correlations(sizes: tuple[int, ...]) -> Matrix:
    """The correlations of departures at `sizes`."""
    logs = [math.log(size) for size in sizes]
    return [
        [(1 - _ROUGH) * math.exp(-abs(a - b) / _REACH) + _ROUGH * (a == b) for b in logs]
        for a in logs
    ]
