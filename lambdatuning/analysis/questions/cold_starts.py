"""What cold starts take and cost beyond warm invocations, by size: numbers, words and figure."""

import zlib
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.format import format_mb, format_ms, join
from ...core.sizes import Host
from ..data import StudyData
from ..frames import failed, warm
from ..intervals import Floats, interval, replicates
from ..options import Options
from ..plot.axes import mark_vcpu, memory_axis, scatter, value_axis
from ..plot.chart import Chart
from ..plot.functions import together, views
from ..plot.labels import label_lines
from ..plot.style import SERIES, Frame, Layout, fit, framed
from ..run import BEYOND, marked
from ..text.marks import caption, in_words

START_COLUMNS = (
    "function",
    "architecture",
    "memory_mb",
    "cold",
    "init_ms",
    "init_low_ms",
    "init_high_ms",
    "extra_ms",
    "extra_low_ms",
    "extra_high_ms",
    "extra_per_million_usd",
    "extra_per_million_low_usd",
    "extra_per_million_high_usd",
    BEYOND,
)
"""Columns of `cold_starts`, in order."""

_KEYS = ["function", "architecture", "memory_mb"]


def cold_starts(data: StudyData) -> DataFrame:
    """A row a function, architecture and memory size at which cold starts were seen.

    `init_ms` is the mean time to start an environment (of SnapStart, to restore it). `extra_ms`
    and `extra_per_million_usd` are what a cold invocation takes and costs beyond a warm one of
    the same payload type and size: init, which is billed, and a first run that is slower; NaN
    where no invocation was warm. Bounds are those of the study's confidence interval of the mean;
    they are NaN with fewer than 3 cold starts. `beyond_cores` marks the sizes that the host of an
    embedded AWS could not tell apart.
    """
    return data.once("cold_starts", lambda: _cold_starts(data))


def _cold_starts(data: StudyData) -> DataFrame:
    beyond = beyond_warm(data)
    rows = [
        (*_key(key), len(own), *_statistics(own, data.options))
        for key, own in beyond.groupby(_KEYS, observed=True)
    ]
    frame = DataFrame(rows, columns=list(START_COLUMNS[:-1])).sort_values(_KEYS, ignore_index=True)
    dollars = [name for name in START_COLUMNS if name.endswith("_usd")]
    return marked(frame.assign(**{name: frame[name] * 1e6 for name in dollars}), data.run)


def beyond_warm(data: StudyData) -> DataFrame:
    """Successful cold starts with `start_ms`, and `extra_ms` and `extra_usd` beyond warm means.

    Those of a payload type without a warm sample at that size are left out, unless no invocation
    was warm at all: then what is beyond a warm one is NaN.
    """
    samples = data.run.samples
    cold = samples[samples["cold"] & ~failed(samples)]
    start_ms = cold["init_ms"].fillna(0) + cold["restore_ms"].fillna(0)
    means = warm(samples).groupby([*_KEYS, "payload"], observed=True)
    usual = means[["duration_ms", "cost_usd"]].mean().add_prefix("warm_").reset_index()
    how: Literal["left", "inner"] = "left" if data.cold_only else "inner"
    joined = cold.assign(start_ms=start_ms).merge(usual, on=[*_KEYS, "payload"], how=how)
    return joined.assign(
        extra_ms=joined["start_ms"] + joined["duration_ms"] - joined["warm_duration_ms"],
        extra_usd=joined["cost_usd"] - joined["warm_cost_usd"],
    )


def resampled(own: DataFrame, seed: int = 0) -> Floats:
    """Resampled means (resamples x 3) of start, extra time and extra cost of one size's starts.

    Each cold start has an environment of its own, so each is a group of one.
    """
    values = own[["start_ms", "extra_ms", "extra_usd"]].to_numpy(float)
    key = repr((seed, *own[_KEYS].iloc[0].tolist()))
    codes = np.arange(len(values), dtype=np.int64)
    return _signed_replicates(values, codes, zlib.crc32(key.encode()))


def _signed_replicates(values: Floats, codes: "np.typing.NDArray[np.int64]", seed: int) -> Floats:
    """`replicates` works on a log scale, where what is beyond may be below 0: it is shifted.

    Columns that are not known stay so.
    """
    shift = np.abs(values).max(axis=0) * 10
    shifted: Floats = replicates(values + shift, codes, outer=seed, inner=seed + 1) - shift
    return shifted


def _statistics(own: DataFrame, options: Options) -> tuple[float, ...]:
    means = own[["start_ms", "extra_ms", "extra_usd"]].mean().to_numpy(float)
    drawn = resampled(own, options.seed)
    values: list[float] = []
    for column, mean in enumerate(means):
        low, high = interval(drawn[:, column], options.confidence)
        values += [float(mean), low, high]
    return tuple(values)


