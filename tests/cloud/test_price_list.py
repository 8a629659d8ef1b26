"""The price book from answers of the Price List API in the form in which AWS gives them."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.api.prices import refresh_prices
from lambdatuning.cloud.price_list import refreshed_book, region_prices
from lambdatuning.core.billing import invocation_usd
from lambdatuning.core.errors import LambdaTuningError
from lambdatuning.core.prices import parse_price_book
from tests.fakes.aws_lambda import Pages

from .conftest import fake_cloud

BOOK = json.loads((files("lambdatuning.core") / "prices.json").read_text("utf-8"))


def product(tiers: list[tuple[str, str, str]], **attributes: str) -> str:
    """One entry of `PriceList`: (begin, end, USD) for each tier."""
    dimensions = {
        f"sku.term.{index}": {
            "unit": "x", "beginRange": begin, "endRange": end, "pricePerUnit": {"USD": usd},
            "description": "", "appliesTo": [], "rateCode": f"sku.term.{index}",
        }
        for index, (begin, end, usd) in enumerate(tiers)
    }  # fmt: skip
    return json.dumps(
        {
            "product": {"productFamily": "Serverless", "attributes": attributes, "sku": "sku"},
            "serviceCode": "x",
            "terms": {"OnDemand": {"sku.term": {"priceDimensions": dimensions}}},
        }
    )


ANSWERS = {
    "AWSLambda": [
        product([("6000000000", "15000000000", "0.0000170000"), ("0", "6000000000", "0.0000200000"),
                 ("15000000000", "Inf", "0.0000150000")], group="AWS-Lambda-Duration"),
        product([("0", "Inf", "0.0000160000")], group="AWS-Lambda-Duration-ARM"),
        product([("0", "Inf", "0.0000002500")], group="AWS-Lambda-Requests"),
        product([("0", "Inf", "0.0000000309")], group="AWS-Lambda-Storage-Duration"),
    ],
    "AmazonStates": [
        product([("0", "4000", "0.0000000000"), ("4000", "Inf", "0.0000297000")],
                usagetype="EUW3-StateTransition"),
    ],
    "AmazonApiGateway": [
        product([("0", "333000000", "0.0000035000"), ("333000000", "Inf", "0.0000028000")],
                usagetype="EUW3-ApiGatewayRequest"),
    ],
    "AmazonDynamoDB": [
        product([("0", "Inf", "0.0000007000")], usagetype="EUW3-WriteRequestUnits"),
        product([("0", "Inf", "0.0000001400")], usagetype="EUW3-ReadRequestUnits"),
    ],
}  # fmt: skip


class FakePricing:
    """GetProducts with an answer for one region."""

    def get_paginator(self, _: str) -> Pages:
        return Pages(self._pages)

    def _pages(self, **given: Any) -> Any:
        (wanted,) = given["Filters"]
        known = wanted == {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-3"}
        listed = ANSWERS[given["ServiceCode"]] if known else []
        yield {"PriceList": listed[:1]}
        yield {"PriceList": listed[1:]}


def test_every_known_price_of_a_region_is_read() -> None:
    products = [json.loads(text) for texts in ANSWERS.values() for text in texts]
    assert region_prices(products) == {
        "duration_usd_per_gb_s": {
            "x86_64": [["6000000000", "0.00002"], ["15000000000", "0.000017"], [None, "0.000015"]],
            "arm64": [[None, "0.000016"]],
        },
        "requests_usd_per_million": "0.25",
        "ephemeral_storage_usd_per_gb_s": "0.0000000309",
        "transitions_usd_per_thousand": "0.0297",
        "write_units_usd_per_million": "0.7",
        "read_units_usd_per_million": "0.14",
        "api_requests_usd_per_million": [["333000000", "3.5"], [None, "2.8"]],
    }


def test_the_book_is_refreshed_and_prices_by_it() -> None:
    after = refreshed_book(fake_cloud(pricing=FakePricing()), BOOK, ["eu-west-3"], "2026-11-23")
    book = parse_price_book(json.dumps(after))
    assert book.version == "2026-11-23"
    assert "read on 2026-11-23" in book.source
    usd = invocation_usd(book, "eu-west-3", "x86_64", 1024, 1000)
    assert usd == pytest.approx(0.00002 + 0.25e-6)
    before = parse_price_book(json.dumps(BOOK))
    assert book.region("us-east-1") == before.region("us-east-1")
    assert BOOK["version"] == before.version


def test_a_region_without_prices_is_an_error() -> None:
    with pytest.raises(LambdaTuningError, match="no Lambda prices for mars-north-1"):
        refreshed_book(fake_cloud(pricing=FakePricing()), BOOK, ["mars-north-1"], "2026-11-23")


def test_the_file_is_refreshed_and_what_changed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(BOOK))
    where = fake_cloud(pricing=FakePricing())
    changed = refresh_prices(where, ["eu-west-3"], path=path)
    assert "requests_usd_per_million" in changed["eu-west-3"]
    assert "transitions_usd_per_thousand" not in changed["eu-west-3"]
    parse_price_book(path.read_text())
    assert refresh_prices(where, ["eu-west-3"], path=path) == {"eu-west-3": []}
    assert [each.name for each in tmp_path.iterdir()] == ["prices.json"]
