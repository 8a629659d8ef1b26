"""AWS Lambda Power Tuning 4.4.0 to the last bit: averages, prices, ranking, decision, output."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

from ..errors import RunFailedError, UsageError
from ..strategies import DEFAULT_STRATEGY, DEFAULT_WEIGHT, check_strategy, clamp_weight
from .javascript import (
    UNDEFINED,
    add,
    divide,
    json_text,
    parse_int,
    strictly_equal,
    to_fixed,
    to_number,
    to_string,
    truthy,
)
from .visualization import DEFAULT_BASE_URL, encode_arrays

T = TypeVar("T")

_ONE_RUN = 64
"""Below this many items V8's sort is one run, extended by insertion; no run has more sizes."""


def sorted_as_javascript(items: Sequence[T], compare: Callable[[T, T], float]) -> list[T]:
    """`items` as `Array.prototype.sort` of V8 leaves them; NaN compares as equal.

    A consistent comparison has one stable order, which any sort finds. One that is not (an equal
    to b, b equal to c, a less than c: missing numbers do that) leaves what the sort's own steps
    make of it, and those of Python's change between versions.
    """
    if len(items) >= _ONE_RUN:
        return sorted(items, key=functools.cmp_to_key(_signed(compare)))
    ordered = _first_run(items, compare)
    for item in items[len(ordered) :]:
        ordered.insert(_place(ordered, item, compare), item)
    return ordered


def _signed(compare: Callable[[T, T], float]) -> Callable[[T, T], int]:
    def order(one: T, other: T) -> int:
        difference = compare(one, other)
        return (difference > 0) - (difference < 0)

    return order


def _first_run(items: Sequence[T], compare: Callable[[T, T], float]) -> list[T]:
    """The longest beginning that already ascends, or strictly descends, the latter turned round."""
    if len(items) < 2:
        return list(items)
    descending = compare(items[1], items[0]) < 0
    end = 2
    while end < len(items) and (compare(items[end], items[end - 1]) < 0) == descending:
        end += 1
    run = list(items[:end])
    return run[::-1] if descending else run


def _place(ordered: Sequence[T], item: T, compare: Callable[[T, T], float]) -> int:
    """Where `item` goes by bisection, behind its equals."""
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if compare(item, ordered[middle]) < 0:
            high = middle
        else:
            low = middle + 1
    return low


# The order in which Power Tuning's strategies put the sizes, ties and missing numbers included.


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


# Power Tuning's own price tables (its template.yml): rounded, and with a silent default.


_CHINA = 1.42e-8

_USD_PER_MS_AT_128_MB: Mapping[str, Mapping[str, float]] = {
    "x86_64": {
        "default": 2.1e-9,
        "ap-east-1": 2.9e-9,
        "af-south-1": 2.8e-9,
        "me-south-1": 2.6e-9,
        "eu-south-1": 2.4e-9,
        "ap-northeast-3": 2.7e-9,
        "cn-north-1": _CHINA,
        "cn-northwest-1": _CHINA,
    },
    "arm64": {"default": 1.7e-9},
}

_USD_PER_TRANSITION: Mapping[str, float] = {
    "default": 0.000025,
    "us-gov-west-1": 0.00003,
    "us-gov-east-1": 0.00003,
    "ap-northeast-2": 0.0000271,
    "eu-south-1": 0.00002625,
    "af-south-1": 0.00002975,
    "us-west-1": 0.0000279,
    "eu-west-3": 0.0000297,
    "ap-east-1": 0.0000275,
    "me-south-1": 0.0000275,
    "ap-south-1": 0.0000285,
    "sa-east-1": 0.0000375,
    "cn-north-1": 0.0001891,
    "cn-northwest-1": 0.0001891,
}


def lambda_base_cost(region: str, architecture: Any) -> float:
    """USD for one millisecond at 128 MB; the default for any region that the table lacks.

    UsageError for an architecture other than x86_64 and arm64.
    """
    if not isinstance(architecture, str) or architecture not in _USD_PER_MS_AT_128_MB:
        raise UsageError(f"Unsupported architecture: {to_string(architecture)}")
    table = _USD_PER_MS_AT_128_MB[architecture]
    return table.get(region, table["default"])


def step_functions_cost(
    sizes: float, *, region: str, only_cold_starts: bool = False, num: Any = 0
) -> float:
    """USD of its state transitions, rounded to five places.

    6 + 3 * sizes of them, or 6 + sizes + 2 * sizes * num where each cold start has an alias.

    >>> step_functions_cost(6, region="eu-west-1")
    0.0006
    """
    transitions = 6 + sizes * 3
    if only_cold_starts:
        transitions = 6 + sizes + 2 * sizes * to_number(num)
    unit = _USD_PER_TRANSITION.get(region, _USD_PER_TRANSITION["default"])
    return to_number(to_fixed(unit * transitions, 5))


# Power Tuning's averages and costs of one size.


_BASE_MB = 128


class SizeStatistics(TypedDict):
    """What Power Tuning's executor says of a size: MB, USD, ms, USD."""

    value: int
    averagePrice: float
    averageDuration: float
    totalCost: float


