"""What a stack is and says of itself, followed while CloudFormation works on it."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...core.errors import NotFoundError, StackError, UsageError
from ..session import Cloud

OURS = "lambdatuning"
"""The tag of our stacks, with the stack's name as its value. No organisation demands a tag of that
name, in any case of letters: IAM takes keys that differ by case alone for the same."""


@dataclass(frozen=True)
class StackStatus:
    """A stack as CloudFormation describes it; `state` is CREATE_COMPLETE and the like, and a
    `protected` one is not deleted."""

    name: str
    id: str
    state: str
    reason: str
    description: str
    changed_at: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    protected: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it was made of our template: no other stack is ever touched."""
        older = self.tags.get("project") == OURS
        return OURS in self.tags or older or self.description.startswith(OURS)


@dataclass(frozen=True)
class StackResource:
    """One resource of a stack; `physical_id` is its name or ARN."""

    logical_id: str
    type: str
    physical_id: str
    state: str


def status(cloud: Cloud, stack_name: str) -> StackStatus:
    """The stack of that name or ARN; NotFoundError where there is none."""
    stack = find(cloud, stack_name)
    if stack is None:
        raise NotFoundError(
            f'no stack "{stack_name}" in {cloud.region} of account {cloud.account_id}; '
            "run `lambdatuning deploy` first (with --tuner-only for functions of your own)"
        )
    return stack


def find(cloud: Cloud, stack_name: str) -> StackStatus | None:
    """The stack, or None; a deleted stack is found by its ARN alone."""
    try:
        answer = cloud.client("cloudformation").describe_stacks(StackName=stack_name)
    except ClientError as exc:
        if "does not exist" in exc.response["Error"]["Message"]:
            return None
        raise
    return _status(cloud, answer["Stacks"][0])


def resources(cloud: Cloud, stack_id: str) -> Iterator[StackResource]:
    """Every resource of the stack, also of one that is deleted (by its ARN)."""
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=stack_id):
        for entry in page["StackResourceSummaries"]:
            yield StackResource(
                entry["LogicalResourceId"],
                entry["ResourceType"],
                entry.get("PhysicalResourceId", ""),
                entry["ResourceStatus"],
            )


def deployed_bucket(cloud: Cloud, stack_id: str) -> str:
    """The bucket with the code of a stack, as its template names it; "" where nobody may ask."""
    client = cloud.client("cloudformation")
    try:
        body = client.get_template(StackName=stack_id, TemplateStage="Original")["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
    except (ClientError, BotoCoreError, ValueError):
        return ""
    for resource in template.get("Resources", {}).values():
        code = resource.get("Properties", {}).get("CodeUri")
        if isinstance(code, dict) and "Bucket" in code:
            return str(code["Bucket"])
    return ""


def check_stack_name(name: str) -> None:
    """UsageError for a name that CloudFormation does not take."""
    if not re.fullmatch("[A-Za-z][A-Za-z0-9-]{0,127}", name):
        raise UsageError(
            f'--stack "{name}": a stack has a letter first, then letters, digits and hyphens'
        )


def refuse_foreign(stack: StackStatus) -> None:
    """StackError for a stack that was not made of our template."""
    if not stack.is_ours:
        raise StackError(
            f'the stack "{stack.name}" is not of lambdatuning ({stack.description or "no text"}); '
            "pass another name: --stack NAME"
        )


def _status(cloud: Cloud, stack: Mapping[str, Any]) -> StackStatus:
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", ())}
    return StackStatus(
        name=stack["StackName"],
        id=stack["StackId"],
        state=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        description=stack.get("Description", ""),
        changed_at=str(stack.get("LastUpdatedTime") or stack.get("CreationTime", "")),
        tags={tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())},
        parameters={
            p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", ())
        },
        outputs=_reachable(cloud, outputs),
        protected=bool(stack.get("EnableTerminationProtection")),
    )


def _reachable(cloud: Cloud, outputs: dict[str, str]) -> dict[str, str]:
    """The outputs with the API's address on a loopback endpoint, where its own has no DNS name."""
    if cloud.endpoint_url and {"ApiUrl", "ApiId", "StageName"} <= outputs.keys():
        path = outputs["ApiUrl"].rsplit("/", 1)[1]
        base = f"{cloud.endpoint_url}/restapis/{outputs['ApiId']}/{outputs['StageName']}"
        return {**outputs, "ApiUrl": f"{base}/_user_request_/{path}"}
    return outputs


# Following a stack while CloudFormation works on it.


FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PATIENCE_S = 3600.0


@dataclass(frozen=True)
class StackEvent:
    """One line of a stack's history; a hook that refuses has its own type, state and reason."""

    at: str
    logical_id: str
    type: str
    state: str
    reason: str
    is_stack: bool
    physical_id: str = ""

    @property
    def is_end(self) -> bool:
        """Whether the stack rests after it."""
        return self.is_stack and not self.state.endswith("_IN_PROGRESS")


