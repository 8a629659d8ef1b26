"""The command line.

commands/     the commands, one module a group of them
app           finds and runs a command; errors become one line and an exit code
session       where a command works: AWS, another endpoint, or an embedded AWS of its own
options       the options that several commands share
verdicts      those by which gates write their verdict for machines
output        data to stdout, messages to stderr, consent before anything is billed or changed
json_outputs  what commands print with `--json`, as types

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 regression found, 4 declined, 5 cannot tell,
130 stopped by Ctrl-C.

A command's module is imported when the command is run, and imports nothing heavy itself, so that
`lambdatuning --help` answers at once.
"""

from .app import COMMANDS, main

__all__ = ["COMMANDS", "main"]
