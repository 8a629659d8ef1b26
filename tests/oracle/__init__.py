"""What AWS Lambda Power Tuning itself does, faults included: rules that no product path needs."""

from .power_tuning_logs import extract_duration, report_totals, tail_totals
from .power_tuning_payloads import convert_payload, generate_payloads, is_weighted

__all__ = [
    "convert_payload",
    "extract_duration",
    "generate_payloads",
    "is_weighted",
    "report_totals",
    "tail_totals",
]
