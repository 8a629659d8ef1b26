"""Which sizes cannot win, because invocations fail there."""

from collections import Counter
from collections.abc import Iterable, Sequence

from .question import Observation

MAX_FAILED = 0.2
"""A size of which more than this share of invocations fail is given up."""


def failing(observations: Iterable[Observation], sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes that are given up.

    Those that fail, and the smaller ones that never succeeded: what runs out of time or memory at
    a size does so below it, and a timeout is the dearest of all invocations.
    """
    calls: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    for seen in observations:
        calls[seen.memory_mb] += 1
        failed[seen.memory_mb] += bool(seen.error)
    bad = {size for size in calls if failed[size] > MAX_FAILED * calls[size]}
    worst = max(bad, default=0)
    proven = {size for size in calls if calls[size] > failed[size]} - bad
    return tuple(size for size in sizes if size in bad or (size < worst and size not in proven))
