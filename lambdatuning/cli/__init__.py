"""The command line: one module a group of commands, output and consent in one place.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 regression found, 4 declined, 5 cannot tell,
130 stopped by Ctrl-C.

A command's module is imported when the command is run, and imports nothing heavy itself, so that
`lambdatuning --help` answers at once.
"""

from .app import COMMANDS, main

__all__ = ["COMMANDS", "main"]
