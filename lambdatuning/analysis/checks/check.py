"""One finding about a run."""

from dataclasses import dataclass

from pandas import DataFrame

from ..telling.format import join_mb

KEYS = ["payload", "memory_mb"]
_SHOWN = 3


@dataclass(frozen=True)
class Check:
    """One finding. `severity` is "error" (do not use the result), "warning" or "note"."""

    severity: str
    name: str
    cause: str
    next_step: str


def places(rows: DataFrame) -> str:
    """Where: "list at 128 MB, cpu at 128 and 256 MB", cut after a few."""
    sizes = rows.groupby("payload", observed=True)["memory_mb"].unique()
    told = [f"{name} at {join_mb(sorted(map(int, each)))}" for name, each in sizes.items()]
    more = len(told) - _SHOWN
    return ", ".join(told[:_SHOWN]) + (f" and {more} more payload types" if more > 0 else "")
