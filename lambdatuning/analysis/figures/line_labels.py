"""Names at the ends of lines, spread so that none covers another."""

from collections.abc import Sequence

from matplotlib.axes import Axes


def label_lines(
    axes: Axes, x: float, ends: Sequence[tuple[float, str, str]], gap_points: float = 11.5
) -> None:
    """Write each line's name at its end (value, name, colour), spread so that none overlap."""
    figure = axes.figure
    scale = 72 / figure.dpi
    order = sorted(range(len(ends)), key=lambda n: ends[n][0])
    wanted = [axes.transData.transform((x, ends[n][0]))[1] * scale for n in order]
    low, high = (axes.transAxes.transform((0, edge))[1] * scale for edge in (0, 1))
    placed = spread(wanted, gap_points, low, high)
    for n, at, target in zip(order, placed, wanted, strict=True):
        value, name, colour = ends[n]
        axes.annotate(
            name,
            (x, value),
            xytext=(12, at - target),
            textcoords="offset points",
            color=colour,
            fontsize=9,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.6,
                "alpha": 0.6,
                "shrinkA": 0,
                "shrinkB": 2,
                "relpos": (0, 0.5),
            },
        )


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Ascending positions at least `gap` apart, near the wanted ones and inside low..high.

    Neighbours that are too close are merged into blocks around their common mean.
    """
    blocks: list[list[float]] = []
    for position in wanted:
        blocks.append([position])
        while len(blocks) > 1 and _bottom(blocks[-1], gap) < _top(blocks[-2], gap) + gap:
            last = blocks.pop()
            blocks[-1] += last
    placed = [_bottom(block, gap) + n * gap for block in blocks for n in range(len(block))]
    return _inside(placed, gap, low, high)


def _bottom(block: Sequence[float], gap: float) -> float:
    return sum(block) / len(block) - gap * (len(block) - 1) / 2


def _top(block: Sequence[float], gap: float) -> float:
    return sum(block) / len(block) + gap * (len(block) - 1) / 2


def _inside(placed: list[float], gap: float, low: float, high: float) -> list[float]:
    """Pushed up from the low end, then down from the high end: there, nothing may stick out."""
    for n in range(len(placed)):
        placed[n] = max(placed[n], placed[n - 1] + gap if n else low)
    for n in reversed(range(len(placed))):
        placed[n] = min(placed[n], placed[n + 1] - gap if n + 1 < len(placed) else high)
    return placed
