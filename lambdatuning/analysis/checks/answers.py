"""Findings about the answer: winners at an edge, payload types that disagree, own warnings."""

from collections.abc import Iterator

from ...core.sizes import MAX_MB, MIN_MB
from ..choice.recommend import recommend
from ..samples.frames import warm
from ..samples.run import Run
from ..statistics.curves import MIX
from ..telling.format import format_mb, join
from .check import Check


def edge_of_grid(run: Run) -> Iterator[Check]:
    """Winners at the largest or smallest measured size that a further size might beat."""
    if len(run.sizes) < 2 or warm(run.samples).empty:
        return
    low, high = run.sizes[0], run.sizes[-1]
    advice = recommend(run, "cost")
    for edge, beyond, possible in ((low, "smaller", MIN_MB), (high, "larger", MAX_MB)):
        if edge in run.beyond_mb:
            continue  # larger ones would run alike: `samples.beyond_cores` says so
        names = advice[(advice["memory_mb"] == edge) & (advice["payload"] != MIX)]["payload"]
        if len(names) and edge != possible:
            yield Check(
                "note",
                "cheapest size at the edge of the grid",
                f"{format_mb(edge)}, the {beyond.replace('er', 'est')} size measured, "
                f"is cheapest for {join(names)}",
                f"measure {beyond} sizes too",
            )


def types_disagree(run: Run) -> Iterator[Check]:
    """No size is the best, or as good as the best, for all payload types."""
    if len(run.payloads) < 2 or warm(run.samples).empty:
        return
    advice = recommend(run, "cost")
    advice = advice[(advice["payload"] != MIX) & advice["memory_mb"].notna()]
    accepted = [{int(row["memory_mb"]), *(row["alike_mb"] or ())} for _, row in advice.iterrows()]
    if accepted and not set.intersection(*accepted):
        yield Check(
            "note",
            "payload types disagree",
            "no size is cheapest, or as cheap, for every payload type",
            "choose by the mix, or split the function by payload type",
        )


def recorded(run: Run) -> Iterator[Check]:
    """Warnings that the run itself recorded."""
    for text in run.manifest.get("warnings", []):
        yield Check("warning", "recorded by the run", str(text), "see the run's manifest")
