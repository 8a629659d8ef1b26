"""How an adaptive run reached its answer: steps, predictions, savings, figure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ..core.errors import UsageError
from ..core.sizes import Host
from .curves import MIX
from .frames import warm
from .hosts import BEYOND, marked
from .plot.axes import memory_axis, scatter, value_axis
from .plot.chart import Chart, chart
from .plot.style import INK, MUTED, NARROW, PAPER, SERIES, Frame, Layout, below, fit, framed
from .recommend import SUPERLATIVES
from .run import Run
from .text.format import (
    format_change,
    format_mb,
    format_ms,
    format_share,
    format_times,
    join,
    join_mb,
    ratio,
    short_name,
)
from .text.marks import caption, in_words
from .text.statement import Statement

STEP_COLUMNS = (
    "step",
    "elapsed_s",
    "memory_mb",
    "payload",
    "count",
    "environments",
    "answer_mb",
    "within_5",
    "invocations",
    "spent_usd",
    "stopped",
    "reason",
    BEYOND,
)
PREDICTION_COLUMNS = (
    "payload",
    "memory_mb",
    "measured",
    "duration_ms",
    "low_ms",
    "high_ms",
    "cost_usd",
    BEYOND,
)

ANSWER_COLUMNS = (
    "payload",
    "strategy",
    "memory_mb",
    "measured",
    "within_1",
    "within_5",
    "regret",
    BEYOND,
)

ENDS: Mapping[str, str] = {
    "sure": "the answer is expected to lose no more than was accepted",
    "price": "more samples would cost more than they may save",
    "budget": "the budget ended",
    "time": "the time ended",
    "grid": "more samples would cost as much as measuring every size",
    "history": "the execution's history was nearly full",
    "failed": "invocations failed at every size",
}
"""Why an adaptive run stopped, in words."""


def exploration(run: Run) -> DataFrame:
    """The steps of an adaptive run: a row for each size and payload type that a step measured.

    `answer_mb` and `within_5` are the payload type's best size before the step, and how probable
    it was that none is better by more than 5 % (NaN before anything was seen); `invocations` and
    `spent_usd` were made and spent by then. The last row, of no size, is the end. Empty for a grid.
    """
    steps = run.exploration.get("steps", ())
    rows = [row for step in steps for row in _rows(step)]
    return marked(DataFrame(rows, columns=list(STEP_COLUMNS[:-1])), run)


def predictions(run: Run) -> DataFrame:
    """The curves that an adaptive run ended with: of each payload type, and of the mix.

    `measured` counts the samples that tell of a size: where it is 0 the rest is the model's word
    alone.
    `low_ms` and `high_ms` bound the mean duration with a probability of 90 %. Empty for a grid.
    """
    rows = [
        {**point, "payload": answer["payload"] or MIX}
        for answer in run.exploration.get("answers", ())
        for point in answer["curve"]
    ]
    return marked(DataFrame(rows, columns=list(PREDICTION_COLUMNS[:-1])), run)


def answers(run: Run) -> DataFrame:
    """The best size of each payload type and of the mix, by the model of an adaptive run.

    `measured` is False for a size that the model only predicts; `within_1` and `within_5` are the
    probabilities that no size is better by more than that share, `regret` how much worse than the
    best it is expected to be.
    """
    rows = [
        {
            "payload": answer["payload"] or MIX,
            "strategy": run.manifest.strategy,
            "memory_mb": answer["memory_mb"],
            "measured": _measured(answer) > 0,
            **{name: answer[name] for name in ("within_1", "within_5", "regret")},
        }
        for answer in run.exploration.get("answers", ())
    ]
    return marked(DataFrame(rows, columns=list(ANSWER_COLUMNS[:-1])), run)


def exploration_answer(run: Run) -> Statement:
    """What an adaptive run found, how sure it is, and what it saved; empty for a grid."""
    if not run.adaptive:
        return Statement("")
    size, verdict = _found(run)
    headline = f"Set {short_name(run.function)} to {size}: {verdict}" if size else verdict
    return Statement(headline, tuple(_sentences(run)), functions=(run.function,))


def exploration_headline(run: Run) -> str:
    """The size, the confidence, and the price beside the grid's."""
    size, verdict = _found(run)
    return f"{size} is {verdict}" if size else verdict


def _found(run: Run) -> tuple[str, str]:
    """The size of the answer, "" where there is none, and what is to be said of it."""
    told = run.exploration
    spent = f"{told['spent']['invocations']:,} invocations"
    if told["grid"]:
        spent += f" instead of {told['grid']['invocations']:,}"
    if not told["answers"]:
        return "", f"No size is known to be best after {spent}"
    best = told["answers"][-1]
    guess = "" if _measured(best) else ", by prediction alone"
    if run.host and best["memory_mb"] in run.beyond_mb:
        guess += f", as far as {run.host.told} can tell"
    sure = f"within 5 % of the {_best(run)} size ({format_share(best['within_5'])} sure)"
    return format_mb(best["memory_mb"]), f"{sure}{guess}, after {spent}"


