"""One recommendation: the size to set, what it brings, how sure that is, and what leaves doubt."""

from dataclasses import dataclass, fields

import pandas as pd
from pandas import DataFrame


@dataclass(frozen=True)
class Recommendation:
    """The answer for one payload type (or the mix) under one strategy.

    `memory_mb` is None where no size can win (`reason` says why, and what comes nearest to a
    limit). `alike_mb` are the other sizes that cannot be told
    apart from the winner, None where it cannot be known (`reason` says why). `saving` is the share
    of today's cost that is saved (negative: costs more) and `speedup` today's duration over the
    winner's; both are NaN when the current size was not measured.

    `beyond_mb` are the sizes with more vCPUs than the host of the embedded AWS has cores; a winner
    among them has no `probability_best`. `held_back_mb` are those that might win on AWS, where
    they have all their vCPUs.
    """

    function: str
    architecture: str
    payload: str
    strategy: str
    memory_mb: int | None
    mean_ms: float
    cost_per_million_usd: float
    probability_best: float
    alike_mb: tuple[int, ...] | None
    current_mb: int | None
    saving: float
    speedup: float
    failing_mb: tuple[int, ...]
    reason: str
    beyond_mb: tuple[int, ...] = ()
    held_back_mb: tuple[int, ...] = ()

    @property
    def beyond_cores(self) -> bool:
        """Whether the winner itself has more vCPUs than the host has cores."""
        return self.memory_mb in self.beyond_mb


def recommendations(frame: DataFrame) -> list[Recommendation]:
    """The rows of a frame that `recommend` gave."""
    names = {field.name for field in fields(Recommendation)}
    rows = [
        {str(name): value for name, value in row.items() if name in names}
        for row in frame.to_dict("records")
    ]
    for row in rows:
        # A column with a row that has no size holds NaN there, and the sizes of others as floats.
        for name in ("memory_mb", "current_mb"):
            row[name] = None if pd.isna(row[name]) else int(row[name])
    return [Recommendation(**row) for row in rows]
