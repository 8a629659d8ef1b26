"""The price book from answers of the Price List API in the form in which AWS gives them."""

import hashlib
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.api.prices import book_name, prices, read_price_book, refresh_prices
from lambdatuning.cloud.price_list import refreshed_book, region_prices
from lambdatuning.core.errors import LambdaTuningError, UsageError
from lambdatuning.core.pricing import invocation_usd, parse_price_book
from lambdatuning.core.tuning.endpoint import Endpoint
from tests.fakes.aws_lambda import Pages, refusal

from .conftest import fake_cloud

BOOK = json.loads((files("lambdatuning.core") / "prices.json").read_text("utf-8"))


def product(group: str, usagetype: str, *tiers: tuple[str, str, str]) -> str:
    """One entry of `PriceList` with (begin, end, USD) for each tier: attributes, nesting and
    number formats are those of real answers for AWSLambda, as published in issues and samples."""
    sku = (
        hashlib.md5(f"{group}{usagetype}".encode(), usedforsecurity=False).hexdigest()[:16].upper()
    )
    term = f"{sku}.JRTCKXETXF"
    dimensions = {
        f"{term}.{index:08X}": {
            "unit": "Lambda-GB-Second", "beginRange": begin, "endRange": end, "appliesTo": [],
            "description": f"AWS Lambda - {group}", "rateCode": f"{term}.{index:08X}",
            "pricePerUnit": {"USD": usd},
        }
        for index, (begin, end, usd) in enumerate(tiers)
    }  # fmt: skip
    attributes = {
        "servicecode": "AWSLambda", "servicename": "AWS Lambda", "group": group, "operation": "",
        "usagetype": usagetype, "groupDescription": "", "locationType": "AWS Region",
        "location": "EU (Paris)", "regionCode": "eu-west-3",
    }  # fmt: skip
    terms = {
        "priceDimensions": dimensions, "sku": sku, "effectiveDate": "2026-10-01T00:00:00Z",
        "offerTermCode": "JRTCKXETXF", "termAttributes": {},
    }  # fmt: skip
    return json.dumps(
        {
            "product": {"productFamily": "Serverless", "attributes": attributes, "sku": sku},
            "serviceCode": "AWSLambda",
            "terms": {"OnDemand": {term: terms}},
            "version": "20261005135802",
            "publicationDate": "2026-10-05T13:58:02Z",
        }
    )


def flat(usd: str) -> tuple[str, str, str]:
    return "0", "Inf", usd


ANSWERS = {
    "AWSLambda": [
        product("AWS-Lambda-Storage-Duration-ARM", "EUW3-Lambda-Storage-GB-Second-ARM",
                flat("0.0000000999")),
        product("AWS-Lambda-Edge-Duration", "EUW3-Lambda-Edge-GB-Second", flat("0.0000500100")),
        product("AWS-Lambda-Duration", "EUW3-Lambda-GB-Second",
                ("6000000000", "15000000000", "0.0000170000"),
                ("0", "6000000000", "0.0000200000"), ("15000000000", "Inf", "0.0000150000")),
        product("AWS-Lambda-Duration-ARM", "EUW3-Lambda-GB-Second-ARM", flat("0.0000160000")),
        product("AWS-Lambda-Requests", "EUW3-Request", flat("0.0000002500")),
        product("AWS-Lambda-Requests-ARM", "EUW3-Request-ARM", flat("0.0000002500")),
        product("AWS-Lambda-Storage-Duration", "EUW3-Lambda-Storage-GB-Second",
                flat("0.0000000309")),
        product("AWS-Lambda-Provisioned-Concurrency", "EUW3-Lambda-Provisioned-Concurrency",
                flat("0.0000050000")),
        product("AWS-Lambda-Provisioned-Concurrency-ARM", "EUW3-Lambda-Provisioned-Conc-ARM",
                flat("0.0000040000")),
        product("AWS-Lambda-Duration-Provisioned", "EUW3-Lambda-Provisioned-GB-Second",
                flat("0.0000110000")),
        product("AWS-Lambda-Duration-Provisioned-ARM", "EUW3-Lambda-Provisioned-GB-Second-ARM",
                flat("0.0000090000")),
    ],
    "AmazonStates": [
        product("SFN-StateTransitions", "EUW3-StateTransition",
                ("0", "4000", "0.0000000000"), ("4000", "Inf", "0.0000297000")),
    ],
    "AmazonApiGateway": [
        product("", "EUW3-ApiGatewayHttpRequest", ("0", "300000000", "0.0000011600"),
                ("300000000", "Inf", "0.0000010000")),
        product("", "EUW3-ApiGatewayRequest", ("0", "333000000", "0.0000035000"),
                ("333000000", "Inf", "0.0000028000")),
    ],
    "AmazonDynamoDB": [
        product("DDB-WriteUnitsIA", "EUW3-IA-WriteRequestUnits", flat("0.0000009000")),
        product("DDB-WriteUnits", "EUW3-WriteCapacityUnit-Hrs", flat("0.0007000000")),
        product("DDB-WriteUnits", "EUW3-WriteRequestUnits", flat("0.0000007000")),
        product("DDB-ReadUnitsIA", "EUW3-IA-ReadRequestUnits", flat("0.0000001800")),
        product("DDB-ReadUnits", "EUW3-ReadRequestUnits", flat("0.0000001400")),
    ],
}  # fmt: skip
"""With the neighbours that must not be taken for what is sought."""


