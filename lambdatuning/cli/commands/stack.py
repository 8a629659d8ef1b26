"""`lambdatuning deploy`, `status` and `destroy`: the stack."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ...core.errors import UsageError, closest
from ...workspace import resources
from ..options import pairs, stack_option, template_option
from ..session import Session, session_options

if TYPE_CHECKING:
    from ...cloud.stack.destroy import DestroyPlan
    from ...cloud.stack.status import StackEvent


role_option = click.option(
    "--role-arn",
    default="",
    metavar="ARN",
    help="Role by which CloudFormation works (default: the one of before, else your own rights).",
)


@click.command()
@stack_option
@template_option
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Template parameter (repeatable).",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="KEY=VALUE",
    help="Tag of the stack and of all in it, added to those that it has (repeatable).",
)
@role_option
@click.option(
    "--bucket",
    default="",
    metavar="NAME",
    help="Bucket of the organisation's for code packages (default: one of our own is made).",
)
@click.option(
    "--tuner-only/--with-example",
    default=None,
    help="Leave the example (function, table, API) out, or bring it back (default: as it was).",
)
@session_options
def deploy(
    session: Session,
    stack: str,
    template: str | None,
    parameters: tuple[str, ...],
    tags: tuple[str, ...],
    role_arn: str,
    bucket: str,
    tuner_only: bool | None,
) -> None:
    """Deploy or update the stack: package, show the change set, ask, execute, print the outputs.

    A parameter that is not given stays as it was.
    """
    from ...api.stack import deploy

    file = resources.template(template)
    session.output.taken("template", file)
    with session.connected() as cloud:
        outputs = deploy(
            cloud,
            stack,
            template=file.path,
            parameters=pairs("--parameter", parameters),
            tags=pairs("--tag", tags, "KEY"),
            role_arn=role_arn,
            bucket=bucket,
            tuner_only=tuner_only,
            confirm=session.output.confirm,
            on_event=session.output.event_listener(event_line),
        )
    session.output.show(outputs, output_lines(outputs))


@click.command()
@stack_option
@click.option("--output", "name", metavar="NAME", help="Print this output of the stack alone.")
@session_options
def status(session: Session, stack: str, name: str | None) -> None:
    """Show the stack's state and its outputs."""
    from ...api.stack import status

    with session.connected() as cloud:
        state = status(cloud, stack)
    if name:
        if name not in state.outputs:
            raise UsageError(f"no output {name}; {closest(name, state.outputs)}")
        session.output.show(state.outputs[name], state.outputs[name])
        return
    origin = "" if state.is_ours else "not a stack of lambdatuning"
    head = "  ".join(filter(None, (state.name, state.state, state.reason, origin)))
    session.output.show(asdict(state), f"{head}\n{output_lines(state.outputs)}")


@click.command()
@stack_option
@role_option
@session_options
def destroy(session: Session, stack: str, role_arn: str) -> None:
    """Remove the stack and all that is in it: list, ask, empty, remove, check."""
    plan = remove(session, stack, role_arn)
    removed = {
        "stack": plan.stack_name,
        "resources": len(plan.resources),
        "objects": plan.objects,
        "notes": list(plan.notes),
    }
    end = f"; {'; '.join(plan.notes)}" if plan.notes else ", and nothing of it is left"
    session.output.show(removed, f'the stack "{plan.stack_name}" is gone{end}')


def remove(session: Session, stack: str, role_arn: str = "") -> "DestroyPlan":
    """Remove a stack once its list was agreed to, its events shown; what was removed."""
    from ...api.stack import destroy

    with session.connected() as cloud:
        return destroy(
            cloud,
            stack,
            role_arn=role_arn,
            confirm=session.output.confirm,
            on_event=session.output.event_listener(event_line),
        )


def event_line(event: "StackEvent") -> str:
    """One event of a deployment."""
    reason = f"  {event.reason}" if event.reason else ""
    return f"  {event.state:<20} {event.logical_id} ({event.type}){reason}"


def output_lines(outputs: Mapping[str, str]) -> str:
    """The outputs, one a line."""
    width = max((len(name) for name in outputs), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in sorted(outputs.items()))
