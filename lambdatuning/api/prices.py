"""The price book, refreshed from the AWS Price List API."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..cloud.price_list import refreshed_book
from ..cloud.session import Cloud
from ..core import prices

Book = dict[str, Any]

PACKAGED = Path(prices.__file__).with_name("prices.json")


def refresh_prices(
    cloud: Cloud, regions: Sequence[str] = (), *, path: str | Path = PACKAGED
) -> dict[str, list[str]]:
    """Write the regions' prices of today into the price book at `path`; what changed by region.

    Without `regions` those of the session. Needs pricing:GetProducts. The book is written whole or
    not at all, and only once it can be read back.
    """
    book = json.loads(Path(path).read_text("utf-8"))
    wanted = list(regions) or [cloud.region]
    after = refreshed_book(cloud, book, wanted, f"{datetime.now(UTC):%Y-%m-%d}")
    fresh = Path(path).with_suffix(".new")
    fresh.write_text(json.dumps(after, indent=2) + "\n", "utf-8")
    fresh.replace(path)
    return {region: _changed(book, after, region) for region in wanted}


def _changed(before: Book, after: Book, region: str) -> list[str]:
    old = {**before["default"], **before["regions"].get(region, {})}
    new = {**after["default"], **after["regions"].get(region, {})}
    return sorted(name for name in new if new[name] != old.get(name))
