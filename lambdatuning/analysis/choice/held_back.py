"""What the cores of one host leave open: sizes that it held back, and that might win on AWS."""

import numpy as np
from numpy.typing import NDArray

from ..statistics.curves import Curve
from .deadlines import Prompt
from .goals import Goal, score

Mask = NDArray[np.bool_]


def candidates(curve: Curve, kept: Mask) -> Mask:
    """Which sizes may win: of those that the host could not tell apart, the smallest alone.

    They ran on the same cores at different prices: which was fastest is chance, and the smallest
    is never dearer. `kept` says which sizes keep the limit of a goal; of those that do, if any.
    """
    beyond = np.isin(curve.sizes, curve.beyond_mb)
    alike = np.flatnonzero(beyond & kept) if (beyond & kept).any() else np.flatnonzero(beyond)
    found: Mask = ~beyond
    found[alike[:1]] = True
    return found


def held_back(curve: Curve, winner: int, goal: Goal, prompt: Prompt | None) -> tuple[int, ...]:
    """The sizes that might be better than the winner with all the vCPUs that AWS gives them.

    With more vCPUs an invocation is faster by their ratio at most, as if it were nothing but
    parallel computing, and cheaper by as much, but never billed less than a millisecond. A size
    that loses even so loses on AWS, too. Where the winner itself was held back, all others that
    were are among them.
    """
    if curve.host is None or not curve.beyond_mb:
        return ()
    sizes = np.array(curve.sizes)
    bound = np.minimum(curve.host.largest_mb / sizes, 1.0)
    in_time = None if prompt is None else np.where(bound < 1, 1.0, prompt.share)
    scale = (float(curve.ms.max()), float(curve.usd.max()))
    measured = score(
        curve.ms, curve.usd, goal, in_time=None if prompt is None else prompt.share, scale=scale
    )
    # At most ms + 1 milliseconds are billed today, so that this factor leaves one at least.
    usd = curve.usd * np.where(bound < 1, np.maximum(bound, 1 / (curve.ms + 1)), 1.0)
    best = score(curve.ms * bound, usd, goal, in_time=in_time, scale=scale)
    beyond = np.isin(sizes, curve.beyond_mb)
    open_to = beyond & (best < measured[winner]) & (np.arange(len(sizes)) != winner)
    return tuple(int(size) for size in sizes[open_to])
