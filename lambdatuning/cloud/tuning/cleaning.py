"""What a dead run left on a function, found by our marks, and put back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.arn import parse_function_arn
from ...core.errors import LockedError
from ...functions.tuner import lock
from ...functions.tuner.clean import clean
from ...functions.tuner.function import ours, read, remove
from ..session import Cloud
from .isolation import copies, remove_copy


@dataclass(frozen=True)
class Remains:
    """What is ours on a function; `lines` say it to people."""

    function_arn: str
    region: str
    memory_mb: int
    held: lock.Lock | None
    versions: tuple[str, ...]
    copies: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """One a thing that will be put back."""
        found = [f"version {number} is removed" for number in self.versions]
        if self.held:
            found.append(f"the lock of run {self.held.run_id} is removed")
            if self.held.memory_mb and self.held.memory_mb != self.memory_mb:
                found.append(f"memory size {self.memory_mb} -> {self.held.memory_mb} MB")
        found += (f"function {name}, a copy of it, is removed" for name in self.copies)
        return tuple(found)


def remains(cloud: Cloud, function: str) -> Remains:
    """What is ours on a function; LockedError while the run that owns it goes on."""
    arn = parse_function_arn(function) if function.startswith("arn:") else None
    client = cloud.client("lambda", region=arn.region if arn else None)
    config = read(client, str(arn.unqualified) if arn else function)
    found = parse_function_arn(config["FunctionArn"]).unqualified
    held = lock.read(client, str(found))
    if held and lock.running_since(cloud.client("stepfunctions"), held.execution):
        raise LockedError(
            f"run {held.run_id} is going on ({held.execution}); wait for it, or stop it first"
        )
    published = tuple(version["Version"] for version in ours(client, str(found)))
    dead = tuple(name for name in copies(client, found.name) if not _in_use(cloud, client, name))
    return Remains(str(found), found.region, config["MemorySize"], held, published, dead)


def _in_use(cloud: Cloud, client: Any, copy: str) -> bool:
    """Whether a run is going on on a copy."""
    held = lock.read(client, copy)
    return bool(held and lock.running_since(cloud.client("stepfunctions"), held.execution))


def describe_remains(found: Remains) -> str:
    """What will be put back, as lines."""
    return "\n".join([f"{found.function_arn}:", *(f"  {line}" for line in found.lines)])


def clean_function(cloud: Cloud, found: Remains, sleep: Callable[[float], None]) -> list[str]:
    """Put it back; what was done."""
    client: Any = cloud.client("lambda", region=found.region)
    done = clean(client, found.function_arn, None, sleep)
    done += (f"version {number}" for number in remove(client, found.function_arn))
    for name in found.copies:
        remove_copy(cloud, client, found.region, name)
        done.append(f"function {name}")
    return done
