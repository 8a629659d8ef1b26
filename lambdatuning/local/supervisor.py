"""Outlives the server by a moment: when it is gone, however it went, everything of it goes too.

A forked child that waits at one end of a pipe; the pipe's end is the server's end.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from . import sweep

_MOST_DESCRIPTORS = 4096


def start(marker: str, cgroups: Sequence[str], folder: Path) -> int:
    """Fork the supervisor of this process; the descriptor that it watches, to be kept open.

    Call it before any thread is started.
    """
    sweep.note(cgroups, folder)
    reader, writer = os.pipe()
    if os.fork() == 0:
        status = 1
        try:
            _detach(reader)
            _wait_for_end(reader)
            sweep.clear(marker, cgroups, [str(folder)])
            status = 0
        finally:
            os._exit(status)
    os.close(reader)
    return writer


def _detach(reader: int) -> None:
    # A session of its own, so that no Ctrl-C of the terminal reaches it; no descriptor but one, so
    # that nobody waits for the end of a pipe which only the supervisor still holds.
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.closerange(3, reader)
    # Some systems name no limit, and nothing was opened beyond: the server has only begun.
    os.closerange(reader + 1, reader + _MOST_DESCRIPTORS)


def _wait_for_end(reader: int) -> None:
    while os.read(reader, 1):
        pass
