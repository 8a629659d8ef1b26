"""One run at a time on a function: a Lambda alias is the lock, made atomically by CreateAlias.

It lies on the function itself, so that runs of other tuner stacks see it too, and its description
says which memory size the function must have when the run is over, also after a crash.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.arn import region_of
from ...core.errors import LockedError, UsageError
from ...core.tuning.contract import LOCK_ALIAS

ALIAS = LOCK_ALIAS
_DESCRIPTION_LIMIT = 256
ALIVE = {"RUNNING", "PENDING_REDRIVE"}
_GONE = {"ExecutionDoesNotExist", "InvalidArn"}
_MARK = re.compile(r"(?P<run_id>\S+) (?P<memory_mb>0|[1-9][0-9]{2,4}) (?P<owner>arn:\S+|stopped)")
"""What a lock says of itself, exactly: an alias that says anything else is somebody else's."""
STOPPED = "stopped"
"""What a lock names as its owner once the owner's execution was stopped from outside."""


@dataclass(frozen=True)
class Lock:
    """Who holds the function, and the memory size that it shall have in the end.

    `memory_mb` is 0 until the size is known: nothing has been changed then.
    """

    run_id: str
    memory_mb: int
    execution: str

    def describe(self) -> str:
        """The alias's description; an execution named like its run is not named twice.

        UsageError where it would be cut: a lock whose owner cannot be read is no lock.
        """
        owner = self.execution
        if owner.endswith(f":{self.run_id}"):
            owner = owner.removesuffix(self.run_id)
        text = f"{self.run_id} {self.memory_mb} {owner}"
        if len(text) > _DESCRIPTION_LIMIT:
            raise UsageError("the run id and the execution's name are too long; shorten the run id")
        return text


def read(client: Any, function: str) -> Lock | None:
    """The lock that lies on a function, None when it is free."""
    return read_alias(client, function)[0]


def read_alias(client: Any, function: str) -> tuple[Lock | None, bool]:
    """The lock that lies on a function; and whether an alias of its name is there that is none."""
    try:
        alias = client.get_alias(FunctionName=function, Name=ALIAS)
    except client.exceptions.ResourceNotFoundException:
        return None, False
    current = _parse(alias)
    return current, current is None


def take(client: Any, states: Any, function: str, mine: Lock) -> Lock | None:
    """Take the lock; None when it was free, else the lock as it was found, ours now.

    It is that of a dead run, or our own of a try that crashed, and says which memory size the
    function shall have: there is something to undo. LockedError says who holds it and since when.
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
    try:
        client.delete_alias(FunctionName=function, Name=ALIAS)
    except client.exceptions.ResourceNotFoundException:
        return


def running_since(states: Any, execution: str) -> str:
    """When the owner of a lock was started; "" when it is not running any more.

    An execution of another tuner's may not be looked at: it is taken to be alive. So is one in
    another region than that of the client `states`, which knows nothing of it.
    """
    if region_of(execution) not in ("", states.meta.region_name):
        return f"a time that cannot be read from here (a run in {region_of(execution)})"
    try:
        owner = states.describe_execution(executionArn=execution)
    except states.exceptions.ClientError as exc:
        code = exc.response["Error"]["Code"]
        if code in _GONE:
            return ""
        if code.startswith("AccessDenied"):
            return "a time that this tuner may not read (another tuner's run)"
        raise
    return str(owner["startDate"].isoformat()) if owner["status"] in ALIVE else ""


def _take_over(client: Any, states: Any, function: str, mine: Lock) -> Lock | None:
    try:
        alias = client.get_alias(FunctionName=function, Name=ALIAS)
    except client.exceptions.ResourceNotFoundException:
        return take(client, states, function, mine)  # given back in between
    current = _parse(alias)
    if current is None:
        raise LockedError(
            f"{function} has an alias {ALIAS} that no run of ours made: runs hold a function by "
            "one of that name; delete it, or tune a copy with --isolate"
        )
    if current.execution == mine.execution:
        return current
    since = running_since(states, current.execution)
    if since:
        raise LockedError(
            f"run {current.run_id} holds {function} since {since}: wait for it, or stop "
            f"{current.execution} and run `lambdatuning clean`"
        )
    ours = Lock(mine.run_id, current.memory_mb, mine.execution)
    _replace(client, function, alias["RevisionId"], ours)
    return current


def _replace(client: Any, function: str, revision: str, ours: Lock) -> None:
    try:
        client.update_alias(
            FunctionName=function, Name=ALIAS, Description=ours.describe(), RevisionId=revision
        )
    except client.exceptions.PreconditionFailedException as exc:
        raise LockedError(
            f"another run took {function} over from a dead one at this moment; wait for it"
        ) from exc


def _parse(alias: Mapping[str, Any]) -> Lock | None:
    """The lock that an alias is; None for one that has not the exact mark of a lock."""
    match = _MARK.fullmatch(alias.get("Description", ""))
    if not match or alias.get("FunctionVersion", "$LATEST") != "$LATEST":
        return None
    run_id, owner = match["run_id"], match["owner"]
    execution = owner + run_id if owner.endswith(":") else owner
    return Lock(run_id, int(match["memory_mb"]), execution)
