"""A command's manners: data to stdout, talk to stderr, a question before anything is billed."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ..core.errors import DeclinedError
from ..core.progress import OnProgress, ignore


def say(text: str = "") -> None:
    """Talk: to stderr, so that stdout holds data alone."""
    print(text, file=sys.stderr)


def show(arguments: Namespace, data: Any, text: str) -> None:
    """The result: as JSON for machines, else as text."""
    if arguments.json:
        json.dump(data, sys.stdout, indent=2, default=str, allow_nan=False)
        print()
    else:
        print(text)


def ask(arguments: Namespace, question: str) -> None:
    """Go on only with a yes; DeclinedError without one, or where nobody can be asked."""
    if arguments.yes:
        return
    if not sys.stdin.isatty():
        raise DeclinedError(f"{question} needs a yes: pass --yes where nobody can be asked")
    say()
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise DeclinedError("declined; nothing was changed")


def confirm(arguments: Namespace) -> Callable[[str, str], None]:
    """What the library calls with (talk, question) before it bills or changes anything."""

    def confirmed(talk: str, question: str) -> None:
        if not arguments.json:
            say(talk)
        if question:
            ask(arguments, question)

    return confirmed


def progress(arguments: Namespace) -> OnProgress:
    """Where progress goes: the terminal, unless it would disturb."""
    if arguments.quiet:
        return ignore
    from ..reporting.progress import terminal_progress

    return terminal_progress(sys.stderr)
