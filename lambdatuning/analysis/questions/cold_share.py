"""Which share of cold starts changes the decision: numbers, words and figure."""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter
from pandas import DataFrame

from ...core.format import Money, format_count, format_mb, format_ms, format_part, join
from ...core.sizes import Host
from ...core.strategies import REGISTRY, RUN_STRATEGIES, STRATEGIES, check_strategy
from ..answer.answer import named, notice
from ..answer.headline import headline
from ..curves import MIX, Curve
from ..data import StudyData
from ..intervals import Floats
from ..options import Goal
from ..plot.axes import value_axis
from ..plot.chart import Chart
from ..plot.labels import label_lines
from ..plot.style import GRID, INK, MUTED, PAPER, SERIES, Frame, Layout, framed
from ..punctuality import weighted_quantile
from ..run import BEYOND, marked
from ..text.marks import caption, in_words, marked_size
from ..text.statement import Statement
from .cold_starts import beyond_warm, cold_starts, init_sentence, resampled

STEPS = 1_000
"""Shares are looked at in steps of a tenth of a per cent."""

_COARSE = 100
"""Steps for each of the many resamples."""

DECISION_COLUMNS = (
    "function",
    "payload",
    "strategy",
    "memory_mb",
    "from_share",
    "from_low_share",
    "from_high_share",
    "to_share",
    BEYOND,
)


@dataclass(frozen=True, eq=False)
class ColdCurve:
    """A payload type (or the mix) at the sizes with cold starts: warm, and what cold adds.

    Arrays have the sizes last; resamples come first.
    """

    curve: Curve
    sizes: tuple[int, ...]
    ms: Floats
    usd: Floats
    extra_ms: Floats
    extra_usd: Floats
    resampled: tuple[Floats, Floats, Floats, Floats]

    def mean_ms(self, shares: Floats) -> Floats:
        """Mean duration as a caller waits for it, init included (shares x sizes)."""
        return _positive(self.ms + shares[:, None] * self.extra_ms)

    def cost_usd(self, shares: Floats) -> Floats:
        """Mean cost of an invocation (shares x sizes)."""
        return _positive(self.usd + shares[:, None] * self.extra_usd)


def _positive(means: Floats) -> Floats:
    """Without what noise alone puts below zero: what cold starts add is that of other calls."""
    return np.maximum(means, 0.0)


def cold_decisions(data: StudyData, strategies: Sequence[str]) -> DataFrame:
    """A row for each range of cold shares in which one size is best, by payload type and strategy.

    `from_low_share` and `from_high_share` hold the share at which the size takes over (95 %); 1
    means perhaps never. NaN for the first range and where there are fewer than 3 cold starts.
    """
    rows = [
        row
        for part in data.parts
        for cold in cold_curves(part)
        for name in strategies
        for row in part.once(
            ("cold ranges", cold.curve.payload, name),
            partial(_ranges, cold, part.options.goal(check_strategy(name, RUN_STRATEGIES))),
        )
    ]
    return marked(DataFrame(rows, columns=list(DECISION_COLUMNS[:-1])), data.run)


def cold_curves(data: StudyData) -> list[ColdCurve]:
    """One for each payload type of a study of one function, the mix last.

    Sizes without a cold start are left out; [] without any, and without a warm invocation.
    """
    return data.once("cold curves", lambda: [] if data.cold_only else _cold_curves(data))


def _cold_curves(data: StudyData) -> list[ColdCurve]:
    beyond = beyond_warm(data)
    if beyond.empty:
        return []
    groups = {int(str(size)): own for size, own in beyond.groupby("memory_mb")}
    extra = {size: own[["extra_ms", "extra_usd"]].mean() for size, own in groups.items()}
    drawn = {size: resampled(own, data.options.seed) for size, own in groups.items()}
    curves = []
    for curve in data.curves:
        sizes = tuple(size for size in curve.sizes if size in groups)
        at = [curve.sizes.index(size) for size in sizes]
        if sizes:
            curves.append(
                ColdCurve(
                    curve,
                    sizes,
                    curve.ms[at],
                    curve.usd[at],
                    np.array([extra[size]["extra_ms"] for size in sizes]),
                    np.array([extra[size]["extra_usd"] for size in sizes]),
                    (
                        curve.resampled_ms[:, at],
                        curve.resampled_usd[:, at],
                        np.stack([drawn[size][:, 1] for size in sizes], axis=-1),
                        np.stack([drawn[size][:, 2] for size in sizes], axis=-1),
                    ),
                )
            )
    return curves