def _key(key: object) -> tuple[object, ...]:
    return tuple(key) if isinstance(key, tuple) else (key,)


# In words, and drawn.


_SAME = 0.1
"""Init durations that differ by less are called the same."""


def init_sentence(frame: DataFrame) -> str:
    """How init depends on memory, judged by the smallest and the largest size."""
    rows = frame.sort_values("memory_mb")
    first, last = rows.iloc[0], rows.iloc[-1]
    low, high = frame["init_ms"].min(), frame["init_ms"].max()
    overlap = first["init_low_ms"] <= last["init_high_ms"] and (
        last["init_low_ms"] <= first["init_high_ms"]
    )
    if overlap or high <= low * (1 + _SAME):
        return (
            f"Init takes {_range(low, high)}: more memory does not shorten it, "
            "but every MB is billed for it."
        )
    ends = [f"{format_ms(r['init_ms'])} at {format_mb(r['memory_mb'])}" for r in (first, last)]
    return f"Init takes {join(ends)}."


def _range(low: float, high: float) -> str:
    number, _, unit = format_ms(low).partition(" ")
    return (
        f"{number} to {format_ms(high)}"
        if format_ms(high).endswith(f" {unit}")
        else (f"{format_ms(low)} to {format_ms(high)}")
    )


def plot_init(data: StudyData) -> Chart | None:
    """Time to start an environment against memory: each cold start, the mean and its interval.

    Beside it what a cold invocation takes beyond a warm one in all. A line a function. None
    without a cold start.
    """
    run, frame, singles = data.run, cold_starts(data), beyond_warm(data)
    if frame.empty:
        return None
    parts = {name: own for name, part in views(data) if len(own := cold_starts(part))}
    sentences = {name: init_sentence(own).removesuffix(".") for name, own in parts.items()}
    title = together([(name, text.partition(", but")[0]) for name, text in sentences.items()])
    subtitle = (
        f"{len(singles)} cold starts; solid: init; dashed: init and all else that a cold "
        "invocation takes beyond a warm one; bands: 95 % interval of the mean"
        f"{caption(run.host, run.sizes)}"
    )

    def draw(layout: Layout) -> Figure:
        return _draw_init(layout, (title, subtitle), parts, singles, run.host)

    return Chart(draw, title, init_alt(frame) + in_words(run.host, run.sizes))


def init_alt(frame: DataFrame) -> str:
    """Init and its interval at each size, in words."""
    words = [
        f"{format_mb(row['memory_mb'])}: init {format_ms(row['init_ms'])}, in all "
        f"{format_ms(row['extra_ms'])} more than a warm invocation."
        for _, row in frame.iterrows()
    ]
    return " ".join(["Lines of cold start durations against memory.", *words])


def _draw_init(
    layout: Layout,
    words: tuple[str, str],
    parts: Mapping[str, DataFrame],
    singles: DataFrame,
    host: Host | None,
) -> Figure:
    frame = pd.concat(parts.values())
    room = 0.95 if layout.wide else 0.7
    room += 0.06 * max(len(fit(name, layout)) for name in parts)
    figure, (axes,) = framed(layout, *words, Frame(body_in=3.1, gap_in=0.2, right_in=room))
    bounds = frame[["init_ms", "extra_ms", "extra_high_ms", "init_low_ms"]].to_numpy(float)
    value_axis(axes, bounds[np.isfinite(bounds)].tolist(), format_ms, singles["start_ms"].tolist())
    sizes = sorted(set(frame["memory_mb"]))
    memory_axis(axes, sizes, margin=0.04, host=host)
    ends = []
    for n, (name, rows) in enumerate(parts.items()):
        colour = SERIES[n % len(SERIES)]
        ends += _init_lines(axes, rows, fit(name, layout), colour)
        first = rows.iloc[0]
        own = singles[
            (singles["function"] == first["function"])
            & (singles["architecture"] == first["architecture"])
        ]
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
    for stem, dash, label in (("init", "solid", "init"), ("extra", (0, (4, 2)), "in all")):
        mean, low, high = (
            rows[f"{stem}{part}_ms"].to_numpy(float) for part in ("", "_low", "_high")
        )
        if stem == "init":
            axes.fill_between(sizes, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            sizes, mean, color=colour, linestyle=dash, linewidth=1.8 if stem == "init" else 1.3
        )
        if np.isfinite(mean[-1]):
            ends.append((float(mean[-1]), f"{name} {label}".strip(), colour))
    return ends
