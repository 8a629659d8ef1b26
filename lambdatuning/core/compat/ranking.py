"""The order in which Power Tuning's strategies put the sizes, ties and missing numbers included."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..strategies import DEFAULT_WEIGHT, check_strategy, clamp_weight
from .javascript import UNDEFINED, divide, strictly_equal, to_number
from .sorting import sorted_as_javascript

Statistics = Mapping[str, Any]
Compare = Callable[[Statistics, Statistics], float]

_COST, _DURATION = "averagePrice", "averageDuration"


def ranked(
    stats: Sequence[Statistics], strategy: str, weight: Any = DEFAULT_WEIGHT
) -> list[Statistics]:
    """The statistics from best to worst; what compares as equal stays in the order given.

    A difference that is no number (a price is missing, or all are 0) counts as equal, as it does
    to JavaScript's sort. UsageError for an unknown strategy.
    """
    if check_strategy(strategy) == "balanced":
        compare = _balanced(stats, to_number(weight))
    else:
        first, second = (_COST, _DURATION) if strategy == "cost" else (_DURATION, _COST)
        compare = _by(first, second)
    return sorted_as_javascript(stats, compare)


def by_size(stats: Sequence[Statistics]) -> list[Statistics]:
    """The statistics in the order of the visualization."""
    return sorted_as_javascript(
        stats, lambda one, other: _number(one, "value") - _number(other, "value")
    )


def _by(first: str, second: str) -> Compare:
    def compare(one: Statistics, other: Statistics) -> float:
        same = strictly_equal(one.get(first, UNDEFINED), other.get(first, UNDEFINED))
        name = second if same else first
        return _number(one, name) - _number(other, name)

    return compare


def _balanced(stats: Sequence[Statistics], weight: float) -> Compare:
    share = clamp_weight(weight)
    max_cost, max_duration = (_largest(stats, name) for name in (_COST, _DURATION))

    def value(stat: Statistics) -> float:
        # In this order of operations: ties between floats depend on it.
        cost = divide(share * _number(stat, _COST), max_cost)
        return cost + divide((1 - share) * _number(stat, _DURATION), max_duration)

    return lambda one, other: value(one) - value(other)


def _largest(stats: Sequence[Statistics], name: str) -> float:
    numbers = [_number(stat, name) for stat in stats]
    return math.nan if any(map(math.isnan, numbers)) else max(numbers, default=-math.inf)


def _number(stat: Statistics, name: str) -> float:
    return to_number(stat.get(name, UNDEFINED))
