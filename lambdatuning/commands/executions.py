"""`lambdatuning executions`: past executions of a tuner, ours or AWS Lambda Power Tuning's."""

import json
from argparse import ArgumentParser, Namespace

from ..core.options import whole_number
from .manners import show
from .place import place

_SHOWN = [
    "execution",
    "function",
    "status",
    "strategy",
    "power",
    "cost_usd",
    "duration_ms",
    "cause",
]


def add_arguments(parser: ArgumentParser) -> None:
    """Which state machine, and how many."""
    parser.add_argument("state_machine", help="ARN of the state machine")
    parser.add_argument("--limit", default=100, help="newest so many (100)")


def run(arguments: Namespace) -> int:
    """Print one line an execution, newest first; a run without an answer is a failed one."""
    from ..api.executions import executions

    limit = whole_number("--limit", arguments.limit)
    with place(arguments) as cloud:
        frame = executions(cloud, arguments.state_machine, limit=limit)
    text = "no execution yet" if frame.empty else frame[_SHOWN].to_string(index=False)
    show(arguments, json.loads(frame.to_json(orient="records", date_format="iso")), text)
    return 0
