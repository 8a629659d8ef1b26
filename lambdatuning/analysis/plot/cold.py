"""Cold starts as figures: the time to start, and the best size as their share grows."""

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter
from pandas import DataFrame

from ...core.sizes import Host
from ...core.strategies import DEFAULT_WEIGHT, STRATEGIES
from ..cold_starts import (
    ColdCurve,
    beyond_warm,
    cold_curves,
    cold_decisions,
    cold_starts,
    decision,
    init_sentence,
)
from ..intervals import Floats
from ..run import Run, apart, as_run
from ..text.format import format_mb, format_ms, format_part, format_usd, short_name
from ..text.marks import caption, in_words, marked_size
from .axes import mark_vcpu, memory_axis, scatter, value_axis
from .chart import Chart, chart
from .labels import label_lines
from .style import GRID, INK, MUTED, PAPER, SERIES, Frame, Layout, framed


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


# Cold starts: cost, duration and the best size as their share grows.


_SHARES = np.linspace(0, 1, 101) ** 2
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
_FEW_TICKS = (0.0, 0.05, 0.25, 0.5, 1.0)
_PANELS = {"usd": "Cost per million invocations", "ms": "Mean duration, init included"}


def plot_cold_share(
    source: Run | DataFrame,
    strategy: str | Sequence[str] = STRATEGIES,
    weight: float = DEFAULT_WEIGHT,
    *,
    payload: str = "",
    function: str = "",
) -> Chart | None:
    """Cost and mean duration of each size as the share of cold starts grows, and the winners.

    Of the mix, or of `payload`; of several functions that of `function` (its whole name), or the
    first, which the line under the title says. The strips below show which size is best at which
    share under each strategy. None without a cold start, and for a function that is not there.
    """
    every = apart(as_run(source))
    run = next((part for part in every if function in ("", part.function)), None)
    if run is None:
        return None
    found = {each.curve.payload: each for each in cold_curves(run)}
    if not found:
        return None
    cold = found.get(payload) or list(found.values())[-1]
    names = [strategy] if isinstance(strategy, str) else list(strategy)
    ranges = cold_decisions(run, names, weight)
    own = ranges[ranges["payload"] == cold.curve.payload]
    told = decision(own[own["strategy"] == names[0]])
    title = re.sub(r" \([^)]*\)", "", told).removesuffix(".")
    subtitle = f"{short_name(run.function)}, {cold.curve.payload}; a line a memory size"
    subtitle += f"; one of {len(every)} functions" if len(every) > 1 else ""
    subtitle += caption(run.host, run.sizes, hatched=False)

    def draw(layout: Layout) -> Figure:
        return _draw_shares(layout, title, subtitle, cold, own)

    return chart(draw, title, shares_alt(cold, own) + in_words(run.host, run.sizes))


def shares_alt(cold: ColdCurve, ranges: DataFrame) -> str:
    """Cost and duration without and with cold starts alone, and the winners, in words."""
    ends = np.array([0.0, 1.0])
    ms, usd = cold.mean_ms(ends), cold.cost_usd(ends) * 1e6
    told = [
        f"{format_mb(size)}: {format_ms(ms[0, n])} and {format_usd(usd[0, n])} per million warm, "
        f"{format_ms(ms[1, n])} and {format_usd(usd[1, n])} cold."
        for n, size in enumerate(cold.sizes)
    ]
    winners = [decision(rows) for _, rows in ranges.groupby("strategy", sort=False)]
    return " ".join(
        ["Lines of cost and duration against the share of cold starts.", *told, *winners]
    )


def _draw_shares(
    layout: Layout, title: str, subtitle: str, cold: ColdCurve, ranges: DataFrame
) -> Figure:
    heights = [1.9, 1.9, 0.34 * ranges["strategy"].nunique() + 0.2]
    figure, panes = framed(
        layout,
        title,
        subtitle,
        Frame(
            body_in=sum(heights) + 1.35,
            shape=(3, 1),
            left_in=0.78,
            right_in=1.05 if cold.curve.beyond_mb else 0.85,
            hspace=0.33,
        ),
        sharex=True,
        gridspec_kw={"height_ratios": heights},
    )
    costs, times = cold.cost_usd(_SHARES) * 1e6, cold.mean_ms(_SHARES)
    _lines(panes[0], costs, cold, "usd", layout)
    _lines(panes[1], times, cold, "ms", layout)
    _strips(panes[2], ranges, cold.curve.host, layout)
    panes[2].set_xlabel("share of cold starts (square-root scale)")
    return figure


def _lines(axes: Axes, values: Floats, cold: ColdCurve, unit: str, layout: Layout) -> None:
    logarithmic = value_axis(axes, values.ravel().tolist(), unit)
    axes.set_title(_PANELS[unit] + (" (log scale)" if logarithmic else ""), pad=6)
    ends = []
    for n, size in enumerate(cold.sizes):
        colour = SERIES[n % len(SERIES)]
        axes.plot(_SHARES, values[:, n], color=colour, linewidth=1.5)
        ends.append((float(values[-1, n]), marked_size(size, cold.curve.host), colour))
    _share_axis(axes, layout)
    label_lines(axes, 1.0, ends)


def _share_axis(axes: Axes, layout: Layout) -> None:
    """Few functions meet more than a few per cent of cold starts: small shares get more room."""
    axes.set_xscale("function", functions=(np.sqrt, np.square))
    axes.xaxis.set_major_locator(FixedLocator(_TICKS if layout.wide else _FEW_TICKS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_part(value)))
    axes.set_xlim(0, 1)


def _strips(axes: Axes, ranges: DataFrame, host: Host | None, layout: Layout) -> None:
    strategies = list(dict.fromkeys(ranges["strategy"]))
    axes.set_title("Best size", pad=6)
    needed = 0.085 if layout.wide else 0.27
    for row in ranges.to_dict("records"):
        y, start, end = strategies.index(row["strategy"]), row["from_share"], row["to_share"]
        axes.barh(y, end - start, 0.72, left=start, color=GRID, edgecolor=PAPER, linewidth=1.5)
        width, middle = end**0.5 - start**0.5, ((end**0.5 + start**0.5) / 2) ** 2
        if width > needed:
            text = marked_size(row["memory_mb"], host)
            axes.text(middle, y, text, ha="center", va="center", fontsize=8.5, color=INK)
    axes.set_yticks(range(len(strategies)), strategies)
    axes.set_ylim(len(strategies) - 0.5, -0.5)
    axes.grid(visible=False)
    axes.spines["bottom"].set_color(MUTED)
    _share_axis(axes, layout)
