"""`lambdatuning doctor` and `prices`: what to know of an account before the first run."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ...core.errors import UsageError
from ...workspace.settings import read_settings
from ..options import price_book_option, stack_option
from ..output import records, table
from ..session import Session, session_options

if TYPE_CHECKING:
    from pandas import DataFrame

_MARKS = {"ok": "ok  ", "note": "note", "warning": "warn", "error": "FAIL"}


@click.command()
@stack_option
@session_options
def doctor(session: Session, stack: str) -> int:
    """Check login, endpoint, quotas, stack and installation; 1 if something stands in the way."""
    from ...cloud.doctor import examine, failure, installation

    try:
        read_settings()
    except UsageError as exc:
        findings = [failure("settings", exc), *installation()]
    else:
        with session.environment():
            findings = examine(session.connect, stack)
    lines = [
        f"{_MARKS[finding.severity]}  {finding.name}: {finding.cause}"
        + (f"\n      -> {finding.next_step}" if finding.next_step else "")
        for finding in findings
    ]
    session.output.show([asdict(finding) for finding in findings], "\n".join(lines))
    return int(any(finding.severity == "error" for finding in findings))


@click.command()
@click.argument("regions", nargs=-1, metavar="[REGION]...")
@click.option(
    "--refresh",
    is_flag=True,
    help="Ask the AWS Price List API (default: the session's region) and write the file.",
)
@price_book_option
@session_options
def prices(
    session: Session, regions: tuple[str, ...], refresh: bool, price_book: str | None
) -> None:
    """Show the price book, one line per region, or refresh it from the AWS Price List API."""
    from ...api.prices import own_book, refresh_prices

    changed = None
    if refresh:
        price_book = price_book or str(own_book())
        with session.connected() as cloud:
            changed = refresh_prices(cloud, regions, path=price_book)
    _show(session, price_book, regions, changed)


def _show(
    session: Session,
    path: str | None,
    regions: tuple[str, ...],
    changed: dict[str, list[str]] | None,
) -> None:
    from ...api.prices import prices

    frame = prices(path, regions=regions if changed is None else list(changed))
    data: dict[str, Any] = {str(name): value for name, value in frame.attrs.items()}
    data["regions"] = records(frame)
    if changed is not None:
        data["changed"] = changed
    session.output.show(data, "\n".join(_lines(frame, changed or {})))


def _lines(frame: "DataFrame", changed: dict[str, list[str]]) -> Iterator[str]:
    yield f"price book {frame.attrs['version']} ({frame.attrs['path']})"
    yield from (f"  {source}" for source in frame.attrs["source"].split("; "))
    for region, names in changed.items():
        yield f"{region}: {', '.join(names) if names else 'nothing'} changed"
    borrowed = frame["borrowed"].str.split(", ").map(lambda names: len([n for n in names if n]))
    money = [name for name in frame.columns if "_usd_" in name]
    yield ""
    yield table(frame.assign(borrowed=borrowed, **{name: frame[name].map(_usd) for name in money}))
    if borrowed.any():
        yield "borrowed: prices not known of a region, for which those of us-east-1 stand in"


def _usd(price: float) -> str:
    return f"{price:.10f}".rstrip("0")
