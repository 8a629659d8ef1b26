"""AWS Lambda Power Tuning 4.4.0 to the last bit: what its own fields say, faults and all.

The contract's fields follow these rules, so that a user's scripts see the numbers that they know:
prices rounded as in its own table, its trimmed means, JavaScript's rounding, its reading of logs.
Our own answers never come from here; they stand beside, from `core.report`, `core.billing` and
`core.statistics`.
"""

from .analyzer import analyse
from .logs import extract_duration, report_totals, tail_totals
from .payloads import convert_payload, generate_payloads, is_weighted
from .prices import lambda_base_cost, step_functions_cost
from .rules import average_duration, price, region_of_arn, size_statistics, total_cost

__all__ = [
    "analyse",
    "average_duration",
    "convert_payload",
    "extract_duration",
    "generate_payloads",
    "is_weighted",
    "lambda_base_cost",
    "price",
    "region_of_arn",
    "report_totals",
    "size_statistics",
    "step_functions_cost",
    "tail_totals",
    "total_cost",
]
