"""The price book, and what AWS bills by it, in the currency of the region: USD but for China."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any

from .errors import UsageError, closest

ARCHITECTURES = ("x86_64", "arm64")


@dataclass(frozen=True, slots=True)
class Tier:
    """A unit price that holds up to `up_to` units a month (infinite for the last tier)."""

    up_to: float
    usd: float


@dataclass(frozen=True, slots=True)
class RegionPrices:
    """Unit prices of one region, in `currency`: USD, in China CNY.

    GB-seconds are tiered by architecture. `borrowed` names the fields of the price book for which
    no price of this region is known, so that those of us-east-1 stand in.
    """

    region: str
    duration_gb_s: Mapping[str, tuple[Tier, ...]]
    provisioned_capacity_gb_s: Mapping[str, float]
    provisioned_duration_gb_s: Mapping[str, float]
    request: float
    ephemeral_gb_s: float
    snapstart_cache_gb_s: float
    snapstart_restore_gb: float
    transition: float
    api_requests: tuple[Tier, ...]
    write_unit: float
    read_unit: float
    borrowed: tuple[str, ...] = ()
    currency: str = "USD"

    @property
    def foreign_currency(self) -> str:
        """The currency as a manifest has it: "" for dollars."""
        return "" if self.currency == "USD" else self.currency


@dataclass(frozen=True)
class PriceBook:
    """Every region's prices, and where and when they were read."""

    version: str
    source: str
    regions: Mapping[str, RegionPrices]

    def region(self, name: str) -> RegionPrices:
        """Prices of a region; UsageError naming the known ones for any other."""
        if name in self.regions:
            return self.regions[name]
        raise UsageError(
            f'no prices for region "{name}" in price book {self.version}; '
            f"known are: {', '.join(sorted(self.regions))}; "
            f"`lambdatuning prices --refresh {name}` asks AWS for it"
        )


def packaged_price_book() -> str:
    """The JSON of the price book that comes with the package."""
    return (files(__package__) / "prices.json").read_text("utf-8")


@cache
def load_price_book() -> PriceBook:
    """The price book that comes with the package, read once."""
    return parse_price_book(packaged_price_book(), "prices.json")


def price_book_of(text: str) -> PriceBook:
    """The price book of a JSON text; the packaged one for ""."""
    return parse_price_book(text) if text else load_price_book()


def parse_price_book(text: str, origin: str = "price book") -> PriceBook:
    """A price book from its JSON; UsageError names `origin` and what is wrong.

    Prices are decimal strings, so that the file holds exactly what AWS publishes. A region lists
    only what differs from `default`.
    """
    try:
        data = json.loads(text)
        regions = {name: _region(name, data) for name in _names(data)}
        return PriceBook(
            version=str(data["version"]),
            source="; ".join(f"{what}: {source}" for what, source in data["sources"].items()),
            regions=regions,
        )
    except KeyError as exc:
        raise UsageError(f"{origin}: {exc} is missing; refresh the price book") from exc
    except (ValueError, TypeError, AttributeError, InvalidOperation) as exc:
        raise UsageError(f"{origin}: not a price book: {exc}; refresh it") from exc


def check_architecture(name: str) -> str:
    """`name` if Lambda has such processors; UsageError with the closest otherwise."""
    if name not in ARCHITECTURES:
        raise UsageError(f'unknown architecture "{name}"; {closest(name, ARCHITECTURES)}')
    return name


def _names(data: Mapping[str, Any]) -> Iterable[str]:
    return dict.fromkeys((*data["default_regions"], *data["regions"]))


def _region(name: str, data: Mapping[str, Any]) -> RegionPrices:
    own = data["regions"].get(name, {})
    prices = {**data["default"], **own}
    provisioned = prices["provisioned_usd_per_gb_s"]
    return RegionPrices(
        region=name,
        duration_gb_s={
            arch: _tiers(prices["duration_usd_per_gb_s"][arch], 1) for arch in ARCHITECTURES
        },
        provisioned_capacity_gb_s={a: _usd(provisioned[a]["capacity"]) for a in ARCHITECTURES},
        provisioned_duration_gb_s={a: _usd(provisioned[a]["duration"]) for a in ARCHITECTURES},
        request=_usd(prices["requests_usd_per_million"], 1_000_000),
        ephemeral_gb_s=_usd(prices["ephemeral_storage_usd_per_gb_s"]),
        snapstart_cache_gb_s=_usd(prices["snapstart_cache_usd_per_gb_s"]),
        snapstart_restore_gb=_usd(prices["snapstart_restore_usd_per_gb"]),
        transition=_usd(prices["transitions_usd_per_thousand"], 1_000),
        api_requests=_tiers(prices["api_requests_usd_per_million"], 1_000_000),
        write_unit=_usd(prices["write_units_usd_per_million"], 1_000_000),
        read_unit=_usd(prices["read_units_usd_per_million"], 1_000_000),
        borrowed=_borrowed(name, own, data),
        currency=str(own.get("currency", data.get("currency", "USD"))),
    )


