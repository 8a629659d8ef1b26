"""The answer of a run in words and as cards: what to set, what it changes, how sure that is."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from ...core.format import (
    NOTHING,
    Money,
    format_change,
    format_faster,
    format_mb,
    format_ms,
    format_sure,
    format_times,
    join,
    join_mb,
    of_all,
    short_name,
)
from ...core.strategies import REGISTRY
from ..curves import MIX
from ..data import StudyData
from ..frames import failed
from ..questions.adaptive import outcome
from ..run import Run, of_means
from ..text.statement import answer_output, html_words
from .headline import Card, Headline, headline, headlines, might_win_on_aws
from .recommendation import Recommendation, recommendations

_MEANS = (
    "From published means, without the samples behind them: how sure this is cannot be said. "
    "Measure with lambdatuning to know."
)
_COLD_ONLY = (
    "Every invocation was a cold start: all figures are those of cold starts, init included. "
    "Measure warm invocations to learn what most callers meet."
)
_FEW = 3


@dataclass(frozen=True)
class Answer:
    """What to set: a headline for each function, and `lead`, the recommendations for the mix (or
    the only payload type), one a strategy.

    `others` say what is best under other strategies than that of the headline, `sentences` what
    else matters, `notice` where the measurement comes from if that limits it. Displays itself in
    notebooks; `str()` is the same as plain text.
    """

    headlines: tuple[Headline, ...]
    lead: tuple[Recommendation, ...]
    others: tuple[str, ...]
    sentences: tuple[str, ...]
    notice: str

    @property
    def headline(self) -> str:
        """What to set, in a sentence for each function."""
        return " ".join(head.sentence for head in self.headlines)

    def __str__(self) -> str:
        lines = [line for head in self.headlines for line in (head.sentence, head.certainty)]
        return "\n".join(filter(None, [*lines, *self.others, *self.sentences, self.notice]))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        return answer_output(self.headline, (head.function for head in self.headlines))

    def _repr_html_(self) -> str:
        several = len(self.headlines) > 1
        blocks = "".join(_headline_html(head, named=several) for head in self.headlines)
        words = "".join(f"<li>{html_words(text)}</li>" for text in (*self.others, *self.sentences))
        notice = f'<p class="lt-notice">{html_words(self.notice)}</p>' if self.notice else ""
        return (
            f'<section class="lt-answer">{blocks}{notice}{f"<ul>{words}</ul>" if words else ""}'
            "</section>"
        )


def answer(data: StudyData) -> Answer:
    """The answer for the mix of payload types (or the only one), and where the types disagree.

    With several functions or architectures, an answer for each in one.
    """
    by_part = [_of_function(part) for part in data.parts]
    return Answer(
        headlines=headlines(data),
        lead=tuple(advice for lead, _ in by_part for advice in lead),
        others=tuple(
            named(data, part, sentence(advice, data.money))
            for part, (lead, _) in zip(data.parts, by_part, strict=True)
            for advice in lead
            if advice.strategy != data.strategies[0]
        ),
        sentences=tuple(
            named(data, part, text)
            for part, (_, texts) in zip(data.parts, by_part, strict=True)
            for text in dict.fromkeys(texts)
        ),
        notice=notice(data.run),
    )


def named(data: StudyData, part: StudyData, text: str) -> str:
    """The sentence of a part of a study, which is named where there are several."""
    return f"{part.name}: {text}" if text and len(data.parts) > 1 else text


def _of_function(data: StudyData) -> tuple[Sequence[Recommendation], Sequence[str]]:
    """Recommendations and sentences of one function."""
    advice = recommendations(data, data.strategies)
    lead = [choice for choice in advice if choice.payload == MIX] or advice
    own = [choice for choice in advice if choice.payload != MIX]
    phrases = [
        disagreement([e for e in own if e.strategy == chosen.strategy], chosen.memory_mb)
        for chosen in lead
    ]
    if len(own) > len(data.strategies):
        phrases += _failures(own)
    phrases += [*_failure_words(data.run), _COLD_ONLY if data.cold_only else "", *outcome(data.run)]
    return lead, [text for text in phrases if text]


def notice(run: Run) -> str:
    """What a reader must know about where the run took place; "" for the real AWS."""
    if of_means(run):
        return _MEANS
    if not run.embedded:
        return ""
    cores, limiter = run.endpoint.cores, run.endpoint.limiter
    details = [f"{cores} cores" if cores else "", f"CPU limited by {limiter}" if limiter else ""]
    where = ", ".join(part for part in details if part)
    return (
        f"Measured on the embedded AWS{f' ({where})' if where else ''}, not on AWS: the shape of "
        "the curves is real, the milliseconds are this machine's. "
        "Repeat it with your AWS profile before you set a size in production."
    )


def disagreement(advice: Sequence[Recommendation], chosen_mb: int | None = None) -> str:
    """Which payload types want another size than the one chosen for their mix (None: than most)
    under one strategy; "" where all agree."""
    by_size: dict[int, list[str]] = {}
    for choice in advice:
        if choice.memory_mb is not None:
            by_size.setdefault(choice.memory_mb, []).append(choice.payload)
    if len(by_size) < 2 or common_sizes(advice):
        return ""
    if chosen_mb is not None:
        return suited(chosen_mb, advice)
    by_number = sorted(by_size.items(), key=lambda item: (-len(item[1]), item[0]))
    parts = [f"{format_mb(size)} for {_named(names, len(advice))}" for size, names in by_number]
    purpose = REGISTRY[advice[0].strategy].purpose
    return f"Payload types disagree about the size for {purpose}: {'; '.join(parts)}."


def suited(chosen_mb: int, advice: Sequence[Recommendation]) -> str:
    """For how many payload types the chosen size is best, and which want another."""
    suits = [
        choice for choice in advice if chosen_mb in (choice.memory_mb, *(choice.as_good_mb or ()))
    ]
    words = f"{format_mb(chosen_mb)} is {REGISTRY[advice[0].strategy].superlative}"
    if any(choice.memory_mb != chosen_mb for choice in suits):
        words += ", or cannot be told apart from it,"
    words += f" for {of_all(len(suits), len(advice))} payload types"
    others = [choice for choice in advice if choice not in suits and choice.memory_mb is not None]
    if not others:
        return f"{words}."
    sizes: dict[int, list[str]] = {}
    for choice in others:
        sizes.setdefault(choice.memory_mb or 0, []).append(choice.payload)
    parts = [
        f"{format_mb(size)} for {join(names) if len(names) <= _FEW else f'{len(names)} others'}"
        for size, names in sorted(sizes.items())
    ]
    return f"Payload types disagree: {'; '.join([words, *parts])}."


def common_sizes(advice: Iterable[Recommendation]) -> set[int]:
    """Sizes that no payload type can tell apart from its best."""
    accepted = [{e.memory_mb, *(e.as_good_mb or ())} for e in advice if e.memory_mb is not None]
    return set[int].intersection(*accepted) if accepted else set()


def _named(payloads: Sequence[str], of: int) -> str:
    return join(payloads) if len(payloads) <= _FEW else f"{len(payloads)} of {of}"


def _failures(advice: Sequence[Recommendation]) -> list[str]:
    sizes = {choice.payload: choice.failing_mb for choice in advice if choice.failing_mb}
    return [f"{name} fails at {join_mb(own)}." for name, own in sizes.items()]


def _failure_words(run: Run) -> list[str]:
    """How many invocations failed, and with which error and message first."""
    bad = run.samples[failed(run.samples)]
    if bad.empty:
        return []
    with_message = bad[bad["message"].ne("")]
    first = (with_message if len(with_message) else bad).iloc[0]
    words = f'{first["error"]}: "{first["message"]}"' if len(with_message) else str(first["error"])
    return [f"{len(bad):,} of {len(run.samples):,} invocations failed, one of them with {words}."]


# A recommendation in words: one sentence that a person can act on.


def sentence(advice: Recommendation, money: Money) -> str:
    """What is best, what it brings against today's size, and how sure that is."""
    subject = "All payload types together" if advice.payload == MIX else advice.payload
    if advice.memory_mb is None:
        why = f"{advice.reason}{_untestable(advice)}"
        return f"{subject}: no size can be recommended, since {why}."
    superlative = REGISTRY[advice.strategy].superlative
    verdict = f"{format_mb(advice.memory_mb)} is {superlative}"
    if advice.memory_mb == advice.current_mb:
        verdict = f"{format_mb(advice.memory_mb)}, today's size, is {superlative}"
    price = f"{money(advice.cost_per_million_usd)} per million"
    change = against_today(advice)
    figures = f"{format_ms(advice.mean_ms)}, {price}{f'; {change}' if change else ''}"
    return f"{subject}: {verdict} ({figures}); {certainty(advice)}."


