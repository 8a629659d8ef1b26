"""The URL, there and back."""

import math
import struct
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.errors import UsageError
from lambdatuning.core.power_tuning.visualization import (
    PublishedCurve,
    decode_arrays,
    decode_visualization,
    encode_arrays,
)
from lambdatuning.core.sizes import MAX_MB, MIN_MB
from lambdatuning.core.strategies import CurvePoint
from tests.oracle.power_tuning_values import comparison_url, visualization_url

FLOATS = st.floats(2**-20, 2**20, width=32)
POINTS = st.lists(
    st.builds(CurvePoint, st.integers(MIN_MB, MAX_MB), FLOATS, FLOATS),
    min_size=1,
    max_size=46,
    unique_by=lambda point: point.memory_mb,
)


@given(POINTS)
def test_what_was_written_is_read(points: list[CurvePoint]) -> None:
    (run,) = decode_visualization(visualization_url(points))
    assert run == PublishedCurve(tuple(sorted(points, key=lambda point: point.memory_mb)))


@given(POINTS, POINTS, st.text(st.characters(exclude_categories=["Cs"])), st.just("a;b#c=?"))
def test_comparisons(first: list[CurvePoint], second: list[CurvePoint], a: str, b: str) -> None:
    runs = decode_visualization(
        comparison_url(PublishedCurve(tuple(first), a), PublishedCurve(tuple(second), b))
    )
    assert [run.name for run in runs] == [a, b]
    assert [len(run.points) for run in runs] == [len(first), len(second)]


def test_a_published_url() -> None:
    url = "https://lambda-power-tuning.show/#gAAAAQACAAQ=;AAAAQAAAAEAAAABAAAAAQA==;b6VpMW+l6TFvpWkyb6XpMg=="
    (run,) = decode_visualization(url)
    assert [point.memory_mb for point in run.points] == [128, 256, 512, 1024]
    assert {point.duration_ms for point in run.points} == {2.0}
    assert run.points[0].cost_usd == pytest.approx(3.4e-9)


def test_mail_may_have_eaten_the_padding() -> None:
    whole = visualization_url([CurvePoint(128, 1.5, 1e-7)])
    assert decode_visualization(whole.replace("=", "")) == decode_visualization(whole)
    assert decode_visualization(whole.replace("=", "%3D")) == decode_visualization(whole)


WHOLE = visualization_url([CurvePoint(128, 1.5, 1e-7), CurvePoint(256, 1.0, 2e-7)])
"""Its last list ends in padding, so that what follows cannot be part of it."""


@pytest.mark.parametrize(
    "published",
    [
        WHOLE.partition("#")[2],
        WHOLE.replace(
            "https://lambda-power-tuning.show/", "http://localhost:5000/ui/index.html?x=1"
        ),
        WHOLE.replace("#", "?currency=CNY#"),
        f"{WHOLE}?utm_source=mail",
        f"{WHOLE}&utm_source=mail",
        f"{WHOLE};",
        f"<{WHOLE}>",
        f"({WHOLE}).",
        f"[see]({WHOLE})",
        f"  {WHOLE}\n",
        f"{WHOLE}#results",
        WHOLE.replace(";", "%3B"),
        f"https://www.google.com/url?q={quote(WHOLE, safe='')}&sa=D",
    ],
)
def test_any_published_form_is_read(published: str) -> None:
    (run,), (whole,) = decode_visualization(published), decode_visualization(WHOLE)
    assert run.points == whole.points
    assert run.currency == ("CNY" if "currency=CNY" in published else "USD")


def test_a_comparison_may_have_no_names() -> None:
    (run,) = decode_visualization(WHOLE)
    both = decode_visualization(comparison_url(run, run))
    assert both == (run, run)
    with pytest.raises(UsageError, match="3 parts, or 8"):
        decode_visualization(comparison_url(run, run).rpartition(";")[0].rpartition(";")[0])


def test_china_asks_for_yuan() -> None:
    point = [CurvePoint(128, 1, 1)]
    assert "?currency=CNY#" in visualization_url(point, region="cn-north-1")
    assert "currency" not in visualization_url(point, region="eu-west-1")


def test_float32_overflows_as_in_a_browser() -> None:
    times = encode_arrays([], [3.4028235e38, 1e39, -1e39, math.nan], []).split(";")[1]
    durations = decode_arrays(["", times, ""])[1]
    assert durations[1:3] == [math.inf, -math.inf]
    assert durations[0] == struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
    assert math.isnan(durations[3])


@pytest.mark.parametrize(
    "url",
    ["", "https://lambda-power-tuning.show/", "#a;b", "#gAA=;AADIQg==", "#gAA=;AADI;s3xhNA==",
     "#gAA=;AADIQg==;!!!!", "#gAAA;AADIQg==;s3xhNA==", "#gAAAAQ==;AADIQg==;s3xhNA=="],
)  # fmt: skip
def test_what_is_no_such_url(url: str) -> None:
    with pytest.raises(UsageError, match="not a visualization URL") as caught:
        decode_visualization(url)
    assert "\n" not in str(caught.value)


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("sizes", "durations", "costs"),
    [
        ([128, 256], [1.0, NAN], [1e-7, 1e-7]),
        ([128, 256], [1.0, INFINITE], [1e-7, 1e-7]),
        ([128, 256], [1.0, -2.0], [1e-7, 1e-7]),
        ([128, 256], [1.0, 0.0], [1e-7, 1e-7]),
        ([128, 256], [1.0, 2.0], [1e-7, NAN]),
        ([128, 256], [1.0, 2.0], [0.0, 1e-7]),
        ([128, 128], [1.0, 2.0], [1e-7, 1e-7]),
        ([0, 128], [1.0, 2.0], [1e-7, 1e-7]),
        ([64, 128], [1.0, 2.0], [1e-7, 1e-7]),
        ([128, 10_241], [1.0, 2.0], [1e-7, 1e-7]),
        ([128, 40_000], [1.0, 2.0], [1e-7, 1e-7]),  # Int16 wraps it
        ([-128, 128], [1.0, 2.0], [1e-7, 1e-7]),
        ([], [], []),
    ],
)
def test_a_curve_that_was_not_measured_is_refused(
    sizes: list[int], durations: list[float], costs: list[float]
) -> None:
    with pytest.raises(UsageError, match="not a visualization URL"):
        decode_visualization(f"https://x/#{encode_arrays(sizes, durations, costs)}")


@pytest.mark.parametrize(
    "written",
    [
        WHOLE.replace("=", "\\u003d"),
        WHOLE.replace("=", "&#x3D;"),
        WHOLE.replace(";", ";\n  "),
        f"{WHOLE[:60]}\r\n {WHOLE[60:]}",
    ],
)
def test_what_programs_do_to_a_url_is_undone(written: str) -> None:
    assert decode_visualization(written) == decode_visualization(WHOLE)


@pytest.mark.parametrize(
    ("url", "currency"),
    [
        (visualization_url([CurvePoint(128, 1.0, 2e-7)], region="cn-north-1"), "CNY"),
        (visualization_url([CurvePoint(128, 1.0, 2e-7)], region="eu-west-1"), "USD"),
        ("https://x.io/?lang=en&currency=cny#gAA=;AADIQg==;XHxhNA==", "CNY"),
        (f"https://x.io/?u={quote(WHOLE.replace('/#', '/?currency=CNY#'), safe='')}", "CNY"),
    ],
)
def test_the_currency_of_a_url_is_kept(url: str, currency: str) -> None:
    assert decode_visualization(url)[0].currency == currency
