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
    measured = state["measured"]
    failed = dict(state["failed"])
    for result in measured:
        if result["error"]:
            failed[str(result["batch"]["memoryMb"])] = result["error"]
    events = state["events"] + _EVENTS_A_BATCH * len(measured) + _EVENTS_A_ROUND
    left = [r["batch"] for r in measured if r["left"]]
    more = bool(left) or state["published"] < state["works"]
    full = more and events > EVENTS_LIMIT
    return {
        **{key: value for key, value in state.items() if key != "measured"},
        "batches": [] if full else left,
        "published": state["works"] if full else state["published"],
        "events": events,
        "failed": failed,
        "criticalMs": state["criticalMs"]
        + makespan([r["criticalMs"] for r in measured], state["parallel"]),
        "warnings": [*state["warnings"], _FULL] if full else state["warnings"],
    }


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


_FULL = (
    "measuring stopped early: the execution's history is nearly full (25,000 events); "
    "measure fewer sizes or invocations, or more environments at once"
)
