"""What AWS Lambda Power Tuning itself does, faults included: rules that no product path needs."""

from .power_tuning_logs import extract_duration, report_totals, tail_totals
from .power_tuning_payloads import convert_payload, generate_payloads, is_weighted
from .power_tuning_values import comparison_url, parse_json, region_of_arn
from .statistics import quantile_interval, trimmed_mean

__all__ = [
    "comparison_url",
    "convert_payload",
    "extract_duration",
    "generate_payloads",
    "is_weighted",
    "parse_json",
    "quantile_interval",
    "region_of_arn",
    "report_totals",
    "tail_totals",
    "trimmed_mean",
]
