"""A look: what one step of an adaptive run wants to see of one memory size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Look:
    """`items` are (index of the payload type, number of its first invocation, how many).

    `environments` are to have served the size when this is done, of which `seen` have before: the
    others are woken first, by invocations that are no samples.
    """

    items: tuple[tuple[int, int, int], ...]
    environments: int
    seen: int = 0

    @property
    def count(self) -> int:
        """Its samples."""
        return sum(count for _, _, count in self.items)

    def to_json(self) -> dict[str, Any]:
        """The form in which it travels through the state machine."""
        return {
            "items": [list(item) for item in self.items],
            "environments": self.environments,
            "seen": self.seen,
        }


def look_from_json(value: dict[str, Any]) -> Look:
    """The inverse of `Look.to_json`."""
    items = tuple((int(a), int(b), int(c)) for a, b, c in value["items"])
    return Look(items, int(value["environments"]), int(value["seen"]))


def widened(items: Sequence[tuple[int, int, int]], environments: int, seen: int) -> Look:
    """A look in which every environment has something to do.

    A new environment is started only while all others are busy: where new ones are wanted there
    must be an invocation for each, and the first item is sent more often if need be.
    """
    count = sum(count for _, _, count in items)
    if environments <= seen:
        return Look(tuple(items), max(1, min(environments, count)), seen)
    payload, first, sent = items[0]
    wider = (payload, first, sent + max(0, environments - count))
    return Look((wider, *items[1:]), environments, seen)
