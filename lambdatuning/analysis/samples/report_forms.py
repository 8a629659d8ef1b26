"""The two forms of REPORT lines that Lambda writes: text and JSON."""

import re
from typing import NamedTuple

Row = tuple[str, ...]
"""The fields of a report as texts, "" where it does not say."""

HEAD = 6
"""Fields that every report has: time, request id, duration, billed, memory size, memory used."""

_TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)Z"
_DECIMAL = r"(\d{1,15}(?:\.\d{1,9})?)"
_NUMBER = r"((?:0|[1-9]\d{0,14})(?:\.\d{1,9})?)"
_WORD = r'"([!#-\[\]-~]*)"'
STAMP = re.compile(rf"^{_TIME}[ \t]", re.ASCII)
JSON_TIME = re.compile(rf'"time": ?"{_TIME}"', re.ASCII)


class Form(NamedTuple):
    """One log format: what every report begins with, and what only some have at their end."""

    head: re.Pattern[str]
    tail: re.Pattern[str]
    usual: frozenset[str]


TEXT = Form(
    re.compile(
        rf"^(?:{_TIME}[ \t])?REPORT RequestId: ([!-~]+)\tDuration: {_DECIMAL} ms"
        rf"\tBilled Duration: {_DECIMAL} ms\tMemory Size: (\d{{1,9}}) MB"
        r"\tMax Memory Used: (\d{1,9}) MB([^\n]*)$",
        re.MULTILINE | re.ASCII,
    ),
    re.compile(
        rf"(?:\tInit Duration: {_DECIMAL} ms)?(?:\tRestore Duration: {_DECIMAL} ms)?"
        rf"(?:\tBilled Restore Duration: {_DECIMAL} ms)?(?:\tStatus: (\w+))?"
        r"(?:\tError Type: ([!-~]+))?[ \t]*\r?",
        re.ASCII,
    ),
    frozenset({"\t", ""}),
)
JSON = Form(
    re.compile(
        rf'^\{{"time": ?"{_TIME}", ?"type": ?"platform\.report", ?"record": ?'
        rf'\{{"requestId": ?{_WORD}, ?"metrics": ?\{{"durationMs": ?{_NUMBER}, ?'
        rf'"billedDurationMs": ?{_NUMBER}, ?"memorySizeMB": ?{_NUMBER}, ?'
        rf'"maxMemoryUsedMB": ?{_NUMBER}([^\n]*)$',
        re.MULTILINE | re.ASCII,
    ),
    re.compile(
        rf'(?:, ?"initDurationMs": ?{_NUMBER})?(?:, ?"restoreDurationMs": ?{_NUMBER})?'
        rf'(?:, ?"billedRestoreDurationMs": ?{_NUMBER})?\}}(?:, ?"status": ?{_WORD})?'
        rf'(?:, ?"errorType": ?{_WORD})?\}}\}}[ \t]*\r?',
        re.ASCII,
    ),
    frozenset({'}, "status": "success"}}', '},"status":"success"}}', "}}}"}),
)