def saving(run: Run) -> float:
    """How many times fewer GB-seconds than the grid (an estimate); NaN where that is not known."""
    told = run.exploration
    return ratio(told["grid"]["gb_s"], told["spent"]["gb_s"]) if told.get("grid") else math.nan


def _rows(step: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    answers = {answer["payload"]: answer for answer in step["answers"]}
    common = {
        "step": step["step"],
        "elapsed_s": step["elapsed_s"],
        "invocations": step["invocations"],
        "spent_usd": step["usd"],
        "stopped": step["stopped"],
        "reason": step["reason"],
    }
    for item in step["batch"]:
        answer = answers.get(item["payload"], {})
        yield {
            **common,
            **item,
            "answer_mb": answer.get("memory_mb"),
            "within_5": answer.get("within_5"),
        }
    if not step["batch"]:
        last = step["answers"][-1] if step["answers"] else {}
        yield {**common, "answer_mb": last.get("memory_mb"), "within_5": last.get("within_5")}


def _sentences(run: Run) -> Iterator[str]:
    told = run.exploration
    why = ENDS.get(told["stopped"], told["stopped"])
    yield f"It stopped after {len(told['steps'])} steps, since {why}."
    times = saving(run)
    if not math.isnan(times):
        dearer = format_change(ratio(told["spent"]["usd"], told["grid"]["usd"]) - 1, "less", "more")
        yield (
            f"It took {format_times(times)} fewer GB-seconds and {dearer} money than the grid "
            "would have, by its own curves."
        )
    for answer in told["answers"][:-1]:
        if answer["memory_mb"] != told["answers"][-1]["memory_mb"]:
            yield (
                f"{answer['payload']} alone: {format_mb(answer['memory_mb'])}, within 5 % of its "
                f"{_best(run)} size ({format_share(answer['within_5'])} sure)."
            )
    known = {*run.sizes, *run.beyond_mb[1:]}
    guessed = sorted({size for size in run.manifest.sizes if size not in known})
    if guessed:
        sizes = ", ".join(format_mb(size) for size in guessed)
        yield f"Not measured, and known by the model's prediction alone: {sizes}."
    if run.host and run.beyond_mb:
        yield (
            f"Beyond the {run.host.told} of this host, {join_mb(run.beyond_mb)} would run alike; "
            f"{format_mb(run.beyond_mb[0])} stood for all. How good they are, only AWS can tell."
        )
    yield from (f"{text}." for text in told["warnings"])


def _measured(answer: Mapping[str, Any]) -> int:
    """Warm samples at the size of an answer."""
    size = answer["memory_mb"]
    return sum(point["measured"] for point in answer["curve"] if point["memory_mb"] == size)


def _best(run: Run) -> str:
    return SUPERLATIVES[run.manifest.strategy]


# How an adaptive run learnt its curves: what it believes, what it saw, and in which order.


_BAND = SERIES[0]
_LOOKS = SERIES[1]
_SHOWN_STEPS, _SHOWN_ALONE = 2, 6
"""Steps numbered at a size, in a small panel and in one that has the figure to itself."""


def plot_exploration(run: Run, payloads: str | Sequence[str] = "") -> Chart:
    """A panel a payload type: the curve that an adaptive run believes in, and its 90 % band.

    Filled dots were measured, hollow ones are predicted; the ring is the answer. Faint points are
    samples. The numbers below a size are the steps that measured it. UsageError for a grid.
    """
    if not run.adaptive:
        raise UsageError("this run measured a grid; plot_exploration shows adaptive runs")
    chosen = run.select(payloads)
    curves = predictions(run)
    curves = curves[curves["payload"].isin(chosen.payloads)]
    if curves.empty:
        raise UsageError("this run ended before anything was learnt; allow it more")
    steps = exploration(run).dropna(subset=["memory_mb"])
    title, answers = _title(run), _answers(run)
    subtitle = (
        "line and band: what is believed, 90 % interval of the mean; filled: measured; hollow: "
        "predicted; ring: best; numbers: the steps that measured there"
        f"{caption(run.host, run.beyond_mb)}"
    )
    seen = _Seen(curves, steps, warm(chosen.samples), answers, run.host)

    def draw(layout: Layout) -> Figure:
        return _draw(layout, (title, subtitle), seen)

    return chart(draw, title, _alt(curves, steps, answers) + in_words(run.host, run.beyond_mb))


def _title(run: Run) -> str:
    times = saving(run)
    saved = "" if math.isnan(times) else f", for {format_times(times)} fewer GB-seconds"
    return f"{exploration_headline(run)}{saved}"


def _answers(run: Run) -> dict[str, Mapping[str, float]]:
    return {answer["payload"]: answer for answer in run.exploration["answers"]}


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a run believes, measured and answered, by payload type."""

    curves: DataFrame
    steps: DataFrame
    samples: DataFrame
    answers: Mapping[str, Mapping[str, float]]
    host: Host | None


def _draw(layout: Layout, words: tuple[str, str], seen: _Seen) -> Figure:
    panels = list(seen.curves.groupby("payload", observed=True, sort=False))
    columns = min(len(panels), 3 if layout.wide else 1)
    rows = -(-len(panels) // columns)
    figure, panes = framed(
        layout,
        *words,
        Frame(
            body_in=(2.9 if len(panels) == 1 else 1.75) * rows + 0.3,
            left_in=0.62,
            right_in=0.02 * layout.width_in,
            bottom_in=0.55,
            shape=(rows, columns),
            wspace=0.3,
            hspace=0.42,
        ),
    )
    shown = _SHOWN_ALONE if len(panels) == 1 and layout.wide else _SHOWN_STEPS
    for axes, (payload, curve) in zip(panes, panels, strict=False):
        _panel(axes, str(payload), curve, seen)
        _number(axes, seen.steps[seen.steps["payload"] == payload], shown)
        axes.set_title(f"{fit(str(payload), NARROW)}{_scale(axes)}", pad=4)
    for axes in panes[len(panels) :]:
        axes.set_visible(False)
    below(figure, "memory (MB, log scale)")
    return figure


def _scale(axes: Axes) -> str:
    return ", log scale" if axes.get_yscale() == "log" else ""


def _panel(axes: Axes, payload: str, curve: DataFrame, seen: _Seen) -> None:
    samples = seen.samples[seen.samples["payload"] == payload]
    sizes = curve["memory_mb"].tolist()
    middle, low, high = (
        curve[name].to_numpy(float) for name in ("duration_ms", "low_ms", "high_ms")
    )
    value_axis(axes, [*low, *high], "ms", samples["duration_ms"].tolist())
    _room_for_steps(axes)
    memory_axis(axes, sizes, margin=0.09, host=seen.host)
    axes.tick_params(labelsize=8)
    axes.fill_between(sizes, low, high, color=_BAND, alpha=0.2, linewidth=0)
    axes.plot(sizes, middle, color=_BAND, linewidth=1.4)
    scatter(axes, samples["memory_mb"].tolist(), samples["duration_ms"].tolist(), INK)
    known = curve["measured"].to_numpy(int) > 0
    for mask, face in ((known, _BAND), (~known, PAPER)):
        axes.plot(
            np.array(sizes)[mask], middle[mask], "o", color=_BAND, markerfacecolor=face,
            markersize=4, zorder=4,
        )  # fmt: skip
    at = np.array(sizes) == seen.answers[payload]["memory_mb"]
    axes.plot(
        np.array(sizes)[at], middle[at], "o", markersize=10, markerfacecolor="none",
        markeredgecolor=_LOOKS, markeredgewidth=1.8, zorder=5,
    )  # fmt: skip


def _room_for_steps(axes: Axes) -> None:
    """A strip below the lowest value, in which the steps are numbered."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low / (high / low) ** 0.22, high)
    else:
        axes.set_ylim(-0.2 * high, high)


def _number(axes: Axes, steps: DataFrame, shown: int) -> None:
    """The steps that measured a size, one below the other; of many, the first and how many more."""
    for size, rows in steps.groupby("memory_mb"):
        numbers = [str(int(step)) for step in dict.fromkeys(rows["step"])]
        more = len(numbers) - shown
        told = [*numbers[: shown - 1], f"+{more + 1}"] if more > 0 else numbers
        axes.annotate(
            " ".join(told),
            (float(str(size)), 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=7,
            color=MUTED,
            ha="center",
        )


def _alt(curves: DataFrame, steps: DataFrame, answers: Mapping[str, Mapping[str, float]]) -> str:
    """What each panel shows, a sentence a payload type."""
    sizes = sorted(set(curves["memory_mb"]))
    parts = [f"Believed duration against memory ({join_mb(sizes)}), a panel a payload type."]
    for payload, curve in curves.groupby("payload", observed=True, sort=False):
        parts.append(_panel_alt(str(payload), curve, steps, answers[str(payload)]))
    return " ".join(parts)


def _panel_alt(
    payload: str, curve: DataFrame, steps: DataFrame, answer: Mapping[str, float]
) -> str:
    order = steps[steps["payload"] == payload]["memory_mb"]
    first, last = curve.iloc[0], curve.iloc[-1]
    return (
        f"{payload}: {format_ms(first['duration_ms'])} at {format_mb(first['memory_mb'])}, "
        f"{format_ms(last['duration_ms'])} at {format_mb(last['memory_mb'])}; measured in this "
        f"order: {join(f'{size:,.0f}' for size in order)} MB; best {format_mb(answer['memory_mb'])}"
        f", {format_share(answer['within_5'])} sure to be within 5 %."
    )
