"""Data to stdout, messages to stderr, consent before anything is billed or changed."""

import codecs
import json
import os
import shutil
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..core.errors import (
    CannotTellError,
    DeclinedError,
    RegressionError,
    RunSkippedWarning,
    UnreadReportsWarning,
)
from ..core.format import visible
from ..core.progress import OnProgress, ignore

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..analysis.verdict import Verdict
    from ..workspace.resources import Resource

_GAP = 2
_NARROWEST = 8
"""Characters that are left of a text column before a table is written as a list."""

_ASCII = {
    "×": "x",
    "–": "-",
    "—": "-",
    "…": "...",
    "€": "EUR",
    "¥": "CNY ",
    "→": "->",
    "µ": "u",
    "≤": "<=",
}


@dataclass(frozen=True)
class Output:
    """How a command talks: `--json`, `--quiet` and `--yes`."""

    json: bool = False
    quiet: bool = False
    yes: bool = False

    def show(self, data: Any, text: str) -> None:
        """The result: `data` as JSON for machines, else `text`."""
        if not self.quiet and sys.stderr.isatty():
            # A line of progress that rewrites itself may stand there: the result is not its end.
            sys.stderr.write(_REWRITTEN)
            sys.stderr.flush()
        printed = _for_terminal(text)
        if self.json:
            printed = json.dumps(data, indent=2, default=str, allow_nan=False)
        # A reader that has seen enough (`| head`) is no error, and changes no verdict.
        with suppress(BrokenPipeError):
            print(printed, flush=True)

    def confirm(self, description: str, question: str) -> None:
        """Show what is about to happen and ask; the library's `Confirm`.

        DeclinedError without a yes, or where there is no terminal to ask on. With --yes and
        --quiet nothing is said: cron mails whatever is.
        """
        if not (self.json or (self.quiet and self.yes)):
            say(description)
        if question:
            self._ask(question)

    def _ask(self, question: str) -> None:
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise DeclinedError(f"{question} needs a yes: pass --yes where nobody can be asked")
        say()
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise DeclinedError("declined; nothing was changed")

    def progress(self) -> OnProgress:
        """Where progress goes: the terminal, unless it would disturb."""
        if self.quiet:
            return ignore
        from ..reporting.progress import terminal_progress

        return terminal_progress(sys.stderr)

    def taken(self, what: str, resource: "Resource") -> None:
        """Say that a file of the package is used because the folder has none of its own."""
        if resource.packaged and not (self.quiet or self.json):
            say(f"{what}: {resource}")

    def event_listener(self, line: Callable[[Any], str]) -> Callable[[Any], None]:
        """Says the line of every event, unless it would disturb."""
        return lambda event: None if self.quiet else say(line(event))


_REWRITTEN = "\r\x1b[K"
"""Takes away a line that was not ended."""


def _for_terminal(text: str) -> str:
    """Text as it is printed: tabs as blanks, control characters as escapes."""
    return visible(text.replace("\t", "    "))


def say(text: str = "") -> None:
    """A message: to stderr, so that stdout holds data alone."""
    print(_for_terminal(text), file=sys.stderr)


def refuse(verdict: "Verdict") -> None:
    """Raise what the exit code of a gate's verdict stands for; nothing where all is well."""
    errors = {3: RegressionError, 5: CannotTellError}
    if verdict.exit_code:
        raise errors[verdict.exit_code](verdict.reason)


def fail(message: str, code: int) -> int:
    """The one line of a command that did not do what it was asked to; returns its exit code."""
    # A line of progress that rewrites itself may stand there half written.
    over = _REWRITTEN if sys.stderr.isatty() else ""
    print(f"{over}lambdatuning: {_for_terminal(' '.join(message.split()))}", file=sys.stderr)
    return code


