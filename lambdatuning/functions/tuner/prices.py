"""The price book of a run: the packaged one, or the one that the user put into S3."""

from typing import Any

from ...core.prices import PriceBook, load_price_book, parse_price_book
from .storage import read_text


def price_book(s3: Any, url: str | None) -> PriceBook:
    """The price book at `s3://bucket/key`, else the packaged one; UsageError says what is wrong."""
    return parse_price_book(read_text(s3, url), url) if url else load_price_book()
