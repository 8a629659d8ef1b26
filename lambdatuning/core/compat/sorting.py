"""JavaScript's sort, also where the comparison contradicts itself."""

import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_ONE_RUN = 64
"""Below this many items V8's sort is one run, extended by insertion; no run has more sizes."""


def sorted_as_javascript(items: Sequence[T], compare: Callable[[T, T], float]) -> list[T]:
    """`items` as `Array.prototype.sort` of V8 leaves them; NaN compares as equal.

    A consistent comparison has one stable order, which any sort finds. One that is not (an equal
    to b, b equal to c, a less than c: missing numbers do that) leaves what the sort's own steps
    make of it, and those of Python's change between versions.
    """
    if len(items) >= _ONE_RUN:
        return sorted(items, key=functools.cmp_to_key(_signed(compare)))
    found = _first_run(items, compare)
    for item in items[len(found) :]:
        found.insert(_place(found, item, compare), item)
    return found


def _signed(compare: Callable[[T, T], float]) -> Callable[[T, T], int]:
    def order(one: T, other: T) -> int:
        difference = compare(one, other)
        return (difference > 0) - (difference < 0)

    return order


def _first_run(items: Sequence[T], compare: Callable[[T, T], float]) -> list[T]:
    """The longest beginning that already ascends, or strictly descends, the latter turned round."""
    if len(items) < 2:
        return list(items)
    descending = compare(items[1], items[0]) < 0
    end = 2
    while end < len(items) and (compare(items[end], items[end - 1]) < 0) == descending:
        end += 1
    run = list(items[:end])
    return run[::-1] if descending else run


def _place(ordered: Sequence[T], item: T, compare: Callable[[T, T], float]) -> int:
    """Where `item` goes by bisection, behind its equals."""
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if compare(item, ordered[middle]) < 0:
            high = middle
        else:
            low = middle + 1
    return low
