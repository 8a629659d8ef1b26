"""The tables of a report: sortable without a script, their numbers as CSV and JSON in it."""

import base64
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from unicodedata import normalize

from ..core.format import visible

_FORMULA = re.compile(r"[=+\-@]|[\t\r\n]")
_TRIMMED = re.compile(r"^[\s\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff]+")
"""How text begins that a spreadsheet takes for a formula (OWASP, "CSV Injection"): a sign, also
the full-width and small ones of East Asian keyboards, behind whatever may be trimmed off before
it, such as blanks or a byte order mark."""

_UNSEEN = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST = 60


@dataclass(frozen=True)
class TableFile:
    """One table under a file name of its own (without ending)."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def csv(self) -> str:
        """A header and a line a row; lists are joined by spaces, what is absent is empty.

        Text that a spreadsheet would take for a formula gets an apostrophe in front; control
        characters are written as escapes.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([csv_cell(name) for name in self.columns])
        writer.writerows([csv_cell(value) for value in row] for row in self.rows)
        return text.getvalue()

    def json(self) -> str:
        """A list with an object a row, each on a line of its own; characters that cannot be seen
        are written as escapes."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        text = f"[\n{lines}\n]" if rows else "[]"
        return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"

    def links(self) -> str:
        """Links that save the table as CSV and as JSON, which they hold: a mailed report is
        complete."""
        kinds = (("csv", "text/csv", self.csv()), ("json", "application/json", self.json()))
        return ", ".join(
            f'<a download="{self.name}.{kind}" href="data:{mime};charset=utf-8;base64,'
            f'{base64.b64encode(text.encode()).decode()}">{kind.upper()}</a>'
            for kind, mime, text in kinds
        )


def table_file(data: Mapping[str, Any], heading: str, used: Sequence[str]) -> TableFile:
    """The file of a table output (see `analysis.text.output_types.TABLE_MIME`).

    Its name is made from the caption, or else the heading above it, and is not among those `used`.
    """
    stem = slug(str(data.get("caption", "")).partition(",")[0] or heading) or "table"
    name = stem
    number = 2
    while name in used:
        name, number = f"{stem}-{number}", number + 1
    return TableFile(name, [str(column) for column in data["columns"]], data["data"])


def slug(text: str) -> str:
    """Words as a file name: lower case letters, digits and hyphens.

    >>> slug("Checks & why?")
    'checks-why'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST]


def csv_cell(value: object) -> object:
    """A value as it is written into CSV: no spreadsheet takes its text for a formula."""
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, str):
        # Judged as it came: an escape hides no formula.
        return f"'{visible(value)}" if _is_formula(value) else visible(value)
    return "" if value is None else value


def _is_formula(text: str) -> bool:
    trimmed = _TRIMMED.sub("", text)
    return bool(_FORMULA.match(text) or _FORMULA.match(normalize("NFKC", trimmed[:1])))


_FEWEST_ROWS = 4
_DOWN = '<label class="lt-down"><input type="checkbox" class="lt-turn"> largest first</label>'

MOST_COLUMNS = 30
"""The style sheet knows so many."""

_HEAD = re.compile(r"(<thead><tr>)(.*?)(</tr></thead>)", re.DOTALL)
_HEADER = re.compile(r"(<th [^>]*>)(.*?)(</th>)", re.DOTALL)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_FIRST = re.compile(r"<th [^>]*>(.*?)</th>", re.DOTALL)


def sortable(table: str, ranks: Sequence[Sequence[int]], name: str) -> str:
    """The markup of one of our tables (`analysis.text.tables`) with heads to sort it by.

    `ranks` has a list a column that is shown, with the rank of each row. Tables of few rows, and
    tables that are not as expected, stay as they are. `name` must differ from table to table.
    """
    head = _HEAD.search(table)
    rows = len(ranks[0]) if ranks else 0
    if not head or rows < _FEWEST_ROWS or len(ranks) > MOST_COLUMNS:
        return table
    if len(_HEADER.findall(head[2])) != len(ranks) or len(_ROW.findall(table, head.end())) != rows:
        return table
    body = "".join(_rows(table[head.end() :], ranks))
    numbered = count()
    heads = _HEADER.sub(lambda th: _choice(th, next(numbered), name), head[2])
    start = table[: head.start()].replace(
        '<table class="lt-table',
        f'<table style="--columns: {len(ranks)}" class="lt-sort lt-table',
        1,
    )
    return f"{start.replace('</caption>', f'{_DOWN}</caption>', 1)}{head[1]}{heads}{head[3]}{body}"


def _choice(header: "re.Match[str]", column: int, name: str) -> str:
    """A column's head with its radio button; the first column's is the order as it was."""
    checked = "" if column else " checked"
    box = f'<input type="radio" name="sort-{name}" class="s{column}"{checked}>'
    label = f'<label title="sort by this column">{box}{header[2]}</label>'
    return f"{header[1]}{label}{header[3]}"


def _rows(body: str, ranks: Sequence[Sequence[int]]) -> Iterator[str]:
    """The rows with their ranks; those below a head of several rows repeat it: they may part."""
    at, head = 0, ""
    for n, row in enumerate(_ROW.finditer(body)):
        style = ";".join(f"--s{c}:{column[n]}" for c, column in enumerate(ranks) if c)
        first = _FIRST.match(row[1])
        again = ""
        if first:
            head = first[1]
        else:
            again = f'<th scope="row" class="lt-again">{head}</th>'
        yield f'{body[at : row.start()]}<tr style="{style}">{again}{row[1]}</tr>'
        at = row.end()
    yield body[at:]
