"""What stands first in a report: what to set, what that changes and how sure it is, as cards."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from ...core.errors import UsageError, closest
from ...core.format import capitalised, format_change, format_mb, join, ratio, short_name
from ...core.strategies import REGISTRY
from ..curves import MIX
from ..data import StudyData
from ..questions.cold_share import at_share, cold_answer
from ..text.statement import answer_output, html_words
from .answer import named, notice, suited
from .headline import Card, Headline, headline, headlines
from .recommendation import recommendation, recommendations


@dataclass(frozen=True)
class FirstScreen:
    """The decision of each function, below what a report says first: `lead`, or the decision.

    Displays itself in notebooks; `str()` is the same as plain text.
    """

    headlines: tuple[Headline, ...]
    lead: str
    sentences: tuple[str, ...]
    notice: str

    @property
    def first(self) -> str:
        """The sentence that a report says first."""
        return self.lead or " ".join(head.sentence for head in self.headlines)

    def __str__(self) -> str:
        decided = [str(head) for head in self.headlines]
        return "\n".join(filter(None, [self.lead, *decided, *self.sentences, self.notice]))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        return answer_output(self.first, (head.function for head in self.headlines))

    def _repr_html_(self) -> str:
        lead = _headline(self.lead) if self.lead else ""
        heads = [head for head in self.headlines if head.sentence not in self.lead]
        decided = "".join(_decided(head, quiet=bool(lead)) for head in heads)
        words = "".join(f"<li>{html_words(text)}</li>" for text in self.sentences)
        listed = f"<ul>{words}</ul>" if words else ""
        limits = f'<p class="lt-notice">{html_words(self.notice)}</p>' if self.notice else ""
        return f'<section class="lt-answer lt-front">{lead}{decided}{listed}{limits}</section>'


def front(data: StudyData, question: str = "") -> FirstScreen:
    """The decision; with a `question` ("payload_types", "strategies" or "cold_starts") below what
    that finds.

    Raises:
        UsageError: an unknown question.
    """
    if question and question not in _LEADS:
        raise UsageError(f'no question "{question}"; {closest(question, _LEADS)}')
    lead, *sentences = _LEADS[question](data) if question else ["", *_architectures(data)]
    return FirstScreen(headlines(data), lead, tuple(sentences), notice(data.run))


def _architectures(data: StudyData) -> Iterator[str]:
    """Of a function on two architectures: what one costs and takes against the other, each at its
    own best size."""
    by_function: dict[str, list[StudyData]] = {}
    for part in data.parts:
        by_function.setdefault(part.run.function, []).append(part)
    for function, parts in by_function.items():
        bests = [best for part in parts if (best := _at_best(part))]
        if len(parts) != 2 or len(bests) != 2:
            continue
        (cheap, size, usd, ms), (other, at, more_usd, others_ms) = sorted(
            bests, key=lambda best: best[2]
        )
        cost = format_change(ratio(usd, more_usd) - 1, "less", "more")
        speed = format_change(ratio(ms, others_ms) - 1, "faster", "slower")
        yield (
            f"{short_name(function)} on {cheap} at {format_mb(size)} costs "
            f"{'as much as' if cost == 'the same' else f'{cost} than'} on {other} at "
            f"{format_mb(at)}, and is {'as fast' if speed == 'the same' else speed}; "
            "`lambdatuning compare` tells how sure that is."
        )


def _at_best(part: StudyData) -> tuple[str, int, float, float] | None:
    """Architecture, best size, its cost and its duration; None without one."""
    curve, size = part.curve(), headline(part).memory_mb
    if curve is None or size not in curve.sizes:
        return None
    at = curve.sizes.index(size)
    return curve.architecture, size, float(curve.usd[at]), float(curve.ms[at])


def _payload_types(data: StudyData) -> list[str]:
    """For how many payload types the chosen size is best, and which want another."""
    lines = []
    for part in data.parts:
        chosen = headline(part).memory_mb
        own = [
            choice for choice in recommendations(part, part.strategies[:1]) if choice.payload != MIX
        ]
        if chosen is None:
            lines.append(headline(part).sentence)
            continue
        if len(own) < 2:
            payload = own[0].payload if own else "none"
            only = f"{payload} is the only payload type that was measured: its size is the answer."
            lines.append(named(data, part, only))
            continue
        lines.append(named(data, part, suited(chosen, own)))
    return [" ".join(lines)]


def _strategies(data: StudyData) -> list[str]:
    """Which size each strategy chooses, those of one size together."""
    lines = []
    for part in data.parts:
        words = _sizes(part)
        lines.append(named(data, part, f"{capitalised(words)}." if words else ""))
    return [" ".join(filter(None, lines)) or "No size can be recommended."]


def _sizes(data: StudyData) -> str:
    curve = data.curve()
    if curve and len(curve.sizes) == 1:
        return f"{format_mb(curve.sizes[0])} alone was measured: there is nothing to choose from"
    by_size: dict[int, list[str]] = {}
    for name in data.options.choices if curve else ():
        advice = recommendation(data, curve, name) if curve else None
        if advice and advice.memory_mb is not None and not _broken(name, advice.reason):
            by_size.setdefault(advice.memory_mb, []).append(REGISTRY[name].purpose)
    return "; ".join(
        f"{format_mb(size)} for {join(aims)}" for size, aims in sorted(by_size.items())
    )


def _broken(strategy: str, reason: str) -> bool:
    """Whether a size comes nearest to a deadline but may not keep it."""
    return strategy == "deadline" and bool(reason)


def _cold_starts(data: StudyData) -> list[str]:
    sentences = [named(data, part, text) for part in data.parts for text in at_share(part)]
    return [cold_answer(data).headline, *sentences]


_LEADS: Mapping[str, Callable[[StudyData], list[str]]] = {
    "payload_types": _payload_types,
    "strategies": _strategies,
    "cold_starts": _cold_starts,
}


# As markup.


def _headline(words: str) -> str:
    return f'<p class="lt-headline"><strong>{html_words(words)}</strong></p>'


def _decided(head: Headline, *, quiet: bool) -> str:
    """The decision with its cards, or in one paragraph where something else was said first."""
    if quiet:
        return f'<p class="lt-decided">{html_words(str(head))}</p>'
    sentence = _headline(head.sentence)
    if head.memory_mb is None:
        return sentence
    cards = "".join(map(_card, head.cards))
    beside = f'<p class="lt-certainty">{html_words(head.beside)}</p>' if head.beside else ""
    return f'{sentence}<div class="lt-cards lt-three">{cards}</div>{beside}'


def _card(card: Card) -> str:
    note = f'<br><span class="lt-why">{html_words(card.note)}</span>' if card.note else ""
    return (
        f'<div class="lt-card">{escape(card.label)}<br>'
        f"<strong>{html_words(card.value)}</strong>{note}</div>"
    )
