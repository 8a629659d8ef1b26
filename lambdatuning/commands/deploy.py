"""`lambdatuning deploy`: package, show the change set, ask, execute, print the outputs."""

from argparse import ArgumentParser, Namespace

from ..core.errors import UsageError
from .manners import confirm, say, show
from .place import place
from .stack_view import event_line, output_lines
from .tuning_arguments import STACK


def add_arguments(parser: ArgumentParser) -> None:
    """Stack, template and parameters."""
    parser.add_argument("--stack", default=STACK, help=f"name of the stack ({STACK})")
    parser.add_argument("--template", default="template.yaml", help="SAM template (template.yaml)")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="template parameter (repeatable)",
    )


def run(arguments: Namespace) -> int:
    """Deploy; the outputs go to stdout."""
    from ..api.stack import deploy

    with place(arguments) as cloud:
        outputs = deploy(
            cloud,
            arguments.stack,
            template=arguments.template,
            parameters=_parameters(arguments.parameter),
            confirm=confirm(arguments),
            on_event=lambda event: None if arguments.quiet else say(event_line(event)),
        )
    show(arguments, outputs, output_lines(outputs))
    return 0


def _parameters(given: list[str]) -> dict[str, str]:
    found = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {entry}: write NAME=VALUE")
        found[name] = value
    return found
