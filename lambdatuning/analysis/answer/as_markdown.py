"""The answer of a run as Markdown for a pull request: headline, a small table, a figure."""

import math
import re
from html import escape

from ...core.format import format_ms
from ..curves import MIX, Curve
from ..data import StudyData
from ..intervals import interval
from .headline import Headline, headline

_UNBROKEN = "\u200b"
"""A space of no width: behind @ and #, it keeps GitHub from calling people and linking issues."""


def markdown(data: StudyData, figure: str = "") -> str:
    """Headline, certainty and curve of each function; `figure` is the address of a picture."""
    parts = [_of_function(part) for part in data.parts]
    if figure:
        alt = " ".join(plain(headline(part).sentence) for part in data.parts)
        parts.append(f"![{alt}]({figure})")
    return "\n\n".join(parts)


def plain(text: str) -> str:
    r"""Text as Markdown that shows it as it is, on one line: no mark-up, no link, no mention.

    >>> plain("a|b_c <i> `x`\n@me #1")
    'a\\|b\\_c &lt;i&gt; \\`x\\` @\u200bme #\u200b1'
    """
    line = escape(" ".join(text.split()), quote=False)
    marked = re.sub(r"([\\`*_\[\]|~])", r"\\\1", line)
    return re.sub(r"([@#])", rf"\1{_UNBROKEN}", marked).replace("://", f":{_UNBROKEN}//")


def _of_function(data: StudyData) -> str:
    head, curve = headline(data), data.curve()
    lines = [f"**{plain(head.sentence)}**", plain(head.certainty)]
    if curve and len(curve.sizes):
        lines.append(_table(data, curve, head))
    about = f"Run {data.run.run_id}" if data.run.run_id else "A run"
    where = (
        "on the embedded AWS" if data.run.embedded else f"in {data.run.manifest.region or 'AWS'}"
    )
    count = f"{len(data.run.samples):,} invocations"
    lines.append(f"<sub>{plain(about)}, {count}, {where}</sub>")
    return "\n\n".join(line for line in lines if line)


def _table(data: StudyData, curve: Curve, head: Headline) -> str:
    """Sizes, what an invocation takes, what a million costs, and samples."""
    of = " of the mix" if curve.payload == MIX else ""
    rows = [
        f"| memory | mean duration{of} | per million | samples |",
        "|---:|---:|---:|---:|",
    ]
    counts = data.measured.groupby("memory_mb").size()
    for n, size in enumerate(curve.sizes):
        name = f"{size:,} MB{_mark(size, head)}"
        if size == head.memory_mb:
            name = f"**{name}**"
        low, high = interval(curve.resampled_ms[:, n])
        span = "" if math.isnan(low) else f" ({format_ms(low)} to {format_ms(high)})"
        count = int(counts.get(size, 0))
        samples = f"{count:,}" if count else "predicted"
        usd = data.money(float(curve.usd[n]) * 1e6)
        rows.append(f"| {name} | {format_ms(float(curve.ms[n]))}{span} | {usd} | {samples} |")
    return "\n".join(rows)


def _mark(size: int, head: Headline) -> str:
    marks = {"answer": head.memory_mb, "today": head.today_mb}
    own = [name for name, marked in marks.items() if marked == size]
    return f" ({', '.join(own)})" if own else ""