def scores(cold: ColdCurve, shares: Floats, goal: Goal) -> Floats:
    """What the goal minimises (shares x sizes); of sizes that the host could not tell apart the
    smallest alone may win (see `answer.recommendation.candidates`)."""
    values = goal.score(cold.mean_ms(shares), cold.cost_usd(shares))
    host = cold.curve.host
    as_fast = host.beyond(cold.sizes)[1:] if host else ()
    return np.where(np.isin(cold.sizes, as_fast), np.inf, values)


def _ranges(cold: ColdCurve, goal: Goal) -> list[tuple[object, ...]]:
    shares = np.linspace(0, 1, STEPS + 1)
    best = scores(cold, shares, goal).argmin(axis=1)
    starts = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist()]
    rows: list[tuple[object, ...]] = []
    for n, start in enumerate(starts):
        end = starts[n + 1] if n + 1 < len(starts) else STEPS
        bounds = (np.nan, np.nan)
        if n:
            before, after = int(best[starts[n - 1]]), int(best[start])
            bounds = _takeover(cold, before, after, goal)
        rows.append(
            (
                cold.curve.function,
                cold.curve.payload,
                goal.strategy,
                cold.sizes[int(best[start])],
                float(shares[start]),
                *bounds,
                float(shares[end]),
            )
        )
    return rows


def _takeover(cold: ColdCurve, before: int, after: int, goal: Goal) -> tuple[float, float]:
    """Low and high end of the share at which one size takes over from another."""
    if not all(np.isfinite(draws).all() for draws in cold.resampled):
        return np.nan, np.nan
    shares = np.linspace(0, 1, _COARSE + 1)
    # A balance is relative to the measured means: else one resample far out would hide all others.
    slowest, highest = (
        means.max(axis=1)[:, None, None] for means in (cold.mean_ms(shares), cold.cost_usd(shares))
    )
    first = np.ones(len(cold.resampled[0]))
    waiting = np.arange(len(first))  # resamples in which it has not taken over yet
    for steps in np.array_split(np.arange(_COARSE + 1), 20):
        ms, usd, extra_ms, extra_usd = (draws[waiting] for draws in cold.resampled)
        part = shares[steps, None, None]
        drawn_ms, drawn_usd = _positive(ms + part * extra_ms), _positive(usd + part * extra_usd)
        values = goal.score(drawn_ms / slowest[steps], drawn_usd / highest[steps], scale=(1.0, 1.0))
        ahead = values[:, :, after] < values[:, :, before]
        crossed = ahead.any(axis=0)
        first[waiting[crossed]] = steps[ahead.argmax(axis=0)[crossed]] / _COARSE
        waiting = waiting[~crossed]
        if not len(waiting):
            break
    low, high = np.quantile(first, [0.025, 0.975])
    # The steps are coarse: a size takes over somewhere in the one before.
    return max(float(low) - 1 / _COARSE, 0.0), float(high)


# In words: the decision, the wait, the bill.


NO_COLD = "No cold start was measured: `--cold 10` of tune or benchmark measures some on purpose."

_NO_SUCCESS = "No invocation succeeded, so that nothing can be said of cold starts."

_COLD_ONLY = "Every invocation was a cold start, so that there is no warm one to compare with."


def cold_answer(data: StudyData) -> Statement:
    """Whether cold starts change which size is best, and what they cost at the study's share.

    Of the mix of payload types, or the only one; with several functions each is told. The headline
    is about the study's first strategy.
    """
    headlines, sentences = [], []
    for part in data.parts:
        headline, *others = [named(data, part, text) for text in _of_function(part)]
        headlines.append(headline)
        sentences += others
    functions = tuple(part.run.function for part in data.parts)
    return Statement(" ".join(headlines), tuple(sentences), notice(data.run), functions)


def strategies_of(data: StudyData) -> list[str]:
    """The study's own strategies, as far as cold starts are asked for them, then all others."""
    own = [name for name in data.strategies if name in RUN_STRATEGIES]
    return list(dict.fromkeys([*own, *STRATEGIES]))


def _of_function(data: StudyData) -> list[str]:
    """The headline and the sentences of one function."""
    if data.measured.empty:
        return [_NO_SUCCESS]
    starts = cold_starts(data)
    if starts.empty:
        return [NO_COLD]
    if data.cold_only:
        return [_COLD_ONLY, init_sentence(starts)]
    curves = cold_curves(data)
    if not curves:
        return [NO_COLD]
    first, *others = _main_ranges(data, curves[-1])
    return [decision(first), *map(decision, others), init_sentence(starts), *at_share(data)]


