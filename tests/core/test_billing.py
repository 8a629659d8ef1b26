"""Bills against the published prices, worked out by hand."""

import json
from pathlib import Path

import botocore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.errors import UsageError
from lambdatuning.core.pricing import (
    duration_usd,
    ephemeral_usd,
    gb_seconds,
    invocation_usd,
    load_price_book,
    parse_price_book,
    restore_usd,
    snapstart_cache_usd,
    transitions_usd,
)

BOOK = load_price_book()


def test_one_gb_second_and_its_request() -> None:
    cost = invocation_usd(BOOK, "us-east-1", "x86_64", 1024, 1000)
    assert cost == pytest.approx(0.0000166667 + 0.2e-6)


def test_the_request_fee_is_most_of_a_small_bill() -> None:
    whole = invocation_usd(BOOK, "eu-west-1", "x86_64", 128, 10)
    assert 1 - duration_usd(BOOK, "eu-west-1", "x86_64", 128, 10) / whole == pytest.approx(
        0.91, abs=0.005
    )


@pytest.mark.parametrize(
    ("region", "x86", "arm", "per_million"),
    [
        ("ap-south-1", 0.0000166667, 0.0000133334, 0.20),
        ("af-south-1", 0.0000221, 0.00001768, 0.27),
        ("ap-east-1", 0.00002292, 0.0000183, 0.28),
        ("eu-south-1", 0.0000195172, 0.0000156138, 0.23),
        ("me-south-1", 0.0000206667, 0.0000165334, 0.25),
        ("eu-central-2", 0.0000183334, 0.0000146667, 0.22),
        ("ap-southeast-5", 0.000015, 0.000012, 0.18),
    ],
)
def test_regions(region: str, x86: float, arm: float, per_million: float) -> None:
    prices = BOOK.region(region)
    assert prices.duration_gb_s["x86_64"][0].usd == x86
    assert prices.duration_gb_s["arm64"][0].usd == arm
    assert prices.request == pytest.approx(per_million / 1e6)


def test_an_unknown_region_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r'no prices for region "mars-1".*us-east-1'):
        invocation_usd(BOOK, "mars-1", "x86_64", 128, 1)


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(UsageError, match='did you mean "arm64"'):
        invocation_usd(BOOK, "us-east-1", "arm_64", 128, 1)


def test_borrowed_prices_are_named() -> None:
    assert BOOK.region("us-east-1").borrowed == ()
    assert "api_requests_usd_per_million" in BOOK.region("eu-west-1").borrowed
    assert "transitions_usd_per_thousand" not in BOOK.region("eu-west-1").borrowed
    assert "transitions_usd_per_thousand" in BOOK.region("ap-southeast-5").borrowed


def test_the_other_services() -> None:
    assert transitions_usd(BOOK, "us-east-1", 1000) == pytest.approx(0.025)
    assert transitions_usd(BOOK, "sa-east-1", 1000) == pytest.approx(0.0375)
    assert restore_usd(BOOK, "us-east-1", 2048) == pytest.approx(2 * 0.0001397998)
    assert ephemeral_usd(BOOK, "us-east-1", 512, 1000) == 0
    assert ephemeral_usd(BOOK, "us-east-1", 1536, 1000) == pytest.approx(0.0000000309)
    three_hours = 3 * 3600 * 0.0000015046
    assert snapstart_cache_usd(BOOK, "us-east-1", 1024, 0.1) == pytest.approx(three_hours)
    assert snapstart_cache_usd(BOOK, "us-east-1", 1024, 6) == pytest.approx(2 * three_hours)


@given(st.integers(128, 10_240), st.floats(0, 900_000), st.sampled_from(sorted(BOOK.regions)))
def test_bills_grow_in_proportion(memory_mb: int, billed_ms: float, region: str) -> None:
    once = duration_usd(BOOK, region, "x86_64", memory_mb, billed_ms)
    assert duration_usd(BOOK, region, "x86_64", memory_mb, 2 * billed_ms) == pytest.approx(2 * once)
    assert once <= duration_usd(BOOK, region, "x86_64", memory_mb + 1, billed_ms)
    assert gb_seconds(memory_mb, billed_ms) >= 0


def test_version_and_sources_are_there() -> None:
    assert BOOK.version == "2026-09"
    assert "price list" in BOOK.source


def edited(**changes: object) -> str:
    from importlib.resources import files

    data = json.loads((files("lambdatuning.core") / "prices.json").read_text())
    data["default"] |= changes
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"regions": {}}',
        edited(requests_usd_per_million=0.2),
        edited(requests_usd_per_million="-1"),
        edited(requests_usd_per_million="cheap"),
        edited(requests_usd_per_million="NaN"),
        edited(duration_usd_per_gb_s={"x86_64": [[None, "1"]]}),
        edited(duration_usd_per_gb_s={"x86_64": [["5", "1"]], "arm64": [[None, "1"]]}),
        edited(api_requests_usd_per_million=[[None, "1"], ["5", "1"]]),
    ],
)
def test_what_is_no_price_book(text: str) -> None:
    with pytest.raises(UsageError, match=r"^mine\.json: ") as caught:
        parse_price_book(text, "mine.json")
    assert "\n" not in str(caught.value)


def test_a_region_of_ones_own() -> None:
    data = json.loads(edited())
    data["regions"]["moon-1"] = {"requests_usd_per_million": "2.00"}
    book = parse_price_book(json.dumps(data))
    assert book.region("moon-1").request == pytest.approx(2e-6)


def test_every_region_that_has_lambda_has_prices() -> None:
    endpoints = json.loads((Path(botocore.__file__).parent / "data/endpoints.json").read_text())
    regions = {
        region
        for partition in endpoints["partitions"]
        for region in partition["services"].get("lambda", {}).get("endpoints", {})
        if "fips" not in region
    }
    book = load_price_book()
    assert sorted(regions - book.regions.keys()) == []
    assert {name for name, each in book.regions.items() if each.currency == "CNY"} == {
        "cn-north-1",
        "cn-northwest-1",
    }


def test_prices_in_china_are_yuan() -> None:
    prices = load_price_book().region("cn-northwest-1")
    # As AWS Lambda Power Tuning has it: 1.42e-8 CNY for a millisecond at 128 MB.
    assert prices.duration_gb_s["x86_64"][0].usd * 128 / 1024 / 1000 == pytest.approx(1.42e-8)
    assert prices.transition == pytest.approx(0.0001891)
    assert "requests_usd_per_million" in prices.borrowed
    assert "transitions_usd_per_thousand" not in prices.borrowed
