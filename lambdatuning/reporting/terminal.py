"""Text as a terminal shows it, written as HTML: progress folded, colours as classes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import escape
from itertools import groupby

from ..core.format import visible

_TOKEN = re.compile(
    r"""\x1b\[(?P<arguments>[0-?]*)[ -/]*(?P<command>[@-~])  # such as colours and moves
      | \x1b[\]PX^_].*?(?:\x07|\x1b\\|\Z)                    # titles, links and other messages
      | \x1b[ -/]*[0-~]?                                     # anything else a terminal obeys
      | (?P<words>[^\x08\n\r\x1b]+|.)""",
    re.VERBOSE | re.DOTALL,
)
_OBEYED = re.compile(r"[\x08\r\x1b]")
_WIDEST = 1_000
"""Columns that a move to the right may reach."""


def terminal_html(text: str) -> str:
    r"""What is on the screen after this text, escaped, with classes for colours and weight.

    A line that rewrote itself stands as it was last; what moved up rewrites the lines there.

    >>> terminal_html("10 %\r100 %\n\x1b[1;31mno\x1b[0m <b>")
    '100 %\n<span class="lt-bold lt-red">no</span> &lt;b&gt;'
    """
    text = text.replace("\r\n", "\n")
    if not _OBEYED.search(text):
        return escape(visible(text))
    screen = _Screen()
    for token in _TOKEN.finditer(text):
        if token["command"]:
            screen.obey(token["command"], token["arguments"])
        elif token["words"]:
            screen.write(token["words"])
    return "\n".join("".join(_spans(row)) for row in screen.rows)


@dataclass(frozen=True)
class _Style:
    """How a character looks."""

    colour: str = ""
    bold: bool = False
    underlined: bool = False

    def classes(self) -> str:
        names = (
            ("lt-bold", self.bold),
            ("lt-underlined", self.underlined),
            (f"lt-{self.colour}", self.colour),
        )
        return " ".join(name for name, holds in names if holds)


_COLOURS = ("", "red", "green", "yellow", "blue", "magenta", "cyan", "")
"""The names in the style sheet; black and white are the page's own colour."""

_PLAIN = _Style()


@dataclass
class _Screen:
    """Rows of characters with their styles, and where the next one goes."""

    rows: list[list[tuple[str, _Style]]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    style: _Style = _PLAIN

    def write(self, words: str) -> None:
        """Characters of one line, or one that moves."""
        if words == "\n":
            self._down()
        elif words == "\r":
            self.column = 0
        elif words == "\b":
            self.column = max(0, self.column - 1)
        else:
            line = self.rows[self.row]
            line.extend((" ", _PLAIN) for _ in range(self.column - len(line)))
            end = self.column + len(words)
            line[self.column : end] = [(character, self.style) for character in words]
            self.column = end

    def obey(self, command: str, arguments: str) -> None:
        """A sequence of a terminal: colour, erase, move; others do nothing."""
        numbers = [int(number[:9]) if number.isdecimal() else 0 for number in arguments.split(";")]
        steps = max(1, numbers[0])
        if command == "m":
            self.style = _restyled(self.style, numbers)
        elif command == "K":
            self._erase(numbers[0])
        elif command == "A":
            self.row = max(0, self.row - steps)
        elif command == "B":
            self.row = min(len(self.rows) - 1, self.row + steps)
        elif command in "CDG":
            column = {"C": self.column + steps, "D": self.column - steps, "G": steps - 1}[command]
            self.column = min(max(0, column), _WIDEST)

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append([])

    def _erase(self, part: int) -> None:
        """From here to the end (0), the start to here (1), or the whole line (2)."""
        line = self.rows[self.row]
        if part == 1:
            line[: self.column + 1] = [(" ", _PLAIN)] * min(len(line), self.column + 1)
        else:
            del line[self.column if part == 0 else 0 :]


def _restyled(style: _Style, numbers: list[int]) -> _Style:
    """After Select Graphic Rendition (ECMA-48, 8.3.117), as far as the style sheet has it."""
    rest = iter(numbers)
    for number in rest:
        if number == 0:
            style = _PLAIN
        elif number in {1, 22}:
            style = replace(style, bold=number == 1)
        elif number in {4, 24}:
            style = replace(style, underlined=number == 4)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style = replace(style, colour=_COLOURS[number % 10])
        elif number in {38, 39}:
            style = replace(style, colour=_palette(rest) if number == 38 else "")
        elif number == 48:
            _palette(rest)
    return style


def _palette(rest: Iterator[int]) -> str:
    """One of 256 colours (5;N) or any (2;R;G;B); only the first sixteen have a name."""
    if next(rest, 0) == 5:
        number = next(rest, 0)
        return _COLOURS[number % 8] if number < 16 else ""
    for _ in range(3):
        next(rest, 0)
    return ""


def _spans(row: list[tuple[str, _Style]]) -> Iterator[str]:
    for style, characters in groupby(row, key=lambda cell: cell[1]):
        words = escape(visible("".join(character for character, _ in characters)))
        classes = style.classes()
        yield f'<span class="{classes}">{words}</span>' if classes else words
