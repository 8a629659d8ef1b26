"""The numbers of a report's tables as CSV and JSON, to lie beside its HTML."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FORMULA = re.compile(r"^[=+\-@\t\r]")
_LONGEST = 60


@dataclass(frozen=True)
class TableFile:
    """One table under a file name of its own (without ending)."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def csv(self) -> str:
        """A header and a line a row; lists are joined by spaces, what is absent is empty.

        Text that a spreadsheet would take for a formula gets an apostrophe in front.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(value) for value in row] for row in self.rows)
        return text.getvalue()

    def json(self) -> str:
        """A list with an object a row."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def table_file(data: Mapping[str, Any], heading: str, taken: Sequence[str]) -> TableFile:
    """The file of a table output (see `analysis.tables.TABLE_MIME`).

    Its name is made from the caption, or else the heading above it, and is not among `taken`.
    """
    stem = slug(str(data.get("caption", "")).partition(",")[0] or heading) or "table"
    name = stem
    number = 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return TableFile(name, [str(each) for each in data["columns"]], data["data"])


def slug(text: str) -> str:
    """Words as a file name: lower case letters, digits and hyphens.

    >>> slug("What to mind & why?")
    'what-to-mind-why'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST]


def _cell(value: object) -> object:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return "" if value is None else value