_SHOWN_WARNINGS = (RunSkippedWarning, UnreadReportsWarning)


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """What input lacks is a message, not a warning with a line of our source; said once, though a
    command may read a store several times."""
    written: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, _SHOWN_WARNINGS):
            otherwise(message, category, filename, lineno, file, line)
        elif str(message) not in written:
            written.add(str(message))
            say(f"lambdatuning: {message}")

    with warnings.catch_warnings():
        for shown in _SHOWN_WARNINGS:
            warnings.simplefilter("always", shown)
        otherwise = warnings.showwarning
        warnings.showwarning = show
        yield


def records(frame: "DataFrame") -> Any:
    """Rows as JSON values: NaN is null, times are ISO 8601."""
    return json.loads(frame.to_json(orient="records", date_format="iso"))


def table(frame: "DataFrame") -> str:
    """A frame as text that fits the terminal: long texts are cut, then rows become lists.

    Where the output is no terminal, nothing is cut.
    """
    heads = [str(name) for name in frame.columns]
    cells = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    right = [_is_number(frame[name]) for name in frame.columns]
    widths = [
        max([len(head), *(len(row[column]) for row in cells)]) for column, head in enumerate(heads)
    ]
    fitted = _fit(widths, right, _terminal_width())
    if fitted is None:
        return "\n\n".join(_list(heads, row) for row in cells)
    rows = [_line(row, fitted, right) for row in [heads, *cells]]
    return "\n".join(rows)


def money(value: float | None, currency: str = "USD") -> str:
    """An amount with enough digits to tell sizes apart; "" where it is not known.

    >>> money(4.3071e-06), money(0.0000142, "CNY"), money(None)
    ('$0.00000431', '¥0.0000142', '')
    """
    from ..core.format import money_of

    missing = value is None or value != value  # noqa: PLR0124 - NaN differs from itself
    return "" if missing else money_of(currency)(value or 0.0)


def _terminal_width() -> int | None:
    """Columns of the terminal; None where stdout is none, so that `grep` sees whole values."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _fit(widths: list[int], right: list[bool], width: int | None) -> list[int] | None:
    """Widths whose sum fits, made by cutting the widest texts; None where that is not enough."""
    fitted = list(widths)
    while width is not None and sum(fitted) + _GAP * (len(fitted) - 1) > width:
        texts = [column for column, number in enumerate(right) if not number]
        widest = max(texts, key=lambda column: fitted[column], default=None)
        if widest is None or fitted[widest] <= _NARROWEST:
            return None
        fitted[widest] -= 1
    return fitted


def _line(row: list[str], widths: list[int], right: list[bool]) -> str:
    cells = [
        _cut(text, width).rjust(width) if number else _cut(text, width).ljust(width)
        for text, width, number in zip(row, widths, right, strict=True)
    ]
    return (" " * _GAP).join(cells).rstrip()


def _list(heads: list[str], row: list[str]) -> str:
    width = max(map(len, heads))
    return "\n".join(f"{head:<{width}}  {text}" for head, text in zip(heads, row, strict=True))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    from pandas import isna

    return "" if isna(value) else " ".join(str(value).split())


def _is_number(column: Any) -> bool:
    return bool(column.dtype.kind in "iuf")


def readable_anywhere(*streams: TextIO) -> None:
    """Write what a terminal's encoding does not have in ASCII instead of dying of it.

    UTF-8 has no halves of characters, by which Python stands for bytes of file names.
    """
    codecs.register_error("lambdatuning.ascii", _in_ascii)
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        is_utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
        if reconfigure and not (is_utf8 and stream.errors != "strict"):
            reconfigure(errors="lambdatuning.ascii")


def open_streams() -> None:
    """Give a process that was started without stdin, stdout or stderr (as by `2>&-`) empty ones:
    Python would print messages to stdout then."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def finish(stream: TextIO) -> None:
    """Write what a stream holds back, or throw it away where nobody reads it any more: Python
    would complain of either at its end.

    OSError where it cannot be written for another reason, such as a full disk.
    """
    try:
        stream.flush()
    except OSError as exc:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(exc, BrokenPipeError):
            raise


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ASCII.get(character) or _plain(character) for character in text), error.end


def _plain(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return f"\\u{ord(character):04x}"
    base = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return base or "?"
