"""How far a long piece of work is: data for a terminal, a notebook or nobody."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """A moment of long work: `done` of `total` in a stage (`total` 0 where it cannot be known)."""

    stage: str
    done: int = 0
    total: int = 0
    elapsed_s: float = 0.0
    expected_s: float | None = None
    detail: str = ""


OnProgress = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Tell nobody."""


def describe(progress: Progress) -> str:
    """One line for people.

    >>> describe(Progress("measuring", 30, 120, 12.0, 48.0, "128 MB 12/40"))
    'measuring 30/120, 12 s of about 48 s, 128 MB 12/40'
    >>> describe(Progress("deploying", elapsed_s=3.2))
    'deploying, 3 s'
    """
    count = f" {progress.done:,}/{progress.total:,}" if progress.total else ""
    expected = f" of about {progress.expected_s:.0f} s" if progress.expected_s else ""
    detail = f", {progress.detail}" if progress.detail else ""
    return f"{progress.stage}{count}, {progress.elapsed_s:.0f} s{expected}{detail}"