def at_share(data: StudyData) -> list[str]:
    """What cold starts cost, and the tail, of one function at the study's share of them; [] where
    that was not measured."""
    curves = cold_curves(data)
    if not curves:
        return []
    cold, chosen_mb = curves[-1], headline(data).memory_mb
    first_mb = int(_main_ranges(data, cold)[0]["memory_mb"].iloc[0])
    if chosen_mb not in cold.sizes or chosen_mb == first_mb:
        return [*_at_share(cold, data, first_mb), *_moved(cold, data, first_mb)]
    differs = (
        f"By plain means, which these shares rest on, {format_mb(first_mb)} is best without cold "
        f"starts; {format_mb(chosen_mb)} is chosen by how far the means may err."
    )
    return [differs, *_at_share(cold, data, chosen_mb), *_moved(cold, data, chosen_mb)]


def _moved(cold: ColdCurve, data: StudyData, size: int) -> Iterator[str]:
    """Which size is best at the study's share of cold starts, where that is not `size`, as sure as
    it is."""
    ranges, share = _main_ranges(data, cold)[0], data.options.cold_share
    own = ranges[(ranges["from_share"] <= share) & (ranges["to_share"] > share)]
    for row in own.to_dict("records"):
        if row["memory_mb"] == size or not row["from_share"]:
            continue
        late = row["from_high_share"]
        surely = "" if late <= share else "perhaps "
        best, superlative = format_mb(row["memory_mb"]), REGISTRY[row["strategy"]].superlative
        yield (
            f"At that share {best} is {surely}{superlative}, not {format_mb(size)}: the decision "
            "is about warm invocations."
        )


def _main_ranges(data: StudyData, cold: ColdCurve) -> list[DataFrame]:
    """The ranges of the main curve, a frame a strategy."""
    names = strategies_of(data)
    ranges = cold_decisions(data, names)
    own = ranges[ranges["payload"] == cold.curve.payload]
    return [own[own["strategy"] == name] for name in names]


def decision(ranges: DataFrame) -> str:
    """Which size is best in which range of cold shares, of one strategy.

    "256 MB is cheapest up to 1.3 % cold starts (0 to 13 %), then 128 MB."
    """
    rows = ranges.to_dict("records")
    superlative = REGISTRY[rows[0]["strategy"]].superlative
    first = format_mb(rows[0]["memory_mb"])
    if len(rows) == 1:
        return f"{first} is {superlative} whatever the share of cold starts."
    steps = [
        f"{'up to' if n == 0 else 'from'} {format_part(row['from_share'])}"
        f"{' cold starts' if n == 0 else ''}{_span(row)}{', then' if n == 0 else ''}"
        f"{' perhaps' if _unsure(row) else ''} {format_mb(row['memory_mb'])}"
        for n, row in enumerate(rows[1:])
    ]
    return f"{first} is {superlative} {', '.join(steps)}."


def _unsure(row: Mapping[Hashable, Any]) -> bool:
    """Whether the sizes cannot be told apart at any share."""
    low, high = row["from_low_share"], row["from_high_share"]
    return bool(np.isnan(low) or (low <= 0 and high >= 1))


def _span(row: Mapping[Hashable, Any]) -> str:
    low, high = row["from_low_share"], row["from_high_share"]
    if _unsure(row):
        return ""
    return f" ({format_part(low).removesuffix(' %')} to {format_part(high)})"


def _at_share(cold: ColdCurve, data: StudyData, size: int) -> Iterator[str]:
    at, share, money = cold.sizes.index(size), data.options.cold_share, data.money
    shares = np.array([0.0, share])
    ms, usd = cold.mean_ms(shares)[:, at], cold.cost_usd(shares)[:, at] * 1e6
    yield (
        f"With {format_part(share)} cold starts, {format_mb(size)} takes {format_ms(ms[1])} on "
        f"average instead of {format_ms(ms[0])}, and costs {money(usd[1])} per million instead "
        f"of {money(usd[0])}."
    )
    if monthly := data.options.monthly_invocations:
        more = (usd[1] - usd[0]) / 1e6 * monthly
        yield (
            f"At {format_count(round(monthly), 'invocation')} a month, these cold starts cost "
            f"{money(more)} a month."
        )
    quantile = _tail_quantile(cold, data)
    if not quantile:
        return
    tails = [
        f"{format_ms(_tail_ms(cold, data, cold.sizes[n], quantile))} at {format_mb(cold.sizes[n])}"
        for n in sorted({at, len(cold.sizes) - 1})
    ]
    yield f"With these cold starts among them, p{quantile * 100:g} is {join(tails)}."


_BEYOND = 3
"""Samples beyond a quantile, without which it is not told."""


def _tail_quantile(cold: ColdCurve, data: StudyData) -> float:
    """The highest of p99, p95 and p90 of which the samples tell; 0 where they tell of none."""
    samples = data.measured
    if cold.curve.payload != MIX:
        samples = samples[samples["payload"] == cold.curve.payload]
    fewest = min(int((samples["memory_mb"] == size).sum()) for size in cold.sizes)
    supported = [q for q in (0.99, 0.95, 0.9) if fewest * (1 - q) >= _BEYOND - 1e-9]
    return supported[0] if supported else 0.0