def certainty(advice: Recommendation) -> str:
    """How sure the recommendation is, what it cannot be told apart from, what was held back."""
    if advice.strategy == "deadline" and advice.reason.startswith("may not"):
        sure = advice.reason
    elif advice.reason:
        sure = f"how sure cannot be said ({advice.reason})"
    else:
        sure = f"{format_sure(advice.sure)} sure"
    if advice.predicted:
        sure += ", by prediction alone: this size was not measured"
    as_good = f", {join_mb(advice.as_good_mb)} cannot be told apart" if advice.as_good_mb else ""
    return sure + as_good + ("" if advice.beyond_cores else _untestable(advice))


def _untestable(advice: Recommendation) -> str:
    """The sizes that might do better on AWS than on the few cores that measured them; or ""."""
    if not advice.untestable_mb:
        return ""
    return f"; {might_win_on_aws(advice.untestable_mb)}"


def against_today(advice: Recommendation) -> str:
    """The difference from today's size: cost, then speed; "" where there is none to tell."""
    today = advice.current_mb
    if today is None or advice.memory_mb in {None, today}:
        return ""
    if today in advice.failing_mb:
        return f"{format_mb(today)} today fails"
    if advice.today_unmeasured:
        return f"{format_mb(today)} today was not measured"
    if math.isnan(advice.saving):
        return ""
    cost = format_change(-advice.saving, "cheaper", "more expensive")
    speed = format_faster(advice.speedup, f"{format_mb(today)} today")
    return f"{'the same cost' if cost == 'the same' else cost}, {speed}"