class FakePricing:
    """GetProducts with an answer for one region."""

    def get_paginator(self, _: str) -> Pages:
        return Pages(self._pages)

    def _pages(self, **given: Any) -> Any:
        (filter_,) = given["Filters"]
        served = filter_ == {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-3"}
        listed = ANSWERS[given["ServiceCode"]] if served else []
        yield {"PriceList": listed[:1]}
        yield {"PriceList": listed[1:]}


def test_every_known_price_of_a_region_is_read() -> None:
    products = [json.loads(text) for texts in ANSWERS.values() for text in texts]
    assert region_prices(products) == {
        "duration_usd_per_gb_s": {
            "x86_64": [["6000000000", "0.00002"], ["15000000000", "0.000017"], [None, "0.000015"]],
            "arm64": [[None, "0.000016"]],
        },
        "provisioned_usd_per_gb_s": {
            "x86_64": {"capacity": "0.000005", "duration": "0.000011"},
            "arm64": {"capacity": "0.000004", "duration": "0.000009"},
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
    with pytest.raises(LambdaTuningError, match="no Lambda prices in US dollars for mars-north-1"):
        refreshed_book(fake_cloud(pricing=FakePricing()), BOOK, ["mars-north-1"], "2026-11-23")


def test_the_file_is_refreshed_and_changes_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(BOOK))
    where = fake_cloud(pricing=FakePricing())
    changed = refresh_prices(where, ["eu-west-3"], path=path)
    assert "requests_usd_per_million" in changed["eu-west-3"]
    assert "transitions_usd_per_thousand" not in changed["eu-west-3"]
    parse_price_book(path.read_text())
    assert refresh_prices(where, ["eu-west-3"], path=path) == {"eu-west-3": []}
    assert [each.name for each in tmp_path.iterdir()] == ["prices.json"]


def test_without_a_file_the_packaged_book_is_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (book_name(), prices().attrs["version"]) == ("packaged", BOOK["version"])
    refresh_prices(fake_cloud(pricing=FakePricing()), ["eu-west-3"])
    assert book_name() == str(tmp_path / "data/prices.json")
    after = prices(regions=["eu-west-3", "us-east-1"])
    assert after["x86_64_usd_per_gb_s"].tolist() == [0.00002, 0.0000166667]
    assert after["borrowed"].tolist()[1] == ""
    assert "Price List API" in after.attrs["source"]


class Denied:
    """GetProducts for somebody who may not call it."""

    def get_paginator(self, _: str) -> Pages:
        return Pages(self._pages)

    def _pages(self, **_: Any) -> Any:
        raise refusal("AccessDeniedException")


def test_a_missing_right_or_a_missing_api_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    where = fake_cloud(pricing=Denied())
    with pytest.raises(LambdaTuningError, match="pricing:GetProducts"):
        refresh_prices(where, path=path)
    with pytest.raises(UsageError, match="embedded AWS has no Price List API"):
        refresh_prices(replace(where, endpoint=Endpoint("embedded")), path=path)
    assert not path.exists()


def test_prices_in_another_currency_are_no_prices() -> None:
    yuan = json.loads(ANSWERS["AWSLambda"][4])
    (term,) = yuan["terms"]["OnDemand"].values()
    for dimension in term["priceDimensions"].values():
        dimension["pricePerUnit"] = {"CNY": "1.3600000000"}
    assert region_prices([yuan]) == {}


def test_a_book_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"none\.json cannot be read \(No such file or directory\)"
    ):
        read_price_book(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UsageError, match=r"bad\.json"):
        read_price_book(tmp_path / "bad.json")
    with pytest.raises(UsageError, match="no prices for region"):
        prices(regions=["mars-north-1"])


def test_each_partition_is_queried_where_it_answers() -> None:
    clients = list[str]()

    class Regions:
        def client(self, service: str, region_name: str, **_: Any) -> Any:
            clients.append(f"{service} {region_name}")
            raise ConnectionError

    cloud = replace(fake_cloud(), session=Regions())
    china = replace(cloud, caller_arn="arn:aws-cn:iam::111122223333:user/me")
    for each in (cloud, china):
        with pytest.raises(ConnectionError):
            refreshed_book(each, {"regions": {}}, ["any"], "2026-11-28")
    assert clients == ["pricing us-east-1", "pricing cn-northwest-1"]
    gov = replace(cloud, caller_arn="arn:aws-us-gov:iam::111122223333:user/me")
    with pytest.raises(LambdaTuningError, match="no account of the partition aws-us-gov"):
        refreshed_book(gov, {"regions": {}}, ["us-gov-west-1"], "2026-11-28")
