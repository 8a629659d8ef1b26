"""The summary on one page: a card a payload type with today, recommended, saved and how sure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Unpack

from pandas import DataFrame

from ...core.strategies import DEFAULT_WEIGHT
from ..choice.goals import Limits
from ..choice.recommend import recommend
from ..choice.recommendation import Recommendation, recommendations
from ..samples.run import Run, as_run
from ..samples.several import apart
from ..statistics.curves import MIX
from .format import (
    NOTHING,
    format_change,
    format_mb,
    format_share,
    format_times,
    join_mb,
    short_name,
)
from .sentences import SUPERLATIVES, held_back, sentence
from .statement import html_words


@dataclass(frozen=True)
class Overview:
    """Recommendations under one strategy, one a payload type, the mix first."""

    advice: tuple[Recommendation, ...]

    def __str__(self) -> str:
        return "\n".join(map(sentence, self.advice))

    def _repr_html_(self) -> str:
        several = len({each.function for each in self.advice}) > 1
        cards = "".join(_card(each, named=several) for each in self.advice)
        return f'<section class="lt-overview">{cards}</section>'


def overview(
    source: Run | DataFrame,
    strategy: str = "cost",
    weight: float = DEFAULT_WEIGHT,
    **limits: Unpack[Limits],
) -> Overview:
    """A card for the mix and for each payload type (of each function) under one strategy.

    `strategy`, `weight` and `limits` as `recommend` takes them.
    """
    runs = apart(as_run(source))
    told = [recommendations(recommend(run, strategy, weight, **limits)) for run in runs]
    return Overview(tuple(each for advice in told for each in _sorted(advice)))


def _sorted(advice: Sequence[Recommendation]) -> list[Recommendation]:
    return sorted(advice, key=lambda each: each.payload != MIX)


def _card(advice: Recommendation, *, named: bool) -> str:
    name = f"{short_name(advice.function)}, {advice.payload}" if named else advice.payload
    rows = "".join(
        f"<div><dt>{what}</dt><dd>{html_words(told)}</dd></div>" for what, told in _facts(advice)
    )
    kind = "lt-type lt-mix" if advice.payload == MIX else "lt-type"
    return f'<div class="{kind}"><h3>{escape(name)}</h3><dl>{rows}</dl></div>'


def _facts(advice: Recommendation) -> list[tuple[str, str]]:
    if advice.memory_mb is None:
        return [("none can be recommended", f"{advice.reason}{held_back(advice)}")]
    today = NOTHING if advice.current_mb is None else format_mb(advice.current_mb)
    facts = [("today", today), (SUPERLATIVES[advice.strategy], format_mb(advice.memory_mb))]
    if advice.current_mb == advice.memory_mb:
        facts += [("saves", "nothing to change"), ("faster", NOTHING)]
    elif advice.current_mb in advice.failing_mb:
        facts += [("saves", "today's size fails"), ("faster", NOTHING)]
    else:
        facts += [("saves", _saved(advice.saving)), ("faster", _faster(advice.speedup))]
    return [*facts, ("sure", _sure(advice))]


def _saved(saving: float) -> str:
    if math.isnan(saving):
        return NOTHING
    told = format_change(-saving, "", "more")
    return {"the same": "nothing"}.get(told, told.strip())


def _faster(speedup: float) -> str:
    if math.isnan(speedup) or speedup >= 1:
        return format_times(speedup)
    return f"{format_times(1 / speedup)} slower"


def _sure(advice: Recommendation) -> str:
    if advice.reason:
        sure = f"not known ({advice.reason})"
    else:
        sure = format_share(advice.probability_best)
    sure += f"; as good: {join_mb(advice.alike_mb)}" if advice.alike_mb else ""
    return sure + ("" if advice.beyond_cores else held_back(advice))
