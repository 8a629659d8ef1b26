"""Numbers in the sentences of an exploration."""

import math
from collections.abc import Iterable


def percent(share: float, digits: int = 0) -> str:
    """A share in per cent, cut rather than rounded: what is nearly sure enough does not look so.

    >>> percent(0.9496), percent(0.00129, 2)
    ('94 %', '0.12 %')
    """
    unit = 10**digits
    return f"{math.floor(share * 100 * unit + 1e-9) / unit:.{digits}f} %"


def join_mb(sizes: Iterable[int]) -> str:
    """Sizes as they are written everywhere.

    >>> join_mb([512, 1024])
    '512, 1,024 MB'
    """
    return f"{', '.join(f'{size:,}' for size in sizes)} MB"
