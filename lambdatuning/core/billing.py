"""What AWS bills, in USD: invocations, months of them, transitions, API and table requests."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import UsageError
from .prices import (
    ARCHITECTURES,
    PriceBook,
    RegionPrices,
    Tier,
    check_architecture,
    load_price_book,
    parse_price_book,
)

__all__ = [
    "ARCHITECTURES",
    "FREE_EPHEMERAL_MB",
    "PriceBook",
    "RegionPrices",
    "Tier",
    "api_requests_usd",
    "beyond_free_tier",
    "check_architecture",
    "check_on_demand",
    "duration_usd",
    "ephemeral_usd",
    "gb_seconds",
    "invocation_usd",
    "load_price_book",
    "month_usd",
    "parse_price_book",
    "provisioned_usd",
    "read_units",
    "restore_usd",
    "snapstart_cache_usd",
    "table_usd",
    "tiered_usd",
    "transitions_usd",
    "write_units",
]

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

    `billed_ms` is all that was billed: since August 2025 the init is in it; the billed restore of a
    SnapStart function is added by `Report.total_billed_ms`. First tier, no free tier; `/tmp` above
    512 MB and the reading of a snapshot are priced by `ephemeral_usd` and `restore_usd`. UsageError
    for an unknown region or architecture.
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


def month_usd(
    book: PriceBook, region: str, architecture: str, *, gb_s: float, invocations: float
) -> float:
    """A month's Lambda bill for GB-seconds and invocations, volume tiers included."""
    prices = book.region(region)
    duration = tiered_usd(prices.duration_gb_s[check_architecture(architecture)], gb_s)
    return duration + invocations * prices.request


def beyond_free_tier(book: PriceBook, gb_s: float, invocations: float) -> tuple[float, float]:
    """What of a month's GB-seconds and invocations is billed after the account's free tier."""
    return max(gb_s - book.free_gb_s, 0.0), max(invocations - book.free_requests, 0.0)


def tiered_usd(tiers: Sequence[Tier], units: float, already: float = 0.0) -> float:
    """Price of `units` when `already` were used this month.

    >>> tiered_usd([Tier(100, 2.0), Tier(math.inf, 1.0)], units=30, already=90)
    40.0
    """
    total, start = 0.0, 0.0
    for tier in tiers:
        within = min(tier.up_to, already + units) - max(start, already)
        total += max(within, 0.0) * tier.usd
        start = tier.up_to
    return total


def transitions_usd(book: PriceBook, region: str, transitions: int) -> float:
    """Price of state transitions of a standard Step Functions execution."""
    return book.region(region).transition * transitions


def api_requests_usd(book: PriceBook, region: str, requests: float, already: float = 0.0) -> float:
    """Price of API Gateway REST requests, `already` having been made this month."""
    return tiered_usd(book.region(region).api_requests, requests, already)


def write_units(item_bytes: int) -> int:
    """DynamoDB write units of one put, update or delete: one for each started KB.

    >>> write_units(200), write_units(1025)
    (1, 2)
    """
    return max(math.ceil(item_bytes / 1024), 1)


def read_units(read_bytes: int, *, consistent: bool = False) -> float:
    """DynamoDB read units of one read: one for each started 4 KB, half if eventually consistent.

    >>> read_units(200), read_units(5000, consistent=True)
    (0.5, 2.0)
    """
    return max(math.ceil(read_bytes / 4096), 1) * (1.0 if consistent else 0.5)


def table_usd(book: PriceBook, region: str, *, writes: float = 0.0, reads: float = 0.0) -> float:
    """Price of on-demand DynamoDB write and read units."""
    prices = book.region(region)
    return writes * prices.write_unit + reads * prices.read_unit


def snapstart_cache_usd(book: PriceBook, region: str, memory_mb: int, hours: float) -> float:
    """Price of keeping one published version's snapshot; at least three hours are billed.

    For the runtimes that pay for SnapStart: Python and .NET, not Java.
    """
    held_s = max(hours, _MIN_CACHE_HOURS) * 3600
    return memory_mb / 1024 * held_s * book.region(region).snapstart_cache_gb_s


def provisioned_usd(
    book: PriceBook, region: str, architecture: str, *, kept_gb_s: float, run_gb_s: float = 0.0
) -> float:
    """Price of provisioned concurrency: GB-seconds for which it was kept, and those it ran."""
    prices, arch = book.region(region), check_architecture(architecture)
    kept = kept_gb_s * prices.provisioned_capacity_gb_s[arch]
    return kept + run_gb_s * prices.provisioned_duration_gb_s[arch]


def check_on_demand(configuration: Mapping[str, Any]) -> None:
    """UsageError for a function on Lambda Managed Instances, given its GetFunctionConfiguration.

    Those pay for EC2 instances, a management fee and requests, not for GB-seconds.
    """
    if configuration.get("CapacityProviderConfig"):
        raise UsageError(
            "the function runs on Lambda Managed Instances, which are billed by the instance and "
            "not by GB-second; tune an on-demand copy of it instead"
        )
