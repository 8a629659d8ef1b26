"""Tables that a reader can sort without a script: the style sheet does it, by the rows' ranks.

Each row carries its rank by each column; a radio button in a column's head says which of them is
the order of the rows (`report.css`). Until one is chosen nothing differs from a plain table.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import count

_FEWEST_ROWS = 4
_DOWN = '<label class="lt-down"><input type="checkbox" class="lt-turn"> largest first</label>'

MOST_COLUMNS = 30
"""The style sheet knows so many."""

_HEAD = re.compile(r"(<thead><tr>)(.*?)(</tr></thead>)", re.DOTALL)
_HEADER = re.compile(r"(<th [^>]*>)(.*?)(</th>)", re.DOTALL)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_FIRST = re.compile(r"<th [^>]*>(.*?)</th>", re.DOTALL)


def sortable(table: str, ranks: Sequence[Sequence[int]], name: str) -> str:
    """The markup of one of our tables (`analysis.telling.tables`) with heads to sort it by.

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