@dataclass(frozen=True)
class Waiting:
    """How to wait: a monotonic clock in seconds, `sleep`, and the patience."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    patience_s: float = PATIENCE_S

    def pauses(self, what: str) -> Iterator[None]:
        """One turn a pause, each longer than the last; StackError when patience is over."""
        deadline, pause_s = self.clock() + self.patience_s, FIRST_PAUSE_S
        while self.clock() < deadline:
            yield
            self.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 1.3)
        raise StackError(
            f"{what} takes over {self.patience_s:.0f} s; `lambdatuning status` tells how it goes on"
        )


WAITING = Waiting(time.monotonic, time.sleep)


def seen_events(cloud: Cloud, stack_id: str) -> frozenset[str]:
    """The IDs of the events up to now, which `follow` leaves out."""
    return frozenset(_identity(event) for event in _events(cloud, stack_id))


def follow(
    cloud: Cloud,
    stack_id: str,
    earlier: frozenset[str],
    on_event: Callable[[StackEvent], None],
    waiting: Waiting,
) -> list[StackEvent]:
    """Every event after those `earlier`, oldest first, until the stack rests.

    The events and not the stack's state are believed, since the state may still be the old one
    just after a change has started.
    """
    passed, events = set(earlier), list[StackEvent]()
    for _ in waiting.pauses(f"the stack {stack_id.split('/')[1]}"):
        fresh = _until_known(cloud, stack_id, passed)
        passed.update(_identity(entry) for entry in fresh)
        for entry in reversed(fresh):
            events.append(_event(entry))
            on_event(events[-1])
        if outcome(events).is_end:
            return events
    raise AssertionError("pauses end with an error")


def delete(
    cloud: Cloud,
    stack_id: str,
    on_event: Callable[[StackEvent], None] = lambda _: None,
    waiting: Waiting = WAITING,
    role_arn: str = "",
) -> StackEvent:
    """Delete the stack of that ARN; its last event, DELETE_COMPLETE or DELETE_FAILED.

    By the role `role_arn`, else by the one that the stack was deployed with.
    """
    earlier = seen_events(cloud, stack_id)
    role = {"RoleARN": role_arn} if role_arn else {}
    cloud.client("cloudformation").delete_stack(StackName=stack_id, **role)
    return outcome(follow(cloud, stack_id, earlier, on_event, waiting))


def outcome(events: list[StackEvent]) -> StackEvent:
    """The last event of the stack itself; one still in progress where there is none yet."""
    nothing_yet = StackEvent("", "", "", "UNKNOWN_IN_PROGRESS", "", is_stack=True)
    return next((event for event in reversed(events) if event.is_stack), nothing_yet)


def failures(events: list[StackEvent]) -> str:
    """Which resources failed first and why; what only stopped because of them is left out."""
    failing = [
        event
        for event in events
        if event.state.endswith("_FAILED") and not event.is_stack and not _is_echo(event.reason)
    ]
    # What could not be deleted afterwards is no cause, and named by itself.
    causes = [event for event in failing if event.state != "DELETE_FAILED"] or failing
    failed = [f"{e.logical_id} ({e.type}): {e.reason or 'no reason given'}" for e in causes]
    stack = [event.reason for event in events if event.is_stack and event.reason]
    return " ".join("; ".join(failed[:3] or stack[:1] or ["no reason given"]).split())


def not_deleted(events: list[StackEvent]) -> str:
    """Which resources CloudFormation tried to delete, last in vain, and why; "" for none."""
    last = {e.logical_id: e for e in events if e.state.startswith("DELETE_") and not e.is_stack}
    left = [
        f"{event.type} {event.physical_id or event.logical_id} ({event.reason})"
        for event in last.values()
        if event.state == "DELETE_FAILED"
    ]
    return " ".join("; ".join(left).split())


def _is_echo(reason: str) -> bool:
    return "cancelled" in reason.lower() or reason.startswith("The following hook(s) failed")


def _until_known(cloud: Cloud, stack_id: str, passed: set[str]) -> list[dict[str, Any]]:
    """New events, newest first; the pages of a long history are read no further than needed."""
    fresh = []
    for event in _events(cloud, stack_id):
        if _identity(event) in passed:
            break
        fresh.append(event)
    return fresh


def _events(cloud: Cloud, stack_id: str) -> Iterator[dict[str, Any]]:
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events")
    for page in pages.paginate(StackName=stack_id):
        yield from page["StackEvents"]


def _identity(entry: dict[str, Any]) -> str:
    """What tells an event from others: those of one run of a hook share their EventId."""
    return f"{entry['EventId']}{entry.get('HookStatus', '')}"


def _event(entry: dict[str, Any]) -> StackEvent:
    # A hook that only warns fails without consequence.
    stopped = entry.get("HookStatus", "").endswith("_FAILED") and (
        entry.get("HookFailureMode") == "FAIL"
    )
    return StackEvent(
        at=str(entry["Timestamp"]),
        logical_id=entry["LogicalResourceId"],
        type=entry["HookType"] if stopped else entry["ResourceType"],
        state=entry["HookStatus"] if stopped else entry["ResourceStatus"],
        reason=entry.get("HookStatusReason" if stopped else "ResourceStatusReason", ""),
        is_stack=entry.get("PhysicalResourceId") == entry["StackId"] and not stopped,
        physical_id=entry.get("PhysicalResourceId", ""),
    )
