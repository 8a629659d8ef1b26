"""Lambda's REPORT lines in bulk, parsed a block at a time: what `core.report` reads one by one.

Lines in exactly the form that Lambda writes, which are nearly all, are cut by one expression a
block. Every other line goes to `core.report`, which decides alone what is a report.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .odd_lines import read_odd
from .report_columns import Columns, columns
from .report_forms import HEAD, JSON, TEXT, Form, Row

_DIGIT = (ord("0"), ord("9"))


def read_blocks(blocks: Iterable[Sequence[bytes]]) -> Iterator[Columns]:
    r"""The reports of each block of lines, in order; every line but a block's last ends in "\n"."""
    for block in blocks:
        found = list(_kinds(block))
        if len(found) == 1:
            yield found[0][1]
        elif found:
            order = np.argsort(np.concatenate([places for places, _ in found]))
            pairs = zip(*(each for _, each in found), strict=True)
            yield Columns(*(np.concatenate(pair)[order] for pair in pairs))


def _kinds(block: Sequence[bytes]) -> Iterator[tuple[NDArray[np.int64], Columns]]:
    """Places and reports of the text lines, and of the JSON lines."""
    first = np.frombuffer(b"".join([line[:1] or b" " for line in block]), np.uint8)
    is_text = (first == ord("R")) | ((first >= _DIGIT[0]) & (first <= _DIGIT[1]))
    for form, chosen in ((TEXT, is_text), (JSON, first == ord("{"))):
        places = np.flatnonzero(chosen)
        if not len(places):
            continue
        heads, tails = _rows(form, block if chosen.all() else [block[n] for n in places.tolist()])
        known = [n for n, head in enumerate(heads) if head]
        if len(known) < len(heads):
            places, heads = places[known], [heads[n] for n in known]
            tails = {new: tails[old] for new, old in enumerate(known) if old in tails}
        if heads:
            yield places, columns(heads, tails)


def _rows(form: Form, lines: Sequence[bytes]) -> tuple[list[Row], dict[int, Row]]:
    """The head of each line, empty for what is no report; by its place, each unusual tail."""
    # Every byte is a character of Latin-1, so that the text has the lines' own places and lengths.
    heads: list[Row] = form.head.findall(b"".join(lines).decode("latin-1"))
    tails: dict[int, Row] = {}
    if len(heads) != len(lines):
        plain = (line.removesuffix(b"\n").decode("latin-1") for line in lines)
        heads = [match.groups("") if (match := form.head.match(text)) else () for text in plain]
    for n, head in enumerate(heads):
        if head and head[-1] in form.usual:
            continue
        tail = form.tail.fullmatch(head[-1]) if head else None
        if tail:
            tails[n] = tail.groups("")
        else:
            row = read_odd(lines[n])
            heads[n], tails[n] = row[:HEAD], row[HEAD:]
    return heads, tails
