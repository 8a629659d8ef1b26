"""`lambdatuning show`: the curves of a published visualization URL."""

import json
from argparse import ArgumentParser, Namespace

from .manners import show as show_result


def add_arguments(parser: ArgumentParser) -> None:
    """The URL."""
    parser.add_argument("url", help="visualization URL of Power Tuning, also a comparison of two")


def run(arguments: Namespace) -> int:
    """Print one line a size."""
    from ..api.executions import show

    frame = show(arguments.url)
    show_result(
        arguments, json.loads(frame.to_json(orient="records")), frame.to_string(index=False)
    )
    return 0
