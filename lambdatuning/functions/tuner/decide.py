"""The deciding step: is it enough, or which batch comes next?"""

import heapq
from collections.abc import Sequence
from typing import Any

EVENTS_LIMIT = 20_000
"""An execution ends by force at 25,000 history events; measuring stops before that."""

_EVENTS_A_BATCH, _EVENTS_A_ROUND = 10, 30

State = dict[str, Any]


def step(state: State) -> State:
    """The grid: every size is measured whole; what a batch left over is the next batch."""
    counted, left = count(state)
    more = bool(left) or counted["published"] < counted["works"]
    full = more and history_is_full(counted)
    return {
        **counted,
        "batches": [] if full else left,
        "published": counted["works"] if full else counted["published"],
        "warnings": [*counted["warnings"], FULL] if full else counted["warnings"],
    }


def count(state: State) -> tuple[State, list[Any]]:
    """The state with what was just measured in its books, and the batches that are not done."""
    measured = state["measured"]
    failed = dict(state["failed"])
    for result in measured:
        if result["error"]:
            failed[str(result["batch"]["memoryMb"])] = result["error"]
    took_ms = makespan([r["criticalMs"] for r in measured], state["parallel"])
    counted = {
        **{key: value for key, value in state.items() if key != "measured"},
        "events": state["events"] + _EVENTS_A_BATCH * len(measured) + _EVENTS_A_ROUND,
        "failed": failed,
        "criticalMs": state["criticalMs"] + took_ms,
        "measureMs": state.get("measureMs", 0) + sum(r.get("tookMs", 0) for r in measured),
    }
    return counted, [r["batch"] for r in measured if r["left"]]


def history_is_full(state: State) -> bool:
    """Whether another round could end the execution by force."""
    return bool(state["events"] > EVENTS_LIMIT)


def makespan(times_ms: Sequence[float], parallel: int) -> float:
    """How long work takes of which `parallel` pieces go on at once, each begun in order as soon as
    a place is free, as a Map state does it.

    >>> makespan([5, 3, 3], 2)
    6.0
    """
    ends = [0.0] * max(parallel, 1)
    for time_ms in times_ms:
        heapq.heapreplace(ends, ends[0] + time_ms)
    return max(ends)


FULL = (
    "measuring stopped early: the execution's history is nearly full (25,000 events); "
    "measure fewer sizes or invocations, or more environments at once"
)
