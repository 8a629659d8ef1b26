"""What AWS Lambda Power Tuning reads and writes beside what the product does: JSON as V8 reads it,
the region of an ARN, and the URL that compares two curves."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from lambdatuning.core.errors import UsageError
from lambdatuning.core.power_tuning.javascript import to_string
from lambdatuning.core.power_tuning.visualization import (
    DEFAULT_BASE_URL,
    PublishedCurve,
    encode_arrays,
)
from lambdatuning.core.strategies import CurvePoint

_UNRESERVED = "!'()*~-._"  # what JavaScript's encodeURIComponent leaves as it is


def parse_json(text: str) -> Any:
    """`JSON.parse(text)`: without NaN, and every number a double. ValueError if it fails."""
    return json.loads(text, parse_int=float, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def region_of_arn(arn: Any) -> str:
    """The fourth of an ARN's seven parts; UsageError for more parts (a qualified ARN) or fewer."""
    if not isinstance(arn, str) or arn.count(":") != 6:
        raise UsageError(f"Invalid ARN: {to_string(arn)}")
    return arn.split(":")[3]


def comparison_url(
    first: PublishedCurve, second: PublishedCurve, base_url: str = DEFAULT_BASE_URL
) -> str:
    """The URL that draws two named curves in one picture."""
    curves = [encode_points(run.points) for run in (first, second)]
    names = [quote(run.name, safe=_UNRESERVED) for run in (first, second)]
    return f"{base_url}#{';'.join(curves + names)}"


def visualization_url(
    points: Iterable[CurvePoint], base_url: str = DEFAULT_BASE_URL, region: str = ""
) -> str:
    """The URL that draws a curve; in China's regions it asks for yuan, as Power Tuning's does.

    >>> visualization_url([CurvePoint(128, 100.0, 2.1e-7)])
    'https://lambda-power-tuning.show/#gAA=;AADIQg==;XHxhNA=='
    """
    currency = "?currency=CNY" if region.startswith("cn-") else ""
    return f"{base_url}{currency}#{encode_points(points)}"


def encode_points(points: Iterable[CurvePoint]) -> str:
    """The fragment of the URL, ordered by size; equal sizes keep their order."""
    ordered = sorted(points, key=lambda point: point.memory_mb)
    return encode_arrays(
        [point.memory_mb for point in ordered],
        [point.duration_ms for point in ordered],
        [point.cost_usd for point in ordered],
    )
