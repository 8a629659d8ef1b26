"""Lanes: how many invocations of a batch may be under way at once."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Lanes:
    """A number of places, given to threads in the order in which they ask for one.

    So chains take turns, and each payload type stays spread over the whole time of its size.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = places
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; wait until it is this thread's turn."""
        self._take()
        try:
            yield
        finally:
            self._give()

    def _take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
