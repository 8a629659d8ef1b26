"""`lambdatuning status`: the stack and its outputs."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from ..core.errors import UsageError, closest
from .manners import show
from .place import place
from .stack_view import output_lines
from .tuning_arguments import STACK


def add_arguments(parser: ArgumentParser) -> None:
    """Which stack."""
    parser.add_argument("--stack", default=STACK, help=f"name of the stack ({STACK})")
    parser.add_argument("--output", metavar="NAME", help="print this output of the stack alone")


def run(arguments: Namespace) -> int:
    """Print state and outputs."""
    from ..api.stack import status

    with place(arguments) as cloud:
        found = status(cloud, arguments.stack)
    if arguments.output:
        if arguments.output not in found.outputs:
            raise UsageError(
                f"no output {arguments.output}; {closest(arguments.output, found.outputs)}"
            )
        show(arguments, found.outputs[arguments.output], found.outputs[arguments.output])
        return 0
    origin = "" if found.is_ours else "not a stack of lambdatuning"
    head = "  ".join(filter(None, (found.name, found.state, found.reason, origin)))
    show(arguments, asdict(found), f"{head}\n{output_lines(found.outputs)}")
    return 0