def _headline_html(head: Headline, *, named: bool) -> str:
    """The sentence, the three numbers, how sure it is."""
    cards = "".join(map(_number_card, head.cards)) if head.memory_mb else ""
    name = f"<h3>{escape(head.name or short_name(head.function))}</h3>" if named else ""
    return (
        f'{name}<p class="lt-headline"><strong>{html_words(head.sentence)}</strong></p>'
        f'<div class="lt-cards" style="display: flex; flex-wrap: wrap; gap: 12px">{cards}</div>'
        f'<p class="lt-certainty">{html_words(head.certainty)}</p>'
    )


def _number_card(card: Card) -> str:
    note = f"<br>{html_words(card.note)}" if card.note else ""
    return (
        '<div class="lt-card" style="border: 1px solid; border-radius: 6px; padding: 8px 14px">'
        f"{escape(card.label.capitalize())}<br><strong>{html_words(card.value)}</strong>{note}</div>"
    )


# The answer by payload type: a card each with today, recommended, saved and how sure.


@dataclass(frozen=True)
class Overview:
    """Recommendations under one strategy, one a payload type, the mix first; `headline` says
    whether the payload types agree, `names` (of several functions) whose each of them is."""

    headline: str
    advice: tuple[Recommendation, ...]
    notice: str
    money: Money
    names: tuple[str, ...] = ()

    @property
    def cards(self) -> "Overview":
        """Without the headline and the notice, for where both were said before."""
        return replace(self, headline="", notice="")

    def __str__(self) -> str:
        names = self.names or ("",) * len(self.advice)
        texts = [
            f"{name}: {sentence(choice, self.money)}" if name else sentence(choice, self.money)
            for name, choice in zip(names, self.advice, strict=True)
        ]
        lines = [self.headline, *texts, self.notice]
        return "\n".join(filter(None, lines))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        return answer_output(self.headline, (choice.function for choice in self.advice))

    def _repr_html_(self) -> str:
        names = self.names or ("",) * len(self.advice)
        cards = "".join(map(_card, self.advice, names))
        words = f"<strong>{html_words(self.headline)}</strong>"
        lead = f'<p class="lt-headline">{words}</p>' if self.headline else ""
        notice = f'<p class="lt-notice">{html_words(self.notice)}</p>' if self.notice else ""
        return (
            f'<section class="lt-answer">{lead}{notice}<div class="lt-overview">{cards}</div>'
            "</section>"
        )


