"""A round of an adaptive run: looks and decisions in turn, in one invocation.

It ends when a size has to be published first, or the run is over. Were each step a round of the
state machine, its transitions would cost as much as a hundred samples of a short function.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ....core.plan import Batch, batch_from_json
from . import explore

State = dict[str, Any]

LONGEST_S = 45.0
"""A round that has lasted so long ends: the next look has a measuring function of its own."""


@dataclass(frozen=True)
class Round:
    """What a round uses beside the state: `measure` runs a batch and sums it up, `explorer` gives
    what deciding needs now, `elapsed_s` tells how long the round has lasted."""

    measure: Callable[[Batch], dict[str, Any]]
    explorer: Callable[[], explore.Explorer]
    elapsed_s: Callable[[], float]


def play(state: State, round_: Round) -> State:
    """The state after the round. Run again after a crash it goes on behind what was stored."""
    while state["batches"] and state["published"] >= state["works"]:
        batches = [batch_from_json(batch) for batch in state["batches"]]
        with ThreadPoolExecutor(min(len(batches), state["parallel"])) as pool:
            measured = list(pool.map(round_.measure, batches))
        state = explore.step({**state, "measured": measured}, round_.explorer())
        if round_.elapsed_s() > LONGEST_S:
            break
    return state


def ended(state: State, explorer: Callable[[], explore.Explorer]) -> State:
    """The state after a round as the state machine has it: what the round returned, or what
    follows where it crashed for good, which fails the sizes that it began with."""
    played: list[Mapping[str, Any]] = state["measured"]
    if played and "state" in played[0]:
        return dict(played[0]["state"])
    crashed = [
        {"batch": batch, "left": False, "criticalMs": 0, "error": result["error"]}
        for result in played
        for batch in state["batches"]
    ]
    return explore.step({**state, "measured": crashed}, explorer())
