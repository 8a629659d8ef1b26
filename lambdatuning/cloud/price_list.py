"""The price book refreshed from the AWS Price List API: one region's prices at a time.

Only what the API is known to name is read; what it does not answer stays as it is in the book.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from ..core.errors import LambdaTuningError
from ..core.pricing import parse_price_book
from .session import Cloud

Product = Mapping[str, Any]
Tiers = list[list[str | None]]

_HOMES = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
"""By partition, the region in which the Price List API answers for all others."""

_SERVICES = ("AWSLambda", "AmazonStates", "AmazonApiGateway", "AmazonDynamoDB")
_MILLION, _THOUSAND, _ONE = Decimal(1_000_000), Decimal(1_000), Decimal(1)


def refreshed_book(
    cloud: Cloud, book: Mapping[str, Any], regions: Sequence[str], read_on: str
) -> dict[str, Any]:
    """The price book (its JSON value) with these regions' prices as the API tells them.

    `read_on` is the date, which becomes version and source. LambdaTuningError for a region of
    which the API knows no Lambda prices.
    """
    home = _HOMES.get(cloud.partition)
    if home is None:
        raise LambdaTuningError(
            f"the Price List API answers no account of the partition {cloud.partition}: refresh "
            "with a profile of a commercial account, which knows the prices of its regions, too"
        )
    pricing = cloud.client("pricing", region=home)
    by_region = dict(book["regions"])
    for region in regions:
        read = region_prices([p for s in _SERVICES for p in _products(pricing, s, region)])
        if "duration_usd_per_gb_s" not in read:
            raise LambdaTuningError(
                f"the Price List API has no Lambda prices in US dollars for {region}: write them "
                "into a price book of your own and give it as --price-book"
            )
        by_region[region] = {**by_region.get(region, {}), **read}
    sources = {**book["sources"], "price list": f"AWS Price List API, read on {read_on}"}
    after = {**book, "version": read_on, "sources": sources, "regions": by_region}
    parse_price_book(json.dumps(after), "the refreshed price book")
    return after


def region_prices(products: Sequence[Product]) -> dict[str, object]:
    """The fields of a region in the price book, from the products of its price lists."""
    durations = {
        architecture: _tiers(products, group=group)
        for architecture, group in (
            ("x86_64", "AWS-Lambda-Duration"),
            ("arm64", "AWS-Lambda-Duration-ARM"),
        )
    }
    single = {
        name: _single(products, per, **attributes)
        for name, (per, attributes) in _SINGLE_PRICES.items()
    }
    api = _tiers(products, usagetype="ApiGatewayRequest")
    provisioned = _provisioned(products)
    return {
        **({"duration_usd_per_gb_s": durations} if all(durations.values()) else {}),
        **({"provisioned_usd_per_gb_s": provisioned} if provisioned else {}),
        **{name: price for name, price in single.items() if price},
        **({"api_requests_usd_per_million": _scaled(api, _MILLION)} if api else {}),
    }


def _provisioned(products: Sequence[Product]) -> dict[str, dict[str, str]]:
    """Prices of provisioned concurrency by architecture; {} unless all four are told."""
    by_architecture = {
        architecture: {
            "capacity": _single(products, group=f"AWS-Lambda-Provisioned-Concurrency{suffix}"),
            "duration": _single(products, group=f"AWS-Lambda-Duration-Provisioned{suffix}"),
        }
        for architecture, suffix in (("x86_64", ""), ("arm64", "-ARM"))
    }
    return (
        by_architecture if all(all(prices.values()) for prices in by_architecture.values()) else {}
    )


_SINGLE_PRICES: Mapping[str, tuple[Decimal, Mapping[str, str]]] = {
    "requests_usd_per_million": (_MILLION, {"group": "AWS-Lambda-Requests"}),
    "ephemeral_storage_usd_per_gb_s": (_ONE, {"group": "AWS-Lambda-Storage-Duration"}),
    "transitions_usd_per_thousand": (_THOUSAND, {"usagetype": "StateTransition"}),
    "write_units_usd_per_million": (
        _MILLION,
        {"usagetype": "WriteRequestUnits", "group": "DDB-WriteUnits"},
    ),
    "read_units_usd_per_million": (
        _MILLION,
        {"usagetype": "ReadRequestUnits", "group": "DDB-ReadUnits"},
    ),
}
"""Fields with one price, in how many units, and the attributes by which the product is known: the
usage type alone would also fit DynamoDB's infrequent-access tables (IA-WriteRequestUnits), the
group alone its provisioned tables."""


def _products(pricing: Any, service: str, region: str) -> Iterator[Product]:
    here = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}
    pages = pricing.get_paginator("get_products")
    try:
        for page in pages.paginate(ServiceCode=service, Filters=[here]):
            yield from (json.loads(text) for text in page["PriceList"])
    except ClientError as exc:
        if "AccessDenied" not in exc.response["Error"]["Code"]:
            raise
        raise LambdaTuningError(
            "refreshing prices needs the right pricing:GetProducts; get it, or keep the book"
        ) from exc


def _tiers(products: Sequence[Product], **attributes: str) -> Tiers:
    """`[[up to units or null, USD], ...]` of the first product that fits, ascending."""
    for product in products:
        if _fits(product["product"]["attributes"], attributes):
            return _on_demand(product)
    return []


def _fits(attributes: Mapping[str, str], needed: Mapping[str, str]) -> bool:
    """Usage types of regions but us-east-1 begin with the region's short name, as in EUW1-."""
    for name, value in needed.items():
        listed_value = attributes.get(name, "")
        if name == "usagetype":
            listed_value = listed_value.rpartition("-")[2]
        if listed_value != value:
            return False
    return True


def _on_demand(product: Product) -> Tiers:
    (term,) = product["terms"]["OnDemand"].values()
    ranges = sorted(
        term["priceDimensions"].values(), key=lambda price: Decimal(price["beginRange"])
    )
    # China's prices are in CNY alone: no price in USD is no price.
    paid = [price for price in ranges if Decimal(price["pricePerUnit"].get("USD", 0)) > 0]
    return [
        [
            None if price["endRange"] == "Inf" else price["endRange"],
            _plain(price["pricePerUnit"]["USD"]),
        ]
        for price in paid
    ]


def _single(products: Sequence[Product], per: Decimal = _ONE, **attributes: str) -> str:
    tiers = _scaled(_tiers(products, **attributes), per)
    return str(tiers[0][1]) if tiers else ""


def _scaled(tiers: Tiers, per: Decimal) -> Tiers:
    return [[limit, _plain(str(Decimal(str(usd)) * per))] for limit, usd in tiers]


def _plain(usd: str) -> str:
    """Without exponent and trailing zeros: the book holds what AWS publishes."""
    text = f"{Decimal(usd):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
