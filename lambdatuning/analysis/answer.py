"""The answer of a run in words and on one page of cards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Unpack

from pandas import DataFrame

from ..core.strategies import DEFAULT_WEIGHT, STRATEGIES
from .adaptive import exploration_headline
from .curves import MIX, curves
from .decide import Recommendation, recommendations
from .goals import Limits
from .recommend import (
    SUPERLATIVES,
    Quicker,
    against_today,
    certainty,
    headline,
    held_back,
    quicker,
    recommend,
    sentence,
)
from .run import Run, apart, as_run, of_means
from .text.format import (
    NOTHING,
    format_change,
    format_mb,
    format_ms,
    format_share,
    format_times,
    format_usd,
    join,
    join_mb,
    short_name,
)
from .text.statement import answered, html_words

_MEANS = (
    "From published means, without the samples behind them: how sure this is cannot be said. "
    "Measure with lambdatuning to know."
)
_FEW = 3
_CARDS = {
    "cost": "Cheapest",
    "speed": "Fastest",
    "balanced": "Balanced",
    "knee": "Best value",
    "deadline": "Cheapest in time",
    "budget": "Fastest in budget",
}


@dataclass(frozen=True)
class Answer:
    """What to set, in one headline; `lead` are the recommendations behind it, one a strategy.

    `sentences` tell what else matters, `notice` where the measurement comes from if that limits
    it. Displays itself in notebooks; `str()` is the same as plain text.
    """

    headline: str
    lead: tuple[Recommendation, ...]
    sentences: tuple[str, ...]
    notice: str = ""

    def __str__(self) -> str:
        lines = [self.headline, *map(sentence, self.lead), *self.sentences, self.notice]
        return "\n".join(line for line in lines if line)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return answered(self.headline, (each.function for each in self.lead))

    def _repr_html_(self) -> str:
        several = len({each.function for each in self.lead}) > 1
        cards = "".join(_answer_card(each, named=several) for each in self.lead)
        words = "".join(f"<li>{html_words(text)}</li>" for text in self.sentences)
        notice = f'<p class="lt-notice">{html_words(self.notice)}</p>' if self.notice else ""
        return (
            f'<section class="lt-answer"><p class="lt-headline"><strong>{html_words(self.headline)}'
            f'</strong></p>{notice}<div class="lt-cards" style="display: flex; flex-wrap: wrap; '
            f'gap: 12px">{cards}</div>{f"<ul>{words}</ul>" if words else ""}</section>'
        )


def answer(
    source: Run | DataFrame,
    strategy: str | Sequence[str] = STRATEGIES,
    weight: float = DEFAULT_WEIGHT,
    *,
    current_memory_mb: int | None = None,
    **limits: Unpack[Limits],
) -> Answer:
    """The answer for the mix of payload types (or the only one), and where the types disagree.

    With several functions or architectures, an answer for each in one. `strategy`, `weight` and
    `limits` as `recommend` takes them.
    """
    run = as_run(source)
    told = [
        _told(
            each, recommend(each, strategy, weight, current_memory_mb=current_memory_mb, **limits)
        )
        for each in apart(run)
    ]
    return Answer(
        headline=" ".join(first for first, _, _ in told),
        lead=tuple(each for _, lead, _ in told for each in lead),
        sentences=(*_of_model(run), *(text for _, _, sentences in told for text in sentences)),
        notice=notice(run),
    )


def _of_model(run: Run) -> Sequence[str]:
    """What the model of an adaptive run says: its few samples a size say little by themselves."""
    if not run.adaptive:
        return ()
    return (f"By the model of this adaptive run {exploration_headline(run)}.",)


def _told(run: Run, frame: DataFrame) -> tuple[str, Sequence[Recommendation], Sequence[str]]:
    """Headline, recommendations and sentences of one function."""
    advice = recommendations(frame)
    lead = [each for each in advice if each.payload == MIX] or advice
    own = [each for each in advice if each.payload != MIX]
    told = [disagreement([e for e in own if e.strategy == each.strategy]) for each in lead]
    sentences = [text for text in (*_failures(own), *told) if text]
    return headline(run.function, lead, _quicker(run, lead)), lead, sentences


def _quicker(run: Run, lead: Sequence[Recommendation]) -> Quicker | None:
    """The size that is as cheap as the cheapest and much faster, where cost is asked for."""
    for advice in lead:
        if advice.strategy == "cost" and advice.alike_mb:
            found = [curve for curve in curves(run) if curve.payload == advice.payload]
            return quicker(found[0], advice) if found else None
    return None


def disagreement(advice: Sequence[Recommendation]) -> str:
    """Which payload types want other sizes than most under one strategy; "" where all agree."""
    wishes: dict[int, list[str]] = {}
    for each in advice:
        if each.memory_mb is not None:
            wishes.setdefault(each.memory_mb, []).append(each.payload)
    if len(wishes) < 2 or _common(advice):
        return ""
    by_number = sorted(wishes.items(), key=lambda item: (-len(item[1]), item[0]))
    parts = [f"{format_mb(size)} for {_named(names, len(advice))}" for size, names in by_number]
    return (
        f"Payload types disagree about the {SUPERLATIVES[advice[0].strategy]} size: {join(parts)}."
    )


def _named(payloads: Sequence[str], of: int) -> str:
    return join(payloads) if len(payloads) <= _FEW else f"{len(payloads)} of {of}"


def notice(run: Run) -> str:
    """What a reader must know about where the run took place; "" for the real AWS."""
    if of_means(run):
        return _MEANS
    if not run.embedded:
        return ""
    about = run.manifest.endpoint
    cores, limiter = about.get("cores"), about.get("limiter")
    details = [f"{cores} cores" if cores else "", f"CPU limited by {limiter}" if limiter else ""]
    where = ", ".join(part for part in details if part)
    return (
        f"Measured on the embedded AWS{f' ({where})' if where else ''}, not on AWS: the shape of "
        "the curves is real, the milliseconds are this machine's. "
        "Repeat it with your AWS profile before you set a size in production."
    )


def _common(advice: Sequence[Recommendation]) -> set[int]:
    """Sizes that no payload type can tell apart from its best."""
    accepted = [{e.memory_mb, *(e.alike_mb or ())} for e in advice if e.memory_mb is not None]
    return set[int].intersection(*accepted) if accepted else set()


def _failures(advice: Sequence[Recommendation]) -> list[str]:
    found = {each.payload: each.failing_mb for each in advice if each.failing_mb}
    return [f"{name} fails at {join_mb(sizes)}." for name, sizes in found.items()]


def _answer_card(advice: Recommendation, *, named: bool) -> str:
    name = f", {escape(short_name(advice.function))}" if named else ""
    size = "none" if advice.memory_mb is None else format_mb(advice.memory_mb)
    price = f"{format_usd(advice.cost_per_million_usd)} per million"
    told = [f"{format_ms(advice.mean_ms)}, {price}", against_today(advice), certainty(advice)]
    lines = "".join(f"<br>{html_words(text)}" for text in told if text)
    return (
        '<div class="lt-card" style="border: 1px solid; border-radius: 6px; padding: 8px 14px">'
        f"{_CARDS[advice.strategy]}{name}<br><strong>{escape(size)}</strong>{lines}</div>"
    )


# The summary on one page: a card a payload type with today, recommended, saved and how sure.


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
