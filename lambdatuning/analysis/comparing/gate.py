"""The gate of a pipeline: whether something got worse, and in one line why or why not."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..telling.format import format_part
from .change import Change
from .compare import Pair
from .compared import MEASURES
from .verdict import difference

MAX_REGRESSION = 0.05
"""A worse change is no regression up to here: seldom does so little move the best size, and it is
what an hour, a neighbour or another host may do to a function that nobody touched."""

_FEW = 3
"""Regressions named in the line; the changes have all."""


class Worse(NamedTuple):
    """One payload type whose "duration" or "cost" went up."""

    payload: str
    measure: str
    change: Change

    def __str__(self) -> str:
        return f"{self.payload} is {difference(self.measure, self.change)}"


def regressions(pairs: Iterable[Pair], max_change: float = MAX_REGRESSION) -> list[Worse]:
    """What got worse by more than runs of the same code differ and than `max_change` (0.05 is
    5 %), the worst first."""
    return _worst(each for each in _each(pairs) if each.change.worse(max_change))


def gate(pairs: Sequence[Pair], max_change: float = MAX_REGRESSION) -> str:
    """Why there is a regression, or why there is none, in one line without a full stop."""
    found = regressions(pairs, max_change)
    if found:
        more = f"; and {len(found) - _FEW} more" if len(found) > _FEW else ""
        return f"regression: {'; '.join(map(str, found[:_FEW]))}{more}"
    if not all(each.change.known for each in _each(pairs)):
        return "no regression: without an interval any difference may be chance"
    allowed = format_part(max_change)
    for each in regressions(pairs, 0.0):
        return f"no regression: {each}, and up to {allowed} is allowed"
    beyond = f" by more than {allowed}" if max_change else ""
    return f"no regression: nothing got significantly slower or dearer{beyond}"


def _each(pairs: Iterable[Pair]) -> Iterator[Worse]:
    for pair in pairs:
        for payload in pair.overall["payload"]:
            for measure in MEASURES:
                yield Worse(payload, measure, pair.change(payload, measure))


def _worst(found: Iterable[Worse]) -> list[Worse]:
    return sorted(found, key=lambda each: -each.change.value)
