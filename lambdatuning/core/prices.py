"""The price book: unit prices by region and architecture, with version and source."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
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
    """Unit prices of one region in USD.

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


@dataclass(frozen=True)
class PriceBook:
    """Every region's prices, the monthly free tier, and where and when they were read."""

    version: str
    source: str
    regions: Mapping[str, RegionPrices]
    free_requests: int = 0
    free_gb_s: int = 0

    def region(self, name: str) -> RegionPrices:
        """Prices of a region; UsageError naming the known ones for any other."""
        if name in self.regions:
            return self.regions[name]
        raise UsageError(
            f'no prices for region "{name}" in price book {self.version}; '
            f"known are: {', '.join(sorted(self.regions))}; "
            f"`lambdatuning prices --refresh {name}` asks AWS for it"
        )


def load_price_book() -> PriceBook:
    """The price book that comes with the package."""
    return parse_price_book((files(__package__) / "prices.json").read_text("utf-8"), "prices.json")


def parse_price_book(text: str, origin: str = "price book") -> PriceBook:
    """A price book from its JSON; UsageError names `origin` and what is wrong.

    Prices are decimal strings, so that the file holds exactly what AWS publishes. A region lists
    only what differs from `default`.
    """
    try:
        data = json.loads(text)
        regions = {name: _region(name, data) for name in _names(data)}
        free = data.get("free_tier_per_month", {})
        return PriceBook(
            version=str(data["version"]),
            source="; ".join(f"{what}: {source}" for what, source in data["sources"].items()),
            regions=regions,
            free_requests=int(free.get("requests", 0)),
            free_gb_s=int(free.get("gb_s", 0)),
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
    )


def _borrowed(name: str, own: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, ...]:
    if name == "us-east-1":
        return ()
    in_default = name in data["default_regions"]
    borrowed = data.get("us_east_1_only", []) if in_default else data["default"]
    return tuple(field for field in borrowed if field not in own)


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
