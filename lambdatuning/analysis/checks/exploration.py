"""Findings about an adaptive run: that it ended before it was sure."""

from collections.abc import Iterator

from ..choice.exploration import ENDS, exploration_headline
from ..samples.run import Run
from .check import Check

_CUT_SHORT = {
    "budget": "allow more (--max-usd, or a larger num)",
    "grid": "measure the grid, or allow a larger num",
    "time": "allow more time (--max-minutes)",
    "history": "ask for fewer payload types at once",
}


def cut_short(run: Run) -> Iterator[Check]:
    """An adaptive run that a limit ended: its answer is the best so far."""
    stopped = run.exploration.get("stopped", "")
    if stopped in _CUT_SHORT:
        yield Check(
            "warning",
            "ended before it was sure",
            f"{ENDS[stopped]}; {exploration_headline(run)}",
            _CUT_SHORT[stopped],
        )
