"""Progress of several notebooks at once, told as one line."""

import threading
from collections.abc import Callable, Sequence

from ..core.progress import OnProgress, Progress


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
        """Where the notebook of that name tells its progress."""
        return Line(self, stem, self._clock)

    def told(self, stem: str, done: int, detail: str) -> None:
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
        self.tell()

    def tell(self, detail: str = "") -> None:
        """What the running cell says."""
        self._board.told(self._stem, self._done, detail)

    def elapsed_s(self) -> float:
        """Seconds since the notebook began."""
        return self._clock() - self._started_s
