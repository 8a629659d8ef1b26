"""Findings in words: a headline, the sentences behind it, and what limits them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from ...core.format import join, short_name
from .output_types import ANSWER_MIME, RUN_MIME


def answer_output(headline: str, functions: Iterable[str]) -> dict[str, object]:
    """The output that tells the index of reports what a report says, of which functions."""
    return {ANSWER_MIME: {"headline": headline, "functions": list(dict.fromkeys(functions))}}


@dataclass(frozen=True)
class About:
    """What a report is about, in one line: functions, place, date (ISO), and more facts.

    Shows itself in notebooks; `str()` is the same as plain text.
    """

    functions: tuple[str, ...]
    place: str = ""
    date: str = ""
    facts: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = join(map(short_name, self.functions))
        return " · ".join(filter(None, [names, self.place, self.date, *self.facts]))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        about = {"functions": list(self.functions), "place": self.place, "date": self.date}
        return {RUN_MIME: about, "text/plain": str(self)}

    def _repr_html_(self) -> str:
        return f'<p class="lt-about">{html_words(str(self))}</p>'


@dataclass(frozen=True)
class Statement:
    """Shows itself in notebooks; `str()` is the same as plain text."""

    headline: str
    sentences: tuple[str, ...] = ()
    notice: str = ""
    functions: tuple[str, ...] = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        return answer_output(self.headline, self.functions)

    def __str__(self) -> str:
        return "\n".join(line for line in (self.headline, *self.sentences, self.notice) if line)

    def _repr_html_(self) -> str:
        words = "".join(f"<li>{html_words(text)}</li>" for text in self.sentences)
        notice = f'<p class="lt-notice">{html_words(self.notice)}</p>' if self.notice else ""
        return (
            f'<section class="lt-answer"><p class="lt-headline"><strong>'
            f"{html_words(self.headline)}</strong></p>{notice}"
            f"{f'<ul>{words}</ul>' if words else ''}</section>"
        )


def html_words(text: str) -> str:
    """Escaped, and no line breaks between a number and its unit."""
    return re.sub(r"(?<=\d) (?=MB|ms|s\b|%|×)", "&nbsp;", escape(text))
