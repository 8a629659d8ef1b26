"""Which rows of a frame are of sizes that the host of their run could not tell apart."""

import math
from collections.abc import Mapping, Sequence

from pandas import DataFrame

from ..core.sizes import Host
from .run import Run, apart

BEYOND = "beyond_cores"
"""Column that is True where a size has more vCPUs than the host that measured it has cores."""


def hosts(run: Run) -> Mapping[tuple[str, str], Host]:
    """The host of each function and architecture of a run; none for those measured on AWS."""
    found = {}
    for part in apart(run):
        names = part.samples[["function", "architecture"]].drop_duplicates().astype(str)
        for key in names.itertuples(index=False, name=None):
            if part.host:
                found[key] = part.host
    return found


def marked(frame: DataFrame, run: Run) -> DataFrame:
    """The frame with a column `beyond_cores`, by its `memory_mb`.

    Rows are told apart by `function` and `architecture` where the frame has them.
    """
    keys = [name for name in ("function", "architecture") if name in frame]
    if not keys:
        largest = [_largest_mb([run.host])] * len(frame)
    else:
        known = hosts(run)
        rows = frame[keys].astype(str).itertuples(index=False, name=None)
        largest = [
            _largest_mb([host for key, host in known.items() if key[: len(row)] == row])
            for row in rows
        ]
    return frame.assign(**{BEYOND: frame["memory_mb"].astype(float) > largest})


def _largest_mb(known: Sequence[Host | None]) -> float:
    return min((host.largest_mb for host in known if host), default=math.inf)
