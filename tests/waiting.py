"""Waiting for something that another process does: always with a deadline, and with its name."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(check: Callable[[], T], what: str, seconds: float = 300.0, every_s: float = 0.05) -> T:
    """The first true value of `check`; fails the test with `what` if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(every_s)
    return value
