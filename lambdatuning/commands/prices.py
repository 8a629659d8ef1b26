"""`lambdatuning prices`: the price book, shown or refreshed."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .manners import show
from .place import place

if TYPE_CHECKING:
    from pandas import DataFrame


def add_arguments(parser: ArgumentParser) -> None:
    """Which regions, which file, and whether AWS is asked."""
    parser.add_argument("regions", nargs="*", metavar="REGION", help="these regions alone")
    parser.add_argument(
        "--refresh",
        action="store_true",
        help="ask the AWS Price List API (default: the session's region) and write the file",
    )
    parser.add_argument(
        "--price-book",
        metavar="FILE",
        help="price book (data/prices.json if there is one, else the packaged one)",
    )


def run(arguments: Namespace) -> int:
    """Refresh if asked, then print one line a region."""
    from ..api.prices import BOOK, refresh_prices

    path = arguments.price_book
    changed = None
    if arguments.refresh:
        path = path or BOOK
        with place(arguments) as cloud:
            changed = refresh_prices(cloud, arguments.regions, path=path)
    _show(arguments, path, changed)
    return 0


def _show(arguments: Namespace, path: str | None, changed: dict[str, list[str]] | None) -> None:
    from ..api.prices import prices

    wanted = arguments.regions if changed is None else list(changed)
    frame = prices(path, regions=wanted)
    data: dict[str, Any] = {str(name): value for name, value in frame.attrs.items()}
    data["regions"] = json.loads(frame.to_json(orient="records"))
    if changed is not None:
        data["changed"] = changed
    show(arguments, data, "\n".join(_lines(frame, changed or {})))


def _lines(frame: "DataFrame", changed: dict[str, list[str]]) -> Iterator[str]:
    yield f"price book {frame.attrs['version']} ({frame.attrs['path']})"
    yield from (f"  {source}" for source in frame.attrs["source"].split("; "))
    for region, names in changed.items():
        yield f"{region}: {', '.join(names) if names else 'nothing'} changed"
    borrowed = frame["borrowed"].str.split(", ").map(lambda names: len([n for n in names if n]))
    yield ""
    yield frame.assign(borrowed=borrowed).to_string(
        index=False, float_format=lambda usd: f"{usd:.10f}".rstrip("0")
    )
    if borrowed.any():
        yield "borrowed: prices not known of a region, for which those of us-east-1 stand in"
