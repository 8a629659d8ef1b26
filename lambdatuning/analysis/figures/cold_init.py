"""Cold starts: the time to start an environment against memory."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.host import Host
from ..cold.answer import init_sentence
from ..cold.starts import beyond_warm, cold_starts
from ..samples.run import Run, as_run
from ..telling.format import format_mb, format_ms, short_name
from ..telling.marks import caption, in_words
from .axes import mark_vcpu, memory_axis, scatter, value_axis
from .chart import Chart, chart
from .line_labels import label_lines
from .style import SERIES, Frame, Layout, framed


def plot_init(source: Run | DataFrame) -> Chart | None:
    """Time to start an environment against memory: each cold start, the mean and its interval.

    Beside it what a cold invocation takes beyond a warm one in all. A line a function. None
    without a cold start.
    """
    run = as_run(source)
    frame, singles = cold_starts(run), beyond_warm(run.samples)
    if frame.empty:
        return None
    title = init_sentence(frame).removesuffix(".").partition(", but")[0]
    subtitle = (
        f"{len(singles)} cold starts; solid: init; dashed: init and all else that a cold "
        "invocation takes beyond a warm one; bands: 95 % interval of the mean"
        f"{caption(run.host, run.sizes)}"
    )

    def draw(layout: Layout) -> Figure:
        return _draw_init(layout, (title, subtitle), frame, singles, run.host)

    return chart(draw, title, init_alt(frame) + in_words(run.host, run.sizes))


def init_alt(frame: DataFrame) -> str:
    """Init and its interval at each size, in words."""
    told = [
        f"{format_mb(row['memory_mb'])}: init {format_ms(row['init_ms'])}, in all "
        f"{format_ms(row['extra_ms'])} more than a warm invocation."
        for _, row in frame.iterrows()
    ]
    return " ".join(["Lines of cold start durations against memory.", *told])


def _draw_init(
    layout: Layout,
    words: tuple[str, str],
    frame: DataFrame,
    singles: DataFrame,
    host: Host | None,
) -> Figure:
    lines = {
        ", ".join(map(str, key)): rows
        for key, rows in frame.groupby(["function", "architecture"], observed=True)
    }
    names = _names(list(lines))
    room = 0.95 if layout.wide else 0.7
    room += 0.06 * max((len(name) for name in names), default=0)
    figure, (axes,) = framed(layout, *words, Frame(body_in=3.1, gap_in=0.2, right_in=room))
    bounds = frame[["init_ms", "extra_ms", "extra_high_ms", "init_low_ms"]].to_numpy(float)
    value_axis(axes, bounds[np.isfinite(bounds)].tolist(), "ms", singles["start_ms"].tolist())
    sizes = sorted(set(frame["memory_mb"]))
    memory_axis(axes, sizes, margin=0.04, host=host)
    ends = []
    for n, (rows, name) in enumerate(zip(lines.values(), names, strict=True)):
        colour = SERIES[n % len(SERIES)]
        ends += _init_lines(axes, rows, name, colour)
        own = singles[singles["function"] == rows["function"].iloc[0]]
        spots = own["memory_mb"].to_numpy(float) * 2 ** (0.06 * np.sin(np.arange(len(own)) * 2.4))
        scatter(axes, spots.tolist(), own["start_ms"].tolist(), colour)
    label_lines(axes, float(max(sizes)), ends)
    mark_vcpu(axes, sizes)
    axes.set_xlabel("memory (MB, log scale)")
    return figure


def _init_lines(
    axes: Axes, rows: DataFrame, name: str, colour: str
) -> list[tuple[float, str, str]]:
    sizes = rows["memory_mb"].to_numpy(float)
    ends = []
    for stem, dash, word in (("init", "solid", "init"), ("extra", (0, (4, 2)), "in all")):
        mean, low, high = (
            rows[f"{stem}{part}_ms"].to_numpy(float) for part in ("", "_low", "_high")
        )
        if stem == "init":
            axes.fill_between(sizes, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            sizes, mean, color=colour, linestyle=dash, linewidth=1.8 if stem == "init" else 1.3
        )
        ends.append((float(mean[-1]), f"{name} {word}".strip(), colour))
    return ends


def _names(keys: Sequence[str]) -> list[str]:
    return (
        [short_name(key.partition(",")[0]) for key in keys] if len(keys) > 1 else ["" for _ in keys]
    )
