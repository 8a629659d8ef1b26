"""Power Tuning's decision and its output."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import RunFailedError, UsageError
from ..strategies import DEFAULT_STRATEGY, DEFAULT_WEIGHT
from ..visualization import DEFAULT_BASE_URL, encode_arrays
from .javascript import UNDEFINED, add, json_text, to_number, truthy
from .prices import step_functions_cost
from .ranking import Statistics, by_size, ranked


def analyse(
    event: Mapping[str, Any], *, region: str, base_url: str = DEFAULT_BASE_URL
) -> dict[str, Any] | None:
    """The output of an execution, from its input and `stats` (one `size_statistics` a size).

    None for a dry run. `region` is the state machine's. Sizes without a duration are dropped.
    UsageError without statistics or for an unknown strategy; RunFailedError if all are dropped.
    """
    stats = event.get("stats")
    if not isinstance(stats, list) or not stats:
        raise UsageError(f"Wrong input {json_text(dict(event))}")
    if truthy(event.get("dryRun")):
        return None
    kept = [stat for stat in stats if truthy(stat) and truthy(stat.get("averageDuration"))]
    strategy = event.get("strategy") or DEFAULT_STRATEGY
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


def _public(stat: Statistics | None) -> dict[str, Any]:
    if stat is None:
        raise RunFailedError("a size has no statistics at all")
    names = ("value", "averagePrice", "averageDuration")
    return {name: stat[name] for name in names if name in stat}
