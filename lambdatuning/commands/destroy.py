"""`lambdatuning destroy`: list, ask, empty, remove, and see that nothing is left."""

from argparse import ArgumentParser, Namespace

from .manners import confirm, say, show
from .place import place
from .stack_view import event_line
from .tuning_arguments import STACK


def add_arguments(parser: ArgumentParser) -> None:
    """Which stack."""
    parser.add_argument("--stack", default=STACK, help=f"name of the stack ({STACK})")


def run(arguments: Namespace) -> int:
    """Remove the stack."""
    from ..api.stack import destroy

    with place(arguments) as cloud:
        plan = destroy(
            cloud,
            arguments.stack,
            confirm=confirm(arguments),
            on_event=lambda event: None if arguments.quiet else say(event_line(event)),
        )
    removed = {"stack": plan.stack_name, "resources": len(plan.resources), "objects": plan.objects}
    show(arguments, removed, f'the stack "{plan.stack_name}" is gone, and nothing of it is left')
    return 0
