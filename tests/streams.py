"""Standard streams of a forked process, which has those of the process that it was forked from."""

import os
import sys


def redirect(out: str, err: str) -> None:
    """Nothing on stdin; stdout and stderr into these files."""
    for descriptor, path in ((0, os.devnull), (1, out), (2, err)):
        flags = os.O_RDWR if descriptor == 0 else os.O_WRONLY | os.O_CREAT
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
        for descriptor, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