def _borrowed(name: str, own: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, ...]:
    if name == "us-east-1":
        return ()
    in_default = name in data["default_regions"]
    borrowed = data.get("us_east_1_only", []) if in_default else data["default"]
    # Prices in another currency cannot be borrowed as they are: the book has them converted.
    converted = own.get("converted_from_us_east_1", [])
    return tuple(field for field in borrowed if field not in own or field in converted)


def _tiers(entries: Any, per: int) -> tuple[Tier, ...]:
    tiers = tuple(
        Tier(math.inf if up_to is None else float(up_to), _usd(usd, per)) for up_to, usd in entries
    )
    limits = [tier.up_to for tier in tiers]
    if not limits or limits[-1] != math.inf or limits != sorted(set(limits)):
        raise ValueError("tiers must rise and the last one must be open (null)")
    return tiers


def _usd(text: Any, per: int = 1) -> float:
    if not isinstance(text, str):
        raise TypeError(f"price {text!r} is no decimal string")
    price = Decimal(text) / per
    if not price.is_finite() or price < 0:
        raise ValueError(f"price {text!r} is no amount")
    return float(price)


# What AWS bills, in USD: invocations, snapshots, state transitions.


FREE_EPHEMERAL_MB = 512
"""`/tmp` up to this size is free."""

_MIN_CACHE_HOURS = 3.0


def gb_seconds(memory_mb: int, billed_ms: float) -> float:
    """Memory times billed time; Lambda's GB has 1024 MB.

    >>> gb_seconds(512, 2000)
    1.0
    """
    return memory_mb / 1024 * billed_ms / 1000


def duration_usd(
    book: PriceBook, region: str, architecture: str, memory_mb: int, billed_ms: float
) -> float:
    """Price of the duration alone, at the first tier, which is what a further invocation costs
    below 6 thousand million GB-s a month (7.5 on arm64)."""
    tiers = book.region(region).duration_gb_s[check_architecture(architecture)]
    return gb_seconds(memory_mb, billed_ms) * tiers[0].usd


def invocation_usd(
    book: PriceBook, region: str, architecture: str, memory_mb: int, billed_ms: float
) -> float:
    """Price of one on-demand invocation: its duration and the request fee.

    `billed_ms` is all that was billed: since August 2025 the init is in it, and the billed restore
    of a SnapStart function always was. First tier, no free tier; `/tmp` above 512 MB and the
    reading of a snapshot are priced by `ephemeral_usd` and `restore_usd`. UsageError for an unknown
    region or architecture.
    """
    duration = duration_usd(book, region, architecture, memory_mb, billed_ms)
    return duration + book.region(region).request


def ephemeral_usd(book: PriceBook, region: str, ephemeral_mb: int, billed_ms: float) -> float:
    """Price of `/tmp` above the free 512 MB during one invocation."""
    paid_mb = max(ephemeral_mb - FREE_EPHEMERAL_MB, 0)
    return gb_seconds(paid_mb, billed_ms) * book.region(region).ephemeral_gb_s


def restore_usd(book: PriceBook, region: str, memory_mb: int) -> float:
    """Price of reading a SnapStart snapshot once (Python and .NET; Java does not pay)."""
    return memory_mb / 1024 * book.region(region).snapstart_restore_gb


def transitions_usd(book: PriceBook, region: str, transitions: int) -> float:
    """Price of state transitions of a standard Step Functions execution."""
    return book.region(region).transition * transitions


def snapstart_cache_usd(book: PriceBook, region: str, memory_mb: int, hours: float) -> float:
    """Price of keeping one published version's snapshot; at least three hours are billed.

    For the runtimes that pay for SnapStart: Python and .NET, not Java.
    """
    held_s = max(hours, _MIN_CACHE_HOURS) * 3600
    return memory_mb / 1024 * held_s * book.region(region).snapstart_cache_gb_s
