"""Where to work, and the stack: an embedded AWS, deploying, describing, removing."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..cloud import stack as stacks
from ..cloud.aws_errors import explaining, undoing
from ..cloud.session import Cloud, connect
from ..core.errors import StackError
from ..core.progress import OnProgress, Progress
from ..core.validation import checked
from ..workspace import resources
from ..workspace.extras import require
from ..workspace.settings import read_settings
from .consent import Confirm, agree, describe_changes, describe_removal


@contextmanager
def embedded(*, limiter: str = "auto", settle: str = "strict") -> Iterator[Cloud]:
    """Start an embedded AWS, connect to it, and stop it at the end.

    While it runs, the environment points AWS tools and child processes (a notebook's kernel) to
    it. UsageError when the extra `local` is not installed.
    """
    require("local")
    from ..local.endpoint import start

    with start(limiter=limiter, settle=settle) as endpoint:
        before = dict(os.environ)
        os.environ.pop("AWS_PROFILE", None)
        os.environ.update(endpoint.environment)
        try:
            yield connect(endpoint_url=endpoint.url, region=endpoint.region)
        finally:
            os.environ.clear()
            os.environ.update(before)


# Deploying, describing and removing the stack.


OnEvent = Callable[[stacks.StackEvent], None]


def stack_name(stack: str = "") -> str:
    """The stack named, else the project's: `stack` of its settings, else "lambdatuning"."""
    return stack or str(read_settings()["stack"])


@explaining()
@checked
def deploy(
    cloud: Cloud,
    stack: str = "",
    *,
    template: str | Path = "",
    parameters: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    role_arn: str = "",
    bucket: str = "",
    tuner_only: bool | None = None,
    confirm: Confirm = agree,
    on_event: OnEvent = lambda _: None,
) -> dict[str, str]:
    """Deploy or update the stack and return its outputs; no changes is success.

    `template` "" is the project's, else the package's. `tags`, those of the project's settings
    unless given, are added to those that the stack has, which every resource gets. `tuner_only`
    leaves the example (function, table, API) out, or removes it; False brings it back. Parameters
    that are not given stay as they were. `role_arn` is a
    role by which CloudFormation works in the caller's place, `bucket` one of the organisation's for
    the code packages; an update keeps those of before. `confirm` is shown the change set and asked
    before anything changes. StackError names the resource that failed and why; nothing half-made
    is left.
    """
    settings, stack = read_settings(), stack_name(stack)
    file = resources.template(template, settings).path
    labels = dict(settings["tags"] if tags is None else tags)
    values = dict(parameters or {})
    if tuner_only is not None:
        values["Example"] = str(not tuner_only).lower()
    options = stacks.DeployOptions(stack, file, values, labels, role_arn, bucket)
    plan = stacks.plan_deploy(cloud, options)
    if plan.changes:
        with undoing(lambda: stacks.discard(cloud, plan), f"the change set {plan.change_set_id}"):
            confirm(describe_changes(plan), f'deploy these changes to the stack "{stack}"?')
    with _says_what_goes_on(f'CloudFormation goes on with the stack "{stack}"'):
        return stacks.execute(cloud, plan, on_event)


def deploying(on_progress: OnProgress, clock: Callable[[], float]) -> OnEvent:
    """Tells each event of a deployment as progress: it takes minutes on AWS."""
    started_s = clock()

    def report(event: stacks.StackEvent) -> None:
        now = f"{event.logical_id} {event.state}"
        on_progress(Progress("deploying", 0, 0, clock() - started_s, detail=now))

    return report


@explaining()
@checked
def status(cloud: Cloud, stack: str = "") -> stacks.StackStatus:
    """The stack's state and outputs; NotFoundError when it is not there."""
    return stacks.status(cloud, stack_name(stack))


def usable_outputs(cloud: Cloud, stack: str = "") -> Mapping[str, str]:
    """The outputs of a stack that can be used; StackError says what to do about another.

    NotFoundError when it is not there.
    """
    stack = stack_name(stack)
    current = stacks.status(cloud, stack)
    if not current.is_ours or "StateMachineArn" not in current.outputs:
        state = f"{current.state} {current.reason}".strip()
        raise StackError(
            f'the stack "{stack}" is in {state}: run `lambdatuning destroy` and '
            "`lambdatuning deploy`, or pass --stack with another name"
        )
    return current.outputs


def outputs_with_example(outputs: Mapping[str, str], stack: str = "") -> Mapping[str, str]:
    """The same; StackError where the stack is the tuner alone."""
    if "FunctionName" not in outputs:
        raise StackError(
            f'the stack "{stack_name(stack)}" has the tuner alone: `lambdatuning tune FUNCTION`, '
            "or `lambdatuning deploy --with-example` first"
        )
    return outputs


@explaining()
@checked
def destroy(
    cloud: Cloud,
    stack: str = "",
    *,
    role_arn: str = "",
    confirm: Confirm = agree,
    on_event: OnEvent = lambda _: None,
) -> stacks.DestroyPlan:
    """Remove the stack with all that is in it, its bucket's samples included; what was removed.

    By the role that it was deployed with, or by `role_arn`. `confirm` is
    shown the list and asked first. StackError says what is left and what to do.
    """
    stack = stack_name(stack)
    plan = stacks.plan_destroy(cloud, stack, role_arn)
    confirm(describe_removal(plan), f'remove the stack "{stack}" with all of this?')
    again = f'the stack "{stack}" is removed in part: destroy it again'
    with _says_what_goes_on(again):
        return stacks.execute_destroy(cloud, plan, on_event)


@contextmanager
def _says_what_goes_on(words: str) -> Iterator[None]:
    """Ctrl-C ends the waiting alone, and says so."""
    try:
        yield
    except KeyboardInterrupt:
        message = f"stopped waiting; {words}; `lambdatuning status` tells how it is"
        raise KeyboardInterrupt(message) from None
