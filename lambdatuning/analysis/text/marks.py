"""Sizes that one host could not tell apart, marked alike in tables, figures and sentences."""

import math
from collections.abc import Iterable, Mapping
from numbers import Real

from pandas import DataFrame

from ...core.format import DOLLARS, Money, join, join_mb
from ...core.sizes import Host
from ..run import BEYOND
from .columns import text

DAGGER = "\u2020"

NOTE = (
    f"{DAGGER} More vCPUs than the machine that measured has cores: run with its cores only, "
    "so that such sizes cannot be told apart here."
)
"""What stands below a table with marks."""

MEANS = "more vCPUs than the machine that measured has cores"
"""What a mark means, in a few words."""

_SIZES = {
    *("memory_mb", "as_good_mb", "failing_mb", "untestable_mb", "current_mb", "beaten_by_mb"),
    *("answer_mb", "cheapest_before_mb", "cheapest_after_mb", "power"),
}
"""Columns of memory sizes; others in MB are amounts of memory that was used."""


def marked_mb(size_mb: float, host: Host | None) -> str:
    """A size for an axis or a label, without its unit: "10,240†" beyond the host's cores."""
    beyond = host is not None and size_mb > host.largest_mb
    return f"{size_mb:,.0f}{DAGGER if beyond else ''}"


def marked_size(size_mb: float, host: Host | None) -> str:
    """The same with its unit: "10,240 MB†"."""
    plain = marked_mb(size_mb, host)
    return f"{plain.removesuffix(DAGGER)} MB{DAGGER if plain.endswith(DAGGER) else ''}"


def caption(host: Host | None, sizes_mb: Iterable[int], *, hatched: bool = True) -> str:
    """The explanation in the line under a figure's title, to be put behind it; "" without marks."""
    if host is None or not host.beyond(sizes_mb):
        return ""
    sign = f"{DAGGER} and hatched" if hatched else DAGGER
    return f"; {sign}: more vCPUs than this host's {host}, measured as {host}"


def in_words(host: Host | None, sizes_mb: Iterable[int]) -> str:
    """The same as a sentence of an alternative text, after a blank; "" without marks."""
    beyond = host.beyond(sizes_mb) if host else ()
    if host is None or not beyond:
        return ""
    have, were = ("has", "was") if len(beyond) == 1 else ("have", "were")
    return (
        f" {join_mb(beyond)} {have} more vCPUs than this host's {host} and {were} measured "
        f"as {host}."
    )


def first_beyond(frame: DataFrame) -> list[float]:
    """For each row the smallest size that its host could not tell from larger ones; else inf.

    What is marked of a function's rows (`beyond_cores`, `beyond_mb`) is so for all of them.
    """
    if BEYOND not in frame:
        return [math.inf] * len(frame)
    smallest: dict[str, float] = {}
    functions = _functions(frame)
    for function, row in zip(functions, frame.to_dict("records"), strict=True):
        sizes = [*(row.get("beyond_mb") or ())] + ([row["memory_mb"]] if row[BEYOND] else [])
        smallest[function] = min([smallest.get(function, math.inf), *sizes])
    return [smallest[function] for function in functions]


def marked_text(name: str, value: object, first_mb: float, money: Money = DOLLARS) -> str:
    """A cell's value for readers, with a dagger behind each size from `first_mb` on."""
    if name not in _SIZES:
        return text(name, value, money)
    if isinstance(value, tuple | list) and value:
        return f"{join(f'{size:,}{_mark(size, first_mb)}' for size in value)} MB"
    return text(name, value) + _mark(value, first_mb)


def _mark(size_mb: object, first_mb: float) -> str:
    return DAGGER if isinstance(size_mb, Real) and float(size_mb) >= first_mb else ""


def _functions(frame: DataFrame) -> list[str]:
    keys = [name for name in ("function", "architecture") if name in frame]
    rows: list[Mapping[str, object]] = frame[keys].to_dict("records")  # type: ignore[assignment]
    return [repr(list(row.values())) for row in rows] if keys else [""] * len(frame)