def average_duration(durations_ms: Sequence[float] | None, trim: float) -> float:
    """The mean without the `trim` share at each end (rounded down to whole values); 0 of nothing.

    Added up in ascending order from left to right, since float sums depend on the order.

    >>> average_duration([100, 9, 80, 7, 1000], 0.2)
    63.0
    """
    if not durations_ms:
        return 0.0
    count = len(durations_ms)
    discarded = parse_int(count * trim)
    if math.isnan(discarded):
        return math.nan
    cut = int(discarded)
    kept = sorted(durations_ms)[cut : -cut if cut > 0 else count]
    return divide(_sum(kept), count - 2 * cut)


def price(base_cost_usd: float, memory_mb: Any, billed_ms: Any, base_mb: float = _BASE_MB) -> float:
    """USD of `billed_ms`, rounded up to whole milliseconds; without the request fee."""
    duration_ms = to_number(billed_ms)
    whole_ms = math.ceil(duration_ms) if math.isfinite(duration_ms) else duration_ms
    return whole_ms * base_cost_usd * divide(to_number(memory_mb), base_mb)


def total_cost(
    base_cost_usd: float,
    memory_mb: float,
    billed_ms: Sequence[float] | None,
    base_mb: float = _BASE_MB,
) -> float:
    """USD of all invocations, each rounded up on its own, added up in the order given."""
    return _sum([price(base_cost_usd, memory_mb, ms, base_mb) for ms in billed_ms or ()])


def size_statistics(
    memory_mb: int,
    durations_ms: Sequence[float],
    billed_ms: Sequence[float],
    *,
    base_cost_usd: float,
    trim: float,
) -> SizeStatistics:
    """What its executor says of a size.

    `durations_ms` include init and restore, `billed_ms` the billed restore once more;
    `base_cost_usd` is `lambda_base_cost` of the function's region.
    """
    return {
        "averagePrice": price(base_cost_usd, memory_mb, average_duration(billed_ms, trim)),
        "averageDuration": average_duration(durations_ms, trim),
        # Its averaging sorts the billed durations in place before they are added up.
        "totalCost": total_cost(base_cost_usd, memory_mb, sorted(billed_ms)),
        "value": memory_mb,
    }


def _sum(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:  # sum() of Python 3.12 compensates for rounding, JavaScript does not
        total += value
    return total


# Power Tuning's decision and its output.


def analyse(
    event: Mapping[str, Any], *, region: str, base_url: str = DEFAULT_BASE_URL
) -> dict[str, Any] | None:
    """The output of an execution, from its input and `stats` (one `size_statistics` a size).

    None for a dry run. `region` is the state machine's. Sizes without a duration are dropped, and
    so is what is no statistics.
    UsageError without statistics or for an unknown strategy; RunFailedError if all are dropped.
    """
    stats = event.get("stats")
    if not isinstance(stats, list) or not stats:
        raise UsageError(f"Wrong input {json_text(dict(event))}")
    if truthy(event.get("dryRun")):
        return None
    kept = [s for s in stats if isinstance(s, Mapping) and truthy(s.get("averageDuration"))]
    strategy: Any = event.get("strategy")
    strategy = strategy if truthy(strategy) else DEFAULT_STRATEGY
    ordered = ranked(kept, strategy, event.get("balancedWeight", DEFAULT_WEIGHT))
    if not ordered:
        raise RunFailedError("no size has a duration: the log tails hold no report to read")
    output = {
        **{name: ordered[0][source] for name, source in _OUTPUT.items() if source in ordered[0]},
        "stateMachine": _state_machine(event, ordered, region, base_url),
    }
    if truthy(event.get("includeOutputResults")):
        output["stats"] = [_public(stat) for stat in stats]
    return output


def visualization(stats: Sequence[Statistics], *, region: str, base_url: str) -> str:
    """The URL for statistics as they stand: sizes may be strings, numbers may be none."""
    ordered = by_size(stats)
    columns = [
        [to_number(stat.get(name, UNDEFINED)) for stat in ordered]
        for name in ("value", "averageDuration", "averagePrice")
    ]
    currency = "?currency=CNY" if region.startswith("cn-") else ""
    return f"{base_url}{currency}#{encode_arrays(*columns)}"


_OUTPUT = {"power": "value", "cost": "averagePrice", "duration": "averageDuration"}
"""What the output calls a winner's statistics; one that it lacks is absent there, too."""


def _state_machine(
    event: Mapping[str, Any], ordered: Sequence[Statistics], region: str, base_url: str
) -> dict[str, Any]:
    lambda_cost: Any = 0
    for stat in ordered:
        lambda_cost = add(lambda_cost, stat.get("totalCost", UNDEFINED))
    return {
        "executionCost": step_functions_cost(
            len(event["stats"]),
            region=region,
            only_cold_starts=truthy(event.get("onlyColdStarts")),
            num=event.get("num", UNDEFINED),
        ),
        "lambdaCost": lambda_cost,
        "visualization": visualization(ordered, region=region, base_url=base_url),
    }


def _public(stat: Any) -> dict[str, Any]:
    if stat is None or stat is UNDEFINED:
        raise RunFailedError("a size has no statistics at all")
    names = ("value", "averagePrice", "averageDuration")
    return {n: stat[n] for n in names if n in stat} if isinstance(stat, Mapping) else {}
