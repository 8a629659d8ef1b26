"""The price book: which one is used, what it says, refreshed from the AWS Price List API."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pandas import DataFrame

from ..cloud.price_list import refreshed_book
from ..cloud.session import Cloud
from ..core.errors import UsageError
from ..core.pricing import RegionPrices, packaged_price_book, parse_price_book
from ..workspace import resources
from ..workspace.settings import read_settings

Book = dict[str, Any]

COLUMNS = (
    "region",
    "x86_64_usd_per_gb_s",
    "arm64_usd_per_gb_s",
    "requests_usd_per_million",
    "snapstart_usd_per_gb_restored",
    "transitions_usd_per_thousand",
    "currency",
    "borrowed",
)


def prices(price_book: str | Path | None = None, *, regions: Sequence[str] = ()) -> DataFrame:
    """The prices of regions (none named: all) at the first tier, one row a region; `attrs` has the
    book's `version`, `source` and `path`. UsageError for an unknown region.

    `borrowed` names what is not known of a region, so that the price of us-east-1 stands in.
    `price_book` is a file; None means `data/prices.json` if there is one, else the packaged book.
    """
    book = parse_price_book(read_price_book(price_book), book_name(price_book))
    rows = [_row(book.region(name)) for name in regions or sorted(book.regions)]
    frame = DataFrame(rows, columns=list(COLUMNS))
    frame.attrs = {"version": book.version, "source": book.source, "path": book_name(price_book)}
    return frame


def read_price_book(path: str | Path | None = None) -> str:
    """The text of a price book, checked; UsageError says what is wrong with it."""
    chosen = _chosen(path)
    if chosen is None:
        return packaged_price_book()
    try:
        text = chosen.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise UsageError(
            f"price book {chosen} cannot be read ({why}); `lambdatuning prices --refresh` makes one"
        ) from exc
    parse_price_book(text, str(chosen))
    return text


def own_price_book(path: str | Path | None = None) -> str:
    """The text of the price book that is used instead of the packaged one; "" for that one.

    UsageError says what is wrong with it.
    """
    return "" if _chosen(path) is None else read_price_book(path)


def book_name(path: str | Path | None = None) -> str:
    """What a book is called: its file, or "packaged"."""
    chosen = _chosen(path)
    return "packaged" if chosen is None else str(chosen)


def refresh_prices(
    cloud: Cloud, regions: Sequence[str] = (), *, path: str | Path | None = None
) -> dict[str, list[str]]:
    """Write the regions' prices of today into the price book at `path`; what changed by region.

    Without `path` it is the project's, which runs use once it is there: `price_book` of its
    settings, else data/prices.json.
    Begins with the packaged book where there is no file yet. Without `regions` those of the
    session. Needs pricing:GetProducts. The book is written whole or not at all, and only once it
    can be read back.
    """
    if cloud.embedded:
        raise UsageError("the embedded AWS has no Price List API: refresh with an AWS profile")
    file = Path(path or own_book())
    book = json.loads(read_price_book(file) if file.exists() else packaged_price_book())
    named = list(regions) or [cloud.region]
    after = refreshed_book(cloud, book, named, f"{datetime.now(UTC):%Y-%m-%d}")
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(after, indent=2) + "\n", "utf-8")
    fresh.replace(file)
    return {region: _changed(book, after, region) for region in named}


def _chosen(path: str | Path | None) -> Path | None:
    if path:
        return Path(path)
    own = own_book()
    return own if own.exists() or read_settings()["price_book"] else None


def own_book() -> Path:
    """Where the price book of the project lies, once there is one."""
    settings = read_settings()
    return Path(settings["price_book"] or settings.folder / resources.PRICE_BOOK)


def _changed(before: Book, after: Book, region: str) -> list[str]:
    old = {**before["default"], **before["regions"].get(region, {})}
    new = {**after["default"], **after["regions"].get(region, {})}
    return sorted(name for name in new if new[name] != old.get(name))


def _row(chosen: RegionPrices) -> tuple[Any, ...]:
    return (
        chosen.region,
        chosen.duration_gb_s["x86_64"][0].usd,
        chosen.duration_gb_s["arm64"][0].usd,
        round(chosen.request * 1e6, 9),
        chosen.snapstart_restore_gb,
        round(chosen.transition * 1e3, 9),
        chosen.currency,
        ", ".join(chosen.borrowed),
    )
