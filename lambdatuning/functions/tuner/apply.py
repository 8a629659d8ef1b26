"""The applying step: sets the winner on the function, or publishes it behind an alias."""

from dataclasses import replace
from typing import Any

from ...core.errors import LambdaTuningError
from .target import lock
from .target.config import Sleep, set_memory, settled
from .target.versions import publish_for_good

State = dict[str, Any]


def apply(state: State, client: Any, sleep: Sleep) -> State:
    """Do what `autoOptimize` asks; without it, nothing.

    With an alias the winner is published and the alias points at it, while `$LATEST` keeps its
    size; else `$LATEST` gets the winner, and the lock remembers that this size is to stay.
    """
    wanted = state["apply"]
    power = (state["output"] or {}).get("power")
    if not wanted["autoOptimize"] or power is None:
        return state
    function, alias = state["run"]["arn"], wanted["alias"]
    held = lock.read(client, function)
    if held is None or held.run_id != state["run"]["id"]:
        raise LambdaTuningError(f"the run was stopped: its lock on {function} is gone")
    if alias:
        _publish_behind(client, function, held, int(power), alias, sleep)
    else:
        # The lock learns it first: after a crash in between, cleaning sets the winner.
        lock.update(client, function, replace(held, memory_mb=int(power)))
        set_memory(client, function, int(power), sleep)
    return {**state, "output": {**state["output"], "applied": {"power": power, "alias": alias}}}


def _publish_behind(
    client: Any, function: str, held: lock.Lock, memory_mb: int, alias: str, sleep: Sleep
) -> None:
    try:
        version = publish_for_good(client, function, held.run_id, memory_mb, sleep)
    finally:
        set_memory(client, function, held.memory_mb, sleep)
    settled(client, function, version, sleep)
    try:
        client.update_alias(FunctionName=function, Name=alias, FunctionVersion=version)
    except client.exceptions.ResourceNotFoundException:
        client.create_alias(FunctionName=function, Name=alias, FunctionVersion=version)
