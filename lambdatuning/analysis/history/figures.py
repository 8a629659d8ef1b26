"""The series of a history over its runs, with changes, cuts and accepted levels marked."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ...core.errors import UsageError
from ...core.format import format_count, format_mb, format_ms, format_part, join
from ..plot.chart import Chart, chart
from ..plot.style import INK, MUTED, SERIES, Layout, framed, stacked
from .history import History, format_level


class _Line(NamedTuple):
    column: str
    title: str
    write: Callable[[float], str]


LINES = {
    "duration": _Line("duration_level", "Mean duration against the first runs", format_level),
    "p95": _Line("p95_level", "95th percentile against the first runs", format_level),
    "cost": _Line("cost_level", "Cost against the first runs", format_level),
    "init": _Line("init_ms", "Cold start (init)", format_ms),
    "failures": _Line("failed_share", "Failed invocations", format_part),
    "memory": _Line("max_memory_mb", "Memory used", format_mb),
    "best size": _Line("best_mb", "Best size", format_mb),
}


def plot_series(history: History, names: Sequence[str] = ()) -> Chart:
    """A panel a series that has values; all of them by default."""
    for name in names:
        if name not in LINES:
            raise UsageError(f'no series "{name}"; there are {join(LINES)}')
    frame = history.frame
    chosen = [
        LINES[name] for name in names or LINES if frame[LINES[name].column].notna().any()
    ] or [LINES["duration"]]
    title = str(history.verdict).removesuffix(".")
    title = title if len(title) < 120 else title.partition(";")[0]
    subtitle = (
        f"{format_count(len(frame), 'run')}, oldest left; orange: a confirmed change begins; "
        "dashed: cut (other prices, machine or runtime); dotted: accepted"
    )

    def draw(layout: Layout) -> Figure:
        place = stacked(len(chosen), 1.5, 0.5)
        figure, panes = framed(layout, title, subtitle, place, sharex=True)
        for axes, line in zip(panes, chosen, strict=True):
            _panel(axes, history, line)
        return figure

    return chart(draw, title, _alt(history, chosen))


def _panel(axes: Axes, history: History, line: _Line) -> None:
    frame = history.frame
    values = frame[line.column].to_numpy(float)
    at = np.arange(len(values))
    axes.set_title(line.title, color=INK)
    axes.plot(at, values, color=SERIES[0], linewidth=1, marker="o", markersize=2.8)
    ids = {str(run): n for n, run in enumerate(frame["run_id"])}
    for change in history.changes:
        if change.since in ids:
            axes.axvline(ids[change.since] - 0.5, color=SERIES[1], linewidth=1.4)
    for cut in history.lane.cuts:
        if cut.run_id in ids:
            axes.axvline(ids[cut.run_id] - 0.5, color=MUTED, linewidth=1, linestyle="dashed")
    for run in history.accepted:
        if run in ids:
            axes.axvline(ids[run] - 0.5, color=INK, linewidth=1, linestyle="dotted")
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: line.write(value)))
    days = [str(day)[:10] for day in frame["started_at"]]
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda n, _: days[int(n)] if 0 <= n < len(days) and n == int(n) else "")
    )


def _alt(history: History, lines: Sequence[_Line]) -> str:
    parts = [f"{format_count(len(history.frame), 'run')} of {history.function}."]
    for line in lines:
        values = history.frame[line.column].dropna()
        if len(values):
            first, last = line.write(float(values.iloc[0])), line.write(float(values.iloc[-1]))
            parts.append(f"{line.title}: {first} in the first run, {last} in the newest.")
    parts += [f"{each.text}." for each in history.changes]
    return " ".join(parts)
