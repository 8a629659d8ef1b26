"""Progress shown where the user is: one line of a terminal that rewrites itself, or a notebook."""

import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from ..core.progress import OnProgress, Progress, describe

METADATA = {"lambdatuning": {"progress": True}}
"""Marks notebook outputs that a report leaves out."""

_STEPS = 10
"""Lines a stage where the terminal cannot rewrite a line, as in a log file."""

_QUIET_S = 30
"""The longest silence there while progress comes in, in seconds: a stage may stand still for
minutes, as a report does while a cell measures, and only its details change."""


def show_progress(stream: TextIO | None = None) -> OnProgress:
    """The renderer that suits: a notebook's if this is a kernel, else the terminal's (stderr)."""
    if stream is None and "ipykernel" in sys.modules and _in_kernel():
        return notebook_progress()
    return terminal_progress(stream or sys.stderr)


def terminal_progress(stream: TextIO) -> OnProgress:
    """Rewrites one line on a terminal; elsewhere writes about ten lines a stage, and one at least
    every 30 s."""
    return _rewriting(stream) if stream.isatty() else _lines(stream)


def notebook_progress(display: Callable[..., Any] | None = None) -> OnProgress:
    """Updates one line of output in place; `display` is IPython's unless given."""
    show = display or _ipython_display()
    handles: dict[str, Any] = {}

    def listen(progress: Progress) -> None:
        line = {"text/plain": describe(progress)}
        if progress.stage in handles:
            handles[progress.stage].update(line, raw=True, metadata=METADATA)
        else:
            handles[progress.stage] = show(line, raw=True, metadata=METADATA, display_id=True)

    return listen


def _rewriting(stream: TextIO) -> OnProgress:
    last = ""
    stage = ""

    def listen(progress: Progress) -> None:
        nonlocal last, stage
        if stage and progress.stage != stage:
            stream.write("\n")
            last = ""
        stage, line = progress.stage, describe(progress)[: _width()]
        stream.write(f"\r{line:<{len(last)}}")
        last = line
        if 0 < progress.total <= progress.done:
            stream.write("\n")
            stage = last = ""
        stream.flush()

    return listen


def _lines(stream: TextIO) -> OnProgress:
    written: tuple[str, int] | None = None
    written_s = 0.0

    def listen(progress: Progress) -> None:
        nonlocal written, written_s
        step = (progress.stage, int(progress.share * _STEPS))
        if step != written or progress.elapsed_s >= written_s + _QUIET_S:
            stream.write(describe(progress) + "\n")
            stream.flush()
            written, written_s = step, progress.elapsed_s

    return listen


def _width() -> int:
    return shutil.get_terminal_size().columns - 1


def _in_kernel() -> bool:
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _ipython_display() -> Callable[..., Any]:
    from IPython.display import display

    return display


class Board:
    """Counts cells of all notebooks; `line` is what one of them writes to, from its own thread."""

    def __init__(
        self,
        notebooks: Sequence[tuple[str, int]],
        on_progress: OnProgress,
        clock: Callable[[], float],
    ) -> None:
        self._on_progress = on_progress
        self._clock = clock
        self._lock = threading.Lock()
        self._stage = notebooks[0][0] if len(notebooks) == 1 else "reports"
        self._total = dict(notebooks)
        self._done = dict.fromkeys(self._total, 0)
        self._details: dict[str, str] = {}
        self._started_s = clock()

    def line(self, stem: str) -> "Line":
        """Where the notebook of that name shows its progress."""
        return Line(self, stem, self._clock)

    def update(self, stem: str, done: int, detail: str) -> None:
        """A notebook has done so many cells and says this of the running one."""
        with self._lock:
            self._done[stem] = min(done, self._total[stem])
            self._details[stem] = detail
            done, total = sum(self._done.values()), sum(self._total.values())
            elapsed_s = self._clock() - self._started_s
            words = "; ".join(text for text in self._details.values() if text)
            self._on_progress(Progress(self._stage, done, total, elapsed_s, detail=words))


class Line:
    """The progress of one notebook."""

    def __init__(self, board: Board, stem: str, clock: Callable[[], float]) -> None:
        self._board, self._stem, self._clock = board, stem, clock
        self._started_s = clock()
        self._done = 0

    def cell(self) -> None:
        """One more cell is done."""
        self._done += 1
        self.show()

    def show(self, detail: str = "") -> None:
        """What the running cell says."""
        self._board.update(self._stem, self._done, detail)

    def elapsed_s(self) -> float:
        """Seconds since the notebook began."""
        return self._clock() - self._started_s
