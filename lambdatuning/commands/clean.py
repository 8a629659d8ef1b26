"""`lambdatuning clean`: put back what a dead run left on a function."""

import time
from argparse import ArgumentParser, Namespace

from .manners import confirm, show
from .place import place


def add_arguments(parser: ArgumentParser) -> None:
    """Which function."""
    parser.add_argument("function", help="name or ARN of the function")


def run(arguments: Namespace) -> int:
    """List what is ours, ask, put it back."""
    from ..cloud.tuning.cleaning import clean_function, describe_remains, remains

    with place(arguments) as cloud:
        found = remains(cloud, arguments.function)
        if not found.lines:
            done: list[str] = []
        else:
            confirm(arguments)(describe_remains(found), "put all of this back?")
            done = clean_function(cloud, found, time.sleep)
    show(arguments, done, "\n".join(done) or f"nothing of ours is left on {arguments.function}")
    return 0
