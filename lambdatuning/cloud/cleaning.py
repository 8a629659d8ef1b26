"""What a dead run left on a function, found by our marks, and put back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core.arn import parse_function_arn
from ..core.errors import LockedError
from ..functions.tuner import lock, versions
from ..functions.tuner.clean import clean
from ..functions.tuner.function_config import read
from .session import Cloud


@dataclass(frozen=True)
class Remains:
    """What is ours on a function; `lines` say it to people."""

    function_arn: str
    region: str
    memory_mb: int
    held: lock.Lock | None
    versions: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """One a thing that will be put back."""
        found = [f"version {number} is removed" for number in self.versions]
        if self.held:
            found.append(f"the lock of run {self.held.run_id} is removed")
            if self.held.memory_mb and self.held.memory_mb != self.memory_mb:
                found.append(f"memory size {self.memory_mb} -> {self.held.memory_mb} MB")
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
    ours = tuple(version["Version"] for version in versions.ours(client, str(found)))
    return Remains(str(found), found.region, config["MemorySize"], held, ours)


def describe_remains(found: Remains) -> str:
    """What will be put back, as lines."""
    return "\n".join([f"{found.function_arn}:", *(f"  {line}" for line in found.lines)])


def clean_function(cloud: Cloud, found: Remains, sleep: Callable[[float], None]) -> list[str]:
    """Put it back; what was done."""
    client: Any = cloud.client("lambda", region=found.region)
    done = clean(client, found.function_arn, None, sleep)
    return [*done, *(f"version {n}" for n in versions.remove(client, found.function_arn))]
