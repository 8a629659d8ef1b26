"""The series of a history over its runs, with changes, cuts and accepted levels marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from pandas import DataFrame

from ...core.errors import UsageError
from ...core.format import format_count, format_level, format_mb, format_ms, format_part, join
from ..plot.axes import tick_label
from ..plot.chart import Chart
from ..plot.style import INK, MUTED, SERIES, Layout, framed, stacked
from ..verdict import ChangeFinding


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


@dataclass(frozen=True, eq=False)
class SeriesData:
    """What is drawn of a history: a row of `frame` a run (as `History.frame`), the confirmed
    changes, and the runs that it is cut at or a level was accepted from."""

    function: str
    verdict: str
    frame: DataFrame
    changes: Sequence[ChangeFinding]
    cut_at: Sequence[str]
    accepted_from: Sequence[str]


def plot_series(series: SeriesData, names: Sequence[str] = ()) -> Chart:
    """A panel a series that has values; all of them by default."""
    for name in names:
        if name not in LINES:
            raise UsageError(f'no series "{name}"; there are {join(LINES)}')
    frame = series.frame
    chosen = [
        LINES[name] for name in names or LINES if frame[LINES[name].column].notna().any()
    ] or [LINES["duration"]]
    title = series.verdict.removesuffix(".")
    title = title if len(title) < 120 else title.partition(";")[0]
    subtitle = (
        f"{format_count(len(frame), 'run')}, oldest left; orange: a confirmed change begins; "
        "dashed: cut (other prices, machine or runtime); dotted: accepted"
    )

    def draw(layout: Layout) -> Figure:
        place = stacked(len(chosen), 1.5, 0.5)
        figure, panes = framed(layout, title, subtitle, place, sharex=True)
        for axes, line in zip(panes, chosen, strict=True):
            _panel(axes, series, line)
        return figure

    return Chart(draw, title, _alt(series, chosen))


def _panel(axes: Axes, series: SeriesData, line: _Line) -> None:
    frame = series.frame
    values = frame[line.column].to_numpy(float)
    at = np.arange(len(values))
    axes.set_title(line.title, color=INK)
    axes.plot(at, values, color=SERIES[0], linewidth=1, marker="o", markersize=2.8)
    ids = {str(run): n for n, run in enumerate(frame["run_id"])}
    for change in series.changes:
        if change.since in ids:
            axes.axvline(ids[change.since] - 0.5, color=SERIES[1], linewidth=1.4)
    for run in series.cut_at:
        if run in ids:
            axes.axvline(ids[run] - 0.5, color=MUTED, linewidth=1, linestyle="dashed")
    for run in series.accepted_from:
        if run in ids:
            axes.axvline(ids[run] - 0.5, color=INK, linewidth=1, linestyle="dotted")
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value, line.write)))
    days = [str(day)[:10] for day in frame["started_at"]]
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda n, _: days[int(n)] if 0 <= n < len(days) and n == int(n) else "")
    )


def _alt(series: SeriesData, lines: Sequence[_Line]) -> str:
    parts = [f"{format_count(len(series.frame), 'run')} of {series.function}."]
    for line in lines:
        values = series.frame[line.column].dropna()
        if len(values):
            first, last = line.write(float(values.iloc[0])), line.write(float(values.iloc[-1]))
            parts.append(f"{line.title}: {first} in the first run, {last} in the newest.")
    parts += [f"{change.text}." for change in series.changes]
    return " ".join(parts)
