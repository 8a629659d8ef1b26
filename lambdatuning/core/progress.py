"""How far a long piece of work has come, as a value; showing it is the business of others."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` units of a stage; `expected_s` is the whole stage's time, if it is known.

    `detail` says what is being done just now.
    """

    stage: str
    done: int
    total: int
    elapsed_s: float
    expected_s: float | None = None
    detail: str = ""

    @property
    def share(self) -> float:
        """Share of the work that is done, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total > 0 else 0.0


OnProgress = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """Tell nobody."""


def describe(progress: Progress) -> str:
    """One line for a person.

    >>> describe(Progress("measuring", 120, 600, 45, 210))
    'measuring: 120 of 600 (20 %), 0:45 of about 3:30'
    >>> describe(Progress("measuring", 3, 4, 9, detail="128 MB, echo"))
    'measuring: 3 of 4 (75 %), 0:09, 128 MB, echo'
    >>> describe(Progress("deploying", 0, 0, 4.2))
    'deploying, 0:04'
    """
    time = clock(progress.elapsed_s)
    if progress.expected_s is not None and progress.done < progress.total:
        time += f" of about {clock(max(progress.expected_s, progress.elapsed_s))}"
    if progress.detail:
        time += f", {progress.detail}"
    if progress.total <= 0:
        return f"{progress.stage}, {time}"
    counted = f"{progress.done:,} of {progress.total:,} ({progress.share * 100:.0f} %)"
    return f"{progress.stage}: {counted}, {time}"


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds, with hours where there are any.

    >>> clock(65), clock(3725)
    ('1:05', '1:02:05')
    """
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
