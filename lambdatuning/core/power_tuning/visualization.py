"""The visualization URL of AWS Lambda Power Tuning: written, and read back from anyone's results.

The fragment holds base64 of little-endian Int16 sizes, Float32 durations (ms) and Float32 costs,
joined by ";". A comparison holds two such triples and then the two names, percent-encoded.
"""

import base64
import binascii
import html
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from ..errors import UsageError
from ..format import format_mb
from ..sizes import MAX_MB, MIN_MB
from ..strategies import CurvePoint

DEFAULT_BASE_URL = "https://lambda-power-tuning.show/"

_LIST = re.compile(r"[A-Za-z0-9+/_-]+=*")
_CURRENCY = re.compile(r"[?&]currency=([A-Za-z]{3})\b")
_MAX_FLOAT32 = 3.4028235677973366e38  # the first double that rounds to infinity


@dataclass(frozen=True)
class PublishedCurve:
    """One published curve, ordered by size; `name` is "" unless it comes from a comparison.

    Costs are in `currency`: dollars, or what the URL says.
    """

    points: tuple[CurvePoint, ...]
    name: str = ""
    currency: str = "USD"


def decode_visualization(url: str) -> tuple[PublishedCurve, ...]:
    """The runs of a visualization URL (or of its fragment alone): one, or two if it compares.

    The host does not matter, nor what a page, a mail or a redirecting link put around or behind
    it. UsageError where it is no such URL, or has sizes that no function has. Durations and costs
    have the precision of Float32. `?currency=CNY`, as Power Tuning writes it in China's regions, is
    the currency of the costs.
    """
    text = _unescaped(url)
    currency = (
        currency_part[1].upper() if (currency_part := _CURRENCY.search(unquote(text))) else "USD"
    )
    parts = _fragment(text).split(";")
    if len(parts) == 8:
        names = [unquote(part) for part in parts[6:]]
        return (
            PublishedCurve(_points(parts[:3]), names[0], currency),
            PublishedCurve(_points(parts[3:6]), names[1], currency),
        )
    while len(parts) > 3 and not parts[-1]:
        parts.pop()
    if len(parts) == 3:
        return (PublishedCurve(_points([*parts[:2], _without_tail(parts[2])]), currency=currency),)
    raise UsageError(
        "not a visualization URL: after # there must be 3 parts, or 8 for a comparison, "
        f"separated by semicolons; found {len(parts)}"
    )


def encode_arrays(
    sizes_mb: Sequence[float], durations_ms: Sequence[float], costs_usd: Sequence[float]
) -> str:
    """The fragment for columns as they stand."""
    sizes = struct.pack(f"<{len(sizes_mb)}H", *[_wrapped(size) for size in sizes_mb])
    return ";".join((_base64(sizes), _base64(_floats(durations_ms)), _base64(_floats(costs_usd))))


def decode_arrays(parts: Sequence[str]) -> tuple[list[int], list[float], list[float]]:
    """The three columns of a fragment's parts, sizes as the signed Int16 that they are."""
    sizes, durations, costs = (_bytes(part) for part in parts)
    if len(sizes) % 2 or len(durations) % 4 or len(costs) % 4:
        raise UsageError("not a visualization URL: its numbers are cut off; copy it whole")
    return (
        list(struct.unpack(f"<{len(sizes) // 2}h", sizes)),
        list(struct.unpack(f"<{len(durations) // 4}f", durations)),
        list(struct.unpack(f"<{len(costs) // 4}f", costs)),
    )


def _unescaped(url: str) -> str:
    """The URL without what JSON (\\u003d), HTML (&#x3D;) and mail (line breaks) made of it."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), url)
    # Only whole entities: "&currency=" begins like one.
    text = re.sub(r"&#?\w+;", lambda entity: html.unescape(entity[0]), text)
    return re.sub(r"\s+", "", text)


def _fragment(url: str) -> str:
    """What holds the numbers: the part behind a # with the most semicolons, also of a link that
    was escaped whole to be part of another one."""
    text = url.strip().removeprefix("<").removesuffix(">")
    if ";" not in text:
        text = unquote(text)
    return max(text.split("#"), key=lambda part: part.count(";")).strip()


def _without_tail(part: str) -> str:
    """The last list without a query, a bracket or a full stop behind it."""
    list_part = _LIST.match(unquote(part))
    return list_part[0] if list_part else part


def _points(parts: Sequence[str]) -> tuple[CurvePoint, ...]:
    columns = decode_arrays([_repadded(part) for part in parts])
    if len({len(column) for column in columns}) != 1:
        raise UsageError("not a visualization URL: its three lists differ in length; copy it whole")
    rows = zip(*columns, strict=True)
    points = tuple(CurvePoint(size, duration, cost) for size, duration, cost in rows)
    _refuse_impossible(points)
    return points


def _refuse_impossible(points: Sequence[CurvePoint]) -> None:
    """UsageError for a curve that nobody measured: damaged on its way, or made up."""
    sizes = [point.memory_mb for point in points]
    if not sizes:
        raise UsageError("not a visualization URL: it holds no memory size; copy it whole")
    impossible = [size for size in sizes if not MIN_MB <= size <= MAX_MB]
    if impossible:
        raise UsageError(
            f"not a visualization URL: it has a size of {format_mb(impossible[0])}, and functions "
            f"have {MIN_MB} to {MAX_MB}; copy it again"
        )
    if len(set(sizes)) != len(sizes):
        raise UsageError("not a visualization URL: a size is there twice; copy it again")
    values = [value for point in points for value in (point.duration_ms, point.cost_usd)]
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise UsageError(
            "not a visualization URL: a duration or cost is no number above 0; copy it again"
        )


def _wrapped(size: float) -> int:
    """JavaScript's conversion to 16 bits: towards zero, modulo 2^16, 0 for what is no number."""
    return int(size) % 65_536 if math.isfinite(size) else 0


def _floats(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *[_float32(value) for value in values])


def _float32(value: float) -> float:
    """`struct` refuses what is too large for Float32, JavaScript makes it infinite."""
    if math.isnan(value):
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= _MAX_FLOAT32 else value


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _repadded(part: str) -> str:
    """Mail and chat programs escape the padding of a URL, or lose it."""
    plain = unquote(part).rstrip("=")
    return plain + "=" * (-len(plain) % 4)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise UsageError("not a visualization URL: a part is not base64; copy it whole") from exc
