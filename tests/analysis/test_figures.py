import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.analysis.plot.axes import readable_ticks
from lambdatuning.analysis.plot.chart import Chart
from lambdatuning.analysis.plot.labels import spread
from lambdatuning.analysis.plot.style import INK, PAPER, SERIES, luminance
from lambdatuning.analysis.questions.payload_types import penalties
from lambdatuning.analysis.text.output_types import NARROW_MIME
from lambdatuning.core.errors import UsageError
from lambdatuning.study import Study

from .studies import study_of
from .synthetic import KINDS, Kind, synthetic_run

RUN = synthetic_run()
PLOTS = ("choice", "curves", "strategies", "compromise", "relative")


@cache
def plot(study: Study, name: str) -> Chart:
    chart: Chart = getattr(study.plot, name)()
    return chart


@cache
def shown(study: Study, name: str) -> dict[str, str]:
    return plot(study, name)._repr_mimebundle_()


NAMES = (
    "<script>alert(1)</script>&",
    "a-payload-type-with-a-very-long-name" * 2,
    "$x_1$ and $y^2$",
)
RUNS = {
    "ten types": RUN,
    "one type": synthetic_run((Kind("only", 5, 50),)),
    "no time at all": synthetic_run((Kind("none", 0, 0), Kind("nothing", 0, 0))),
    "one size": synthetic_run(KINDS[:2], (512,)),
    "no interval": synthetic_run(KINDS[:3], environments=2),
    "46 sizes": synthetic_run(KINDS[:2], range(128, 3009, 64), environments=3, per_environment=1),
    "names, and one that always fails": synthetic_run(
        [*(Kind(name, 5, 5) for name in NAMES), Kind("broken", 5, 5, needs_mb=9999)]
    ),
}
# All figures of a run share its curves.
STUDIES = {name: Study(run) for name, run in RUNS.items()}
STUDY = STUDIES["ten types"]


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES.keys())
@pytest.mark.parametrize("name", PLOTS)
def test_every_figure_of_every_run_is_sound(name: str, study: Study) -> None:
    for kind in ("image/svg+xml", NARROW_MIME):
        svg = shown(study, name)[kind]
        assert len(svg) < 150_000
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        assert len(root.get("aria-label") or "") > 40
        assert "<script" not in svg
        assert re.findall(r"https?://[^\" ]+", svg) == ["http://www.w3.org/2000/svg"]
        assert _inside(root)


def _inside(root: ElementTree.Element) -> bool:
    """Whether every text begins inside the picture; its end depends on the reader's font."""
    width, height = (float(part) for part in (root.get("viewBox") or "").split()[2:])
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        x, y = float(text.get("x") or 0), float(text.get("y") or 0)
        if "x" in text.attrib and not (0 <= x <= width and 0 <= y <= height):
            return False
    return True


def test_titles_state_the_finding() -> None:
    assert plot(STUDY, "curves").title == (
        "128 MB is cheapest for 8 of 10 payload types, list-1mb at 256 MB and hash at 1,536 MB"
    )
    assert plot(STUDY, "strategies").title.startswith(
        "Cost: 128 MB for 8 of 10 payload types; balanced:"
    )
    assert plot(STUDY, "compromise").title.startswith(
        "At 256 MB, cheapest for the mix, no payload type is"
    )
    assert "than at its own cheapest size (" in plot(STUDY, "compromise").title


@pytest.mark.parametrize("strategy", ["value", "knee"])
def test_the_best_sizes_begin_with_the_strategy_that_was_asked_for(strategy: str) -> None:
    chart = Study(RUN, strategy=strategy).plot.strategies()
    names = [part.partition(":")[0].strip().lower() for part in chart.title.split(";")]
    assert names == [strategy, "cost", "balanced", "speed"]
    assert "image/svg+xml" in chart._repr_mimebundle_()
    alone = Study(RUN).plot.strategies(strategy)
    assert alone.title.startswith(strategy.capitalize())
    assert ";" not in alone.title


def test_the_alternative_text_has_the_numbers() -> None:
    alt = plot(Study(RUN.select("read,hash")), "curves").alt
    summary = RUN.samples[(RUN.samples["payload"] == "hash") & ~RUN.samples["cold"]]
    mean_s = summary[summary["memory_mb"] == 128]["duration_ms"].mean() / 1000
    assert f"hash: {mean_s:.2f} s at 128 MB" in alt
    assert "read: " in alt


def test_a_figure_is_the_same_each_time() -> None:
    run = synthetic_run(KINDS[:2], (128, 512))
    first, second = (plot(Study(run), "strategies")._repr_mimebundle_() for _ in range(2))
    assert first == second


def test_ids_differ_between_figures() -> None:
    one, other = (
        set(re.findall(r' id="([^"]+)"', shown(STUDY, name)["image/svg+xml"]))
        for name in ("curves", "relative")
    )
    assert one
    assert not one & other


def test_colours_can_be_themed() -> None:
    svg = shown(STUDY, "curves")["image/svg+xml"]
    assert f"var(--ink, {INK})" in svg
    assert f"var(--series-0, {SERIES[0]})" in svg
    assert not re.search(rf"(fill|stroke): ({INK}|{PAPER})", svg)


def test_labels_in_every_series_colour_can_be_read() -> None:
    for colour in SERIES:
        assert (luminance(PAPER) + 0.05) / (luminance(colour) + 0.05) >= 4.5


def test_drawing_leaves_matplotlib_as_it_was(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    path = plot(STUDY, "curves").save(tmp_path / "curves.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert dict(mpl.rcParams) == before
    plain = plot(STUDY, "curves").save(tmp_path / "plain")
    assert plain.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="no format 'sgv'; did you mean \"svg\""):
        plot(STUDY, "curves").save(tmp_path / "curves.sgv")


def test_an_unknown_payload_type_is_refused() -> None:
    with pytest.raises(UsageError, match='did you mean "read"'):
        study_of(RUN).plot.curves("reed")


def test_penalties_are_zero_at_the_best_size_and_empty_where_it_fails() -> None:
    frame = penalties(study_of(RUN), "cost")
    assert (frame.min(axis=1) == 0).all()
    assert frame.T["list-1mb"].isna().tolist() == [True] + [False] * 5


@given(
    st.lists(st.floats(0, 300), min_size=1, max_size=15),
    st.floats(5, 15),
)
def test_labels_are_spread_in_order_without_overlap(positions: list[float], gap: float) -> None:
    placed = spread(sorted(positions), gap, 0, 300)
    steps = [b - a for a, b in pairwise(placed)]
    assert all(step >= gap - 1e-6 for step in steps)
    assert placed[-1] <= 300 + 1e-6
    if len(positions) * gap <= 300:
        assert placed[0] >= -1e-6


def test_ticks_keep_both_ends_and_a_distance() -> None:
    shown = readable_ticks(list(range(128, 3009, 64)), 0.5)
    assert (shown[0], shown[-1]) == (128, 3008)
    assert all(b / a >= 2**0.5 for a, b in pairwise(shown))
