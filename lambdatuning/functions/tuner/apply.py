"""The applying step: sets the winner on the function, or publishes it behind an alias."""

from dataclasses import replace
from typing import Any

from . import lock
from .function_config import Sleep, set_memory, settled

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
    if alias:
        _publish_behind(client, function, int(power), alias, sleep)
    else:
        _keep(client, function, int(power), sleep)
    return {**state, "output": {**state["output"], "applied": {"power": power, "alias": alias}}}


def _keep(client: Any, function: str, memory_mb: int, sleep: Sleep) -> None:
    held = lock.read(client, function)
    set_memory(client, function, memory_mb, sleep)
    if held:
        lock.update(client, function, replace(held, memory_mb=memory_mb))


def _publish_behind(client: Any, function: str, memory_mb: int, alias: str, sleep: Sleep) -> None:
    before_mb = settled(client, function, None, sleep)["MemorySize"]
    try:
        set_memory(client, function, memory_mb, sleep)
        version = client.publish_version(FunctionName=function)["Version"]
    finally:
        set_memory(client, function, before_mb, sleep)
    settled(client, function, version, sleep)
    try:
        client.update_alias(FunctionName=function, Name=alias, FunctionVersion=version)
    except client.exceptions.ResourceNotFoundException:
        client.create_alias(FunctionName=function, Name=alias, FunctionVersion=version)
