"""One run at a time on a function: a Lambda alias is the lock, made atomically by CreateAlias.

It lies on the function itself, so that runs of other tuner stacks see it too, and its description
says which memory size the function must have when the run is over, also after a crash.
"""

from dataclasses import dataclass
from typing import Any

from ...core.errors import LockedError

ALIAS = "lambdatuning-lock"
_DESCRIPTION_LIMIT = 256


@dataclass(frozen=True)
class Lock:
    """Who holds the function, and the memory size that it shall have in the end."""

    run_id: str
    memory_mb: int
    execution: str

    def describe(self) -> str:
        """The alias's description."""
        return f"{self.run_id} {self.memory_mb} {self.execution}"[:_DESCRIPTION_LIMIT]

    def owned_by(self, execution: str) -> bool:
        """Whether this execution took the lock (a very long ARN is cut in the description)."""
        return bool(self.execution) and execution.startswith(self.execution)


def read(client: Any, function: str) -> Lock | None:
    """The lock that lies on a function, None when it is free."""
    try:
        alias = client.get_alias(FunctionName=function, Name=ALIAS)
    except client.exceptions.ResourceNotFoundException:
        return None
    return _parse(alias.get("Description", ""))


def take(client: Any, states: Any, function: str, mine: Lock) -> Lock | None:
    """Take the lock; the dead owner's lock, where one was taken over, so that it can be undone.

    LockedError says who holds it and since when.
    """
    try:
        client.create_alias(
            FunctionName=function,
            Name=ALIAS,
            FunctionVersion="$LATEST",
            Description=mine.describe(),
        )
    except client.exceptions.ResourceConflictException:
        return _take_over(client, states, function, mine)
    return None


def update(client: Any, function: str, mine: Lock) -> None:
    """Write another memory size into the lock that we hold."""
    client.update_alias(FunctionName=function, Name=ALIAS, Description=mine.describe())


def release(client: Any, function: str) -> None:
    """Give the lock back."""
    client.delete_alias(FunctionName=function, Name=ALIAS)


def _take_over(client: Any, states: Any, function: str, mine: Lock) -> Lock | None:
    alias = client.get_alias(FunctionName=function, Name=ALIAS)
    held = _parse(alias.get("Description", ""))
    if held.owned_by(mine.execution):
        return None
    since = _running_since(states, held.execution)
    if since:
        raise LockedError(
            f"run {held.run_id} holds {function} since {since}: "
            f"wait for it, or stop {held.execution}"
        )
    client.update_alias(
        FunctionName=function,
        Name=ALIAS,
        Description=mine.describe(),
        RevisionId=alias["RevisionId"],
    )
    return held


def _running_since(states: Any, execution: str) -> str:
    """When the owner of a lock was started; "" when it is not running any more."""
    try:
        owner = states.describe_execution(executionArn=execution)
    except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn):
        return ""
    return str(owner["startDate"].isoformat()) if owner["status"] == "RUNNING" else ""


def _parse(description: str) -> Lock:
    run_id, _, rest = description.partition(" ")
    memory_mb, _, execution = rest.partition(" ")
    return Lock(run_id, int(memory_mb) if memory_mb.isdigit() else 0, execution)
