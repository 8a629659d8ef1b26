"""`lambdatuning benchmark`: the stack's function, every payload type, one run."""

from argparse import ArgumentParser, Namespace

from .manners import confirm, progress
from .place import place
from .run_view import show_run
from .tuning_arguments import add_tuning_arguments, tuning_options


def add_arguments(parser: ArgumentParser) -> None:
    """Everything about the run."""
    add_tuning_arguments(parser, "grid")
    parser.add_argument("--template", default="template.yaml", help="deployed if there is no stack")


def run(arguments: Namespace) -> int:
    """Deploy if needed, seed, tune, store, and say what to set."""
    from ..api.tuning import benchmark

    with place(arguments) as cloud:
        found = benchmark(
            cloud,
            template=arguments.template,
            payload=arguments.payload,
            confirm=confirm(arguments),
            on_progress=progress(arguments),
            **tuning_options(arguments, "grid"),
        )
    show_run(arguments, found)
    return 0
