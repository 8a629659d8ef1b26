"""`lambdatuning tune`: one tuning run of one function."""

from argparse import ArgumentParser, Namespace

from .manners import confirm, progress
from .place import place
from .run_view import show_run
from .tuning_arguments import add_tuning_arguments, tuning_options


def add_arguments(parser: ArgumentParser) -> None:
    """The function, and everything about the run."""
    parser.add_argument("function", help="name or ARN of the function")
    add_tuning_arguments(parser, "adaptive; with --num, --cold or --state-machine grid")
    parser.add_argument("--table", default="", help="table for seed items and {{table}}")
    parser.add_argument(
        "--cold", default=0, help="measure so many cold starts a size on purpose (0)"
    )
    parser.add_argument(
        "--isolate", action="store_true", help="tune a copy of the function and remove it"
    )
    parser.add_argument(
        "--state-machine", metavar="ARN", help="another tuner, also AWS Lambda Power Tuning itself"
    )


def run(arguments: Namespace) -> int:
    """Tune, store, and say what to set."""
    from ..api.tuning import tune

    with place(arguments) as cloud:
        found = tune(
            cloud,
            arguments.function,
            arguments.payload,
            table=arguments.table,
            state_machine=arguments.state_machine,
            cold=arguments.cold,
            isolate=arguments.isolate,
            confirm=confirm(arguments),
            on_progress=progress(arguments),
            **tuning_options(arguments, _explored(arguments)),
        )
    show_run(arguments, found)
    return 0


def _explored(arguments: Namespace) -> str:
    """What says how often to measure, or needs the contract's own fields, asks for the grid."""
    grid = arguments.num is not None or arguments.state_machine or str(arguments.cold) != "0"
    return "grid" if grid else "adaptive"