def _tail_ms(cold: ColdCurve, data: StudyData, size: int, quantile: float) -> float:
    """The quantile of warm and cold invocations together, at the study's share of cold starts."""
    share, weights = data.options.cold_share, data.weights
    samples, starts = data.measured, beyond_warm(data)
    own = samples[samples["memory_mb"] == size]
    if cold.curve.payload != MIX:
        own, weights = own[own["payload"] == cold.curve.payload], {cold.curve.payload: 1.0}
    kinds = {str(p): rows["duration_ms"] for p, rows in own.groupby("payload", observed=True)}
    kinds = {name: rows for name, rows in kinds.items() if weights.get(name, 0) > 0}
    total = sum(weights[name] for name in kinds)
    added = starts[starts["memory_mb"] == size]["extra_ms"].to_numpy(float)
    values, shares = [], []
    for name, rows in kinds.items():
        part, durations = weights[name] / total, rows.to_numpy(float)
        together = (durations[:, None] + added[None, :]).ravel()
        values += [durations, together]
        shares += [
            np.full(len(durations), part * (1 - share) / len(durations)),
            np.full(len(together), part * share / len(together)),
        ]
    return weighted_quantile(np.concatenate(values), np.concatenate(shares), quantile)


# The figure: cost, duration and the best size as the share grows.


_SHARES = np.linspace(0, 1, 101) ** 2
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
_FEW_TICKS = (0.0, 0.05, 0.25, 0.5, 1.0)
_PANELS = {"usd": "Cost per million invocations", "ms": "Mean duration, init included"}


def plot_cold_share(data: StudyData, *, payload: str = "", function: str = "") -> Chart | None:
    """Cost and mean duration of each size as the share of cold starts grows, and the winners.

    Of the mix, or of `payload`; of several functions that of `function` (its whole name), or the
    first, which the line under the title says. The strips below show which size is best at which
    share under each strategy. None without a cold start, and for a function that is not there.
    """
    part = next(
        (candidate for candidate in data.parts if function in ("", candidate.run.function)), None
    )
    by_name = {cold.curve.payload: cold for cold in cold_curves(part)} if part else {}
    if part is None or not by_name:
        return None
    run, names = part.run, strategies_of(data)
    cold = by_name.get(payload) or list(by_name.values())[-1]
    ranges = cold_decisions(part, names)
    own = ranges[ranges["payload"] == cold.curve.payload]
    words = decision(own[own["strategy"] == names[0]])
    title = re.sub(r" \([^)]*\)", "", words).removesuffix(".")
    subtitle = f"{part.name}, {cold.curve.payload}; one line per memory size"
    subtitle += f"; one of {len(data.parts)} functions" if len(data.parts) > 1 else ""
    subtitle += caption(run.host, run.sizes, hatched=False)

    def draw(layout: Layout) -> Figure:
        return _draw_shares(layout, title, subtitle, cold, own, data.money)

    return Chart(draw, title, shares_alt(cold, own, data.money) + in_words(run.host, run.sizes))


def shares_alt(cold: ColdCurve, ranges: DataFrame, money: Money) -> str:
    """Cost and duration without and with cold starts alone, and the winners, in words."""
    ends = np.array([0.0, 1.0])
    ms, usd = cold.mean_ms(ends), cold.cost_usd(ends) * 1e6
    words = [
        f"{format_mb(size)}: {format_ms(ms[0, n])} and {money(usd[0, n])} per million warm, "
        f"{format_ms(ms[1, n])} and {money(usd[1, n])} cold."
        for n, size in enumerate(cold.sizes)
    ]
    winners = [decision(rows) for _, rows in ranges.groupby("strategy", sort=False)]
    return " ".join(
        ["Lines of cost and duration against the share of cold starts.", *words, *winners]
    )


def _draw_shares(
    layout: Layout, title: str, subtitle: str, cold: ColdCurve, ranges: DataFrame, money: Money
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
    _lines(panes[0], costs, cold, money, layout)
    _lines(panes[1], times, cold, None, layout)
    _strips(panes[2], ranges, cold.curve.host, layout)
    panes[2].set_xlabel("share of cold starts (square-root scale)")
    return figure


def _lines(
    axes: Axes, values: Floats, cold: ColdCurve, money: Money | None, layout: Layout
) -> None:
    logarithmic = value_axis(axes, values.ravel().tolist(), money or format_ms)
    axes.set_title(
        _PANELS["usd" if money else "ms"] + (" (log scale)" if logarithmic else ""), pad=6
    )
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
