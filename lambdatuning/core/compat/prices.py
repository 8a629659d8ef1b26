"""Power Tuning's own price tables (its template.yml): rounded, and with a silent default."""

from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from .javascript import to_fixed, to_number, to_string

_CHINA = 1.42e-8

_USD_PER_MS_AT_128_MB: Mapping[str, Mapping[str, float]] = {
    "x86_64": {
        "default": 2.1e-9,
        "ap-east-1": 2.9e-9,
        "af-south-1": 2.8e-9,
        "me-south-1": 2.6e-9,
        "eu-south-1": 2.4e-9,
        "ap-northeast-3": 2.7e-9,
        "cn-north-1": _CHINA,
        "cn-northwest-1": _CHINA,
    },
    "arm64": {"default": 1.7e-9},
}

_USD_PER_TRANSITION: Mapping[str, float] = {
    "default": 0.000025,
    "us-gov-west-1": 0.00003,
    "us-gov-east-1": 0.00003,
    "ap-northeast-2": 0.0000271,
    "eu-south-1": 0.00002625,
    "af-south-1": 0.00002975,
    "us-west-1": 0.0000279,
    "eu-west-3": 0.0000297,
    "ap-east-1": 0.0000275,
    "me-south-1": 0.0000275,
    "ap-south-1": 0.0000285,
    "sa-east-1": 0.0000375,
    "cn-north-1": 0.0001891,
    "cn-northwest-1": 0.0001891,
}


def lambda_base_cost(region: str, architecture: Any) -> float:
    """USD for one millisecond at 128 MB; the default for any region that the table lacks.

    UsageError for an architecture other than x86_64 and arm64.
    """
    if not isinstance(architecture, str) or architecture not in _USD_PER_MS_AT_128_MB:
        raise UsageError(f"Unsupported architecture: {to_string(architecture)}")
    table = _USD_PER_MS_AT_128_MB[architecture]
    return table.get(region, table["default"])


def step_functions_cost(
    sizes: float, *, region: str, only_cold_starts: bool = False, num: Any = 0
) -> float:
    """USD of its state transitions, rounded to five places.

    6 + 3 * sizes of them, or 6 + sizes + 2 * sizes * num where each cold start has an alias.

    >>> step_functions_cost(6, region="eu-west-1")
    0.0006
    """
    transitions = 6 + sizes * 3
    if only_cold_starts:
        transitions = 6 + sizes + 2 * sizes * to_number(num)
    unit = _USD_PER_TRANSITION.get(region, _USD_PER_TRANSITION["default"])
    return to_number(to_fixed(unit * transitions, 5))
