"""The step that sets what the run decided: `$LATEST` gets the winner, or an alias points at it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from ...core.errors import LambdaTuningError
from ...core.format import format_mb
from ...core.tuning.records import Target
from ...core.tuning.state import TunerState
from . import lock
from .function import (
    Sleep,
    publish_for_good,
    read,
    set_memory,
    settled,
    spare_mb,
    version_numbers,
)
from .publish import is_other
from .storage import RunFolder


def apply(
    state: TunerState, client: Any, sleep: Sleep, measured: Callable[[], Target]
) -> TunerState:
    """Do what `autoOptimize` asks; without it, nothing.

    With an alias the winner is published and the alias points at it, while `$LATEST` keeps its
    size; else `$LATEST` gets the winner, and the lock remembers that this size is to stay. A
    function that is not as it was `measured` any more gets neither: an alias would get code that
    nobody released.
    """
    output = state.output or {}
    power = output.get("power")
    if not state.apply.auto_optimize or power is None:
        return state
    function, alias = state.run.arn, state.apply.alias
    current = lock.read(client, function)
    if current is None or current.run_id != state.run.id:
        raise LambdaTuningError(f"the run was stopped: its lock on {function} is gone")
    _refuse_other(client, function, int(power), measured())
    if alias:
        _publish_behind(client, function, current, int(power), alias, sleep)
    else:
        # The lock learns it first: after a crash in between, cleaning sets the winner.
        lock.update(client, function, replace(current, memory_mb=int(power)))
        set_memory(client, function, int(power), sleep)
    return replace(state, output={**output, "applied": {"power": power, "alias": alias}})


def _refuse_other(client: Any, function: str, power: int, target: Target) -> None:
    config = read(client, function)
    sizes = {target.memory_mb, power, spare_mb(power)}
    if is_other(config, target) or config["MemorySize"] not in sizes:
        raise LambdaTuningError(
            f"{target.name} was changed by someone else since it was measured, so that "
            f"{format_mb(power)} is not set: set it yourself, or tune again"
        )


def note_applied(store: RunFolder, memory_mb: int) -> None:
    """Say in the manifest which size was set."""
    manifest = store.read_manifest()
    if manifest.decision:
        decision = replace(manifest.decision, applied_mb=memory_mb)
        store.write_manifest(replace(manifest, decision=decision))


def _publish_behind(
    client: Any, function: str, current: lock.Lock, memory_mb: int, alias: str, sleep: Sleep
) -> None:
    before = version_numbers(client, function)
    try:
        version = publish_for_good(client, function, current.run_id, memory_mb, sleep)
    finally:
        set_memory(client, function, current.memory_mb, sleep)
    try:
        settled(client, function, version, sleep)
        try:
            client.update_alias(FunctionName=function, Name=alias, FunctionVersion=version)
        except client.exceptions.ResourceNotFoundException:
            client.create_alias(FunctionName=function, Name=alias, FunctionVersion=version)
    except (ClientError, LambdaTuningError) as exc:
        unpublished = version not in before and _unpublished(client, function, version)
        left = (
            "no version is left of it"
            if unpublished
            else f"version {version} has {format_mb(memory_mb)}: point it there yourself, or "
            "delete it"
        )
        raise LambdaTuningError(
            f'the alias "{alias}" could not be set to {format_mb(memory_mb)} ({exc}); {left}'
        ) from exc


def _unpublished(client: Any, function: str, version: str) -> bool:
    """Whether a version that nobody has used yet, as it was published a moment ago, is gone; Lambda
    keeps one to which an alias points."""
    try:
        client.delete_function(FunctionName=function, Qualifier=version)
    except ClientError:
        return False
    return True