def overview(data: StudyData) -> Overview:
    """A card for the mix and for each payload type (of each function) under the first strategy."""
    by_part = [recommendations(part, data.strategies[:1]) for part in data.parts]
    ordered = [sorted(own, key=lambda choice: choice.payload != MIX) for own in by_part]
    several = len(by_part) > 1
    words = [
        _agreement(own, part.name, headline(part).memory_mb, several=several)
        or headline(part).sentence
        for own, part in zip(ordered, data.parts, strict=True)
    ]
    advice = tuple(choice for own in ordered for choice in own)
    names = [part.name for own, part in zip(ordered, data.parts, strict=True) for _ in own]
    whole = (" ".join(words), advice, notice(data.run), data.money)
    return Overview(*whole, tuple(names) if several else ())


def _agreement(
    advice: Sequence[Recommendation], name: str, chosen_mb: int | None, *, several: bool
) -> str:
    """Whether one size (that of the mix, if it is one) is best for all payload types of a function,
    or which want which; "" of the only one."""
    own = [choice for choice in advice if choice.payload != MIX] or list(advice)
    superlative = REGISTRY[own[0].strategy].superlative
    words = disagreement(own, chosen_mb)
    if words:
        return f"{name}: {words}" if several else words
    if len(own) == 1:
        return ""
    sizes = {choice.memory_mb for choice in own if choice.memory_mb is not None}
    if not sizes:
        return f"No size of {name} can be recommended: {own[0].reason}."
    common = sorted(common_sizes(own) | (sizes if len(sizes) == 1 else set()))
    beside = " (or cannot be told apart from the best)" if len(sizes) > 1 else ""
    subject = f"all {len(own)} payload types of {name}"
    size = chosen_mb if chosen_mb in common else common[0]
    words = f"{format_mb(size or 0)} is {superlative}{beside} for {subject}"
    # Small losses of many payload types add up, of which none alone is told apart from chance.
    mixed = f"; of their weighted mix {format_mb(chosen_mb)} is" if chosen_mb else ""
    return f"{words}{'' if chosen_mb in common else mixed}."


def _card(advice: Recommendation, of: str) -> str:
    name = f"{of}, {advice.payload}" if of else advice.payload
    rows = "".join(
        f"<div><dt>{what}</dt><dd>{html_words(words)}</dd></div>" for what, words in _facts(advice)
    )
    kind = "lt-type lt-mix" if advice.payload == MIX else "lt-type"
    return f'<div class="{kind}"><h3>{escape(name)}</h3><dl>{rows}</dl></div>'


def _facts(advice: Recommendation) -> list[tuple[str, str]]:
    if advice.memory_mb is None:
        return [("none can be recommended", f"{advice.reason}{_untestable(advice)}")]
    today = NOTHING if advice.current_mb is None else format_mb(advice.current_mb)
    superlative = REGISTRY[advice.strategy].superlative
    facts = [("today", today), (superlative, format_mb(advice.memory_mb))]
    if advice.current_mb == advice.memory_mb:
        facts += [("saves", "nothing to change"), ("faster", NOTHING)]
    elif advice.current_mb in advice.failing_mb:
        facts += [("saves", "today's size fails"), ("faster", NOTHING)]
    elif advice.today_unmeasured:
        facts += [("saves", "today's size was not measured"), ("faster", NOTHING)]
    else:
        facts += [_saved(advice.saving), ("faster", _faster(advice.speedup))]
    return [*facts, ("sure", _sure(advice))]


def _saved(saving: float) -> tuple[str, str]:
    if math.isnan(saving):
        return "saves", NOTHING
    words = format_change(-saving, "", "more")
    what = "costs" if words.endswith("more") else "saves"
    return what, {"the same": "nothing"}.get(words, words.strip())


def _faster(speedup: float) -> str:
    if math.isnan(speedup) or speedup >= 1:
        return format_times(speedup)
    return f"{format_times(1 / speedup)} slower"


def _sure(advice: Recommendation) -> str:
    sure = f"not known ({advice.reason})" if advice.reason else format_sure(advice.sure)
    sure += f"; cannot be told apart: {join_mb(advice.as_good_mb)}" if advice.as_good_mb else ""
    return sure + ("" if advice.beyond_cores else _untestable(advice))
