"""Switches that make the embedded AWS as strict as an account can be, read from a JSON file.

`{"iam": true, "deny": ["lambda:PublishVersion"], "throttle_every": 7, "update_s": 5, "logs_s": 12,
"kill": {"function": "TunerControl", "call": 3}}`: every call is authorised by its caller's own
policies (ministack's evaluator), and a state machine's tasks by its role's; a service control
policy denies actions, every seventh call of the control plane is throttled, a changed function
takes 5 s to settle, log lines are found after 12 s, and the environment that makes a call is killed
before it has the answer (a file that ends in `.killed` then says so). `"wait_scale": 0.1` makes
what state machines wait, between tries as well, a tenth as long. The file is read again whenever it
changes. The key that the embedded AWS hands out belongs to its owner, who may do everything. What
CloudFormation does for a stack is authorised as well, by the rights of who asked or of the stack's
role (see `stack_rights`).
"""

import asyncio
import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode
from xml.sax.saxutils import escape

from ...core.errors import UsageError
from ..apis.asgi import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    Services,
    read_body,
    replayed,
    response,
    with_length,
)
from ..apis.calls import credential_of
from ..apis.operations import operation_of
from ..runtime.environment import Environment
from ..settings import ACCESS_KEY_ID, ACCOUNT_ID, REGION
from .executor import role_of
from .ministack import part
from .stack_rights import ResourceUpdate, Right, StackRoles, rights_for

_ACTIONS, _IAM = "core.iam_actions", "core.iam_evaluator"
_FILTER = "Logs_20140328.FilterLogEvents"
_NOT_CONTROL = ("lambda:InvokeFunction", "s3:", "dynamodb:", "sts:")
_ANYBODY = ("sts:GetCallerIdentity",)
_INVOKE = "lambda:InvokeFunction"
_DENIED = "AccessDeniedException"
_EXPLICITLY = "with an explicit deny in a service control policy"


@dataclass(frozen=True)
class Kill:
    """The environment of a function whose name holds `function` dies with its `call`-th call."""

    function: str
    call: int


@dataclass(frozen=True)
class Switches:
    """What is strict; see above."""

    iam: bool = False
    deny: tuple[str, ...] = ()
    throttle_every: int = 0
    update_s: float = 0.0
    logs_s: float = 0.0
    wait_scale: float = 1.0
    kill: Kill | None = None

    @property
    def denied(self) -> frozenset[str]:
        """Denied actions in lower case, as IAM compares them."""
        return frozenset(action.lower() for action in self.deny)


def read_switches(path: Path) -> Switches:
    """The switches in a file; UsageError for what is none."""
    try:
        switches = json.loads(path.read_text("utf-8"))
        kill = switches.pop("kill", None)
        deny = tuple(switches.pop("deny", ()))
        return Switches(**switches, deny=deny, kill=Kill(**kill) if kill else None)
    except (OSError, ValueError, TypeError, AttributeError) as exc:
        raise UsageError(f"--strict {path}: no file of switches ({exc})") from exc


@dataclass
class Strict:
    """ASGI middleware in front of ministack; `environment_of` tells whose key calls."""

    inner: App
    path: Path
    environment_of: Callable[[str], Environment | None]
    apply: Callable[[float, float], None]
    services: Services
    switches: Switches = field(default_factory=Switches)
    calls: Counter[str] = field(default_factory=Counter)
    roles: StackRoles = field(default_factory=StackRoles)
    _read_at: int = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it as AWS would."""
        if scope["type"] != "http" or b"authorization" not in dict(scope["headers"]):
            await self.inner(scope, receive, send)
            return
        self._refresh()
        body = await read_body(receive)
        if body is None:
            return
        call = _call(scope, body)
        environment = self.environment_of(call.key_id)
        form = _form(body) if call.service == "cloudformation" else {}
        if form:
            call = await self._of_stack(call, scope, form)
        refusal = self._refusal(call, environment)
        if refusal := refusal or await self._unassumable(form.get("RoleARN", "")):
            await _refuse(send, refusal)
            return
        if form:
            self._works_for(call, environment, form)
        if call.target == _FILTER and self.switches.logs_s:
            body = _earlier(body, self.switches.logs_s)
            scope = {**scope, "headers": with_length(scope["headers"], len(body))}
        if environment and self._dies(environment):
            await self.inner(scope, replayed(body, receive), _ignored)
            await self._kill(environment, call)
            return
        await self._served(call, environment, scope, replayed(body, receive), send)

    async def _served(
        self,
        call: "_Call",
        environment: Environment | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """What is allowed is answered, but for tags that the caller may not read."""
        why = self._hides_tags(call, environment)
        if why:
            await _without_tags(self.inner, scope, send, why)
        else:
            await self.inner(scope, receive, send)

    async def _kill(self, environment: Environment, call: "_Call") -> None:
        environment.kill()
        self.path.with_suffix(".killed").write_text(f"{environment.spec.name} {call.action}")
        await asyncio.sleep(0.2)

    def _hides_tags(self, call: "_Call", environment: Environment | None) -> str:
        """Why GetFunction does not tell the tags; "" where it does. It needs a right of its own."""
        if call.action != "lambda:GetFunction" or call.key_id == ACCESS_KEY_ID:
            return ""
        listing = replace(call, action="lambda:ListTags")
        why = _EXPLICITLY if listing.action.lower() in self.switches.denied else ""
        if not why and self.switches.iam:
            why = _unauthorised(listing, environment)
        return why and _not_authorised(listing, _principal_arn(call, environment), why)

    async def _of_stack(self, call: "_Call", scope: Scope, form: Mapping[str, str]) -> "_Call":
        """A call of CloudFormation with its stack, and the role that it passes."""
        stack = await self._stack_of(scope, form, call.region)
        role = form.get("RoleARN", "")
        passes = (Right("iam:PassRole", role, "cloudformation.amazonaws.com"),) if role else ()
        return replace(call, resources=(stack,), also=passes)

    async def _stack_of(self, scope: Scope, form: Mapping[str, str], region: str) -> str:
        """The stack that a call of CloudFormation is about; "*" for none."""
        named = form.get("StackName", "")
        if not named and (change_set := form.get("ChangeSetName", "")):
            described = {"Action": "DescribeChangeSet", "ChangeSetName": change_set}
            content = urlencode({**described, "Version": "2010-05-15"}).encode()
            headers = with_length(scope["headers"], len(content))
            answer = await response(self.inner, {**scope, "headers": headers}, content)
            match = re.search(rb"<StackId>([^<]+)</StackId>", answer.body)
            named = match[1].decode() if match else ""
        if not named or named.startswith("arn:"):
            return named or "*"
        return f"arn:aws:cloudformation:{region}:{ACCOUNT_ID}:stack/{named}/id"

    async def _unassumable(self, role: str) -> "_Refusal | None":
        """CloudFormation works by a role that trusts it alone."""
        if not role or not self.switches.iam:
            return None
        form = {"Action": "GetRole", "RoleName": role.rpartition("/")[2], "Version": "2010-05-08"}
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = await self.services.ask("iam", "POST", "/", urlencode(form).encode(), kind)
        if b"cloudformation.amazonaws.com" in answer.body:
            return None
        return _query_error("ValidationError", f"Role {role} is invalid or cannot be assumed")

    def _works_for(
        self, call: "_Call", environment: Environment | None, form: Mapping[str, str]
    ) -> None:
        """Say in whose name CloudFormation does what this call begins."""
        stack = call.resources[0].partition(":stack/")[2].partition("/")[0]
        role = self.roles.for_call(form.get("Action", ""), stack, form)
        _worker.set(_Worker(call, environment, role.rpartition("/")[2]))

    def refuses_change(self, change: ResourceUpdate) -> str:
        """Why CloudFormation may not make a change of a stack; "" where it may."""
        worker = _worker.get()
        if worker is None or (worker.call.key_id == ACCESS_KEY_ID and not worker.role):
            return ""
        self._refresh()
        for right in rights_for(change):
            if why := self._refuses(worker, right):
                return why
        return ""

    def _refuses(self, worker: "_Worker", right: Right) -> str:
        call = replace(
            worker.call, action=right.action, resources=(right.resource,), also=(),
            passed_to=right.passed_to,
        )  # fmt: skip
        caller = worker.caller()
        principal = caller[0] if caller else "unknown"
        if right.action.lower() in self.switches.denied:
            return _not_authorised(call, principal, _EXPLICITLY)
        if not self.switches.iam or caller is None:
            return ""
        why = _evaluated(call, caller, worker.kind)
        return _not_authorised(call, principal, why) if why else ""

    def _refresh(self) -> None:
        changed_at = self.path.stat().st_mtime_ns
        if changed_at != self._read_at:
            self._read_at, self.switches = changed_at, read_switches(self.path)
            self.calls.clear()
            self.apply(self.switches.update_s, self.switches.wait_scale)

    def refuses_task(self, role: str, function_arn: str) -> str:
        """Why a state machine of this role may not invoke a function; "" where it may."""
        self._refresh()
        call = _Call("lambda", _INVOKE, (function_arn,), "", REGION, "", {})
        principal = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/states"
        if _INVOKE.lower() in self.switches.denied:
            return _not_authorised(call, principal, _EXPLICITLY)
        if not self.switches.iam:
            return ""
        why = _evaluated(call, (principal, _role_policies(role), []), "AssumedRole")
        return _not_authorised(call, principal, why) if why else ""

    def _dies(self, environment: Environment) -> bool:
        kill = self.switches.kill
        if kill is None or kill.function not in environment.spec.name:
            return False
        self.calls["of the function to kill"] += 1
        return self.calls["of the function to kill"] == kill.call

    def _refusal(self, call: "_Call", environment: Environment | None) -> "_Refusal | None":
        if call.key_id == ACCESS_KEY_ID or not call.action or call.action in _ANYBODY:
            return None
        if call.action.lower() in self.switches.denied:
            return _denied(call, _principal_arn(call, environment), _EXPLICITLY)
        if self.switches.iam and (why := _unauthorised(call, environment)):
            return _denied(call, _principal_arn(call, environment), why)
        every = self.switches.throttle_every
        if every and not call.action.startswith(_NOT_CONTROL):
            self.calls["control plane"] += 1
            if self.calls["control plane"] % every == 0:
                return _throttled(call)
        return None


@dataclass(frozen=True)
class _Call:
    """A request as IAM sees it."""

    service: str
    action: str
    resources: tuple[str, ...]
    key_id: str
    region: str
    target: str
    headers: dict[str, str]
    also: tuple[Right, ...] = ()
    """What it needs besides."""
    passed_to: str = ""


@dataclass(frozen=True)
class _Worker:
    """In whose name CloudFormation works: who asked it, or the stack's role."""

    call: _Call
    environment: Environment | None
    role: str

    def caller(self) -> tuple[str, Any, Any] | None:
        """Its ARN, its policies and what bounds them."""
        if not self.role:
            return _policies(self.call, self.environment)
        arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{self.role}/AWSCloudFormation"
        return arn, _role_policies(self.role), []

    @property
    def kind(self) -> str:
        """The type of the principal."""
        return "AssumedRole" if self.role or self.environment else "User"


_worker: ContextVar[_Worker | None] = ContextVar("worker", default=None)
"""Of the call that is served; the tasks that it starts go on in its context."""


@dataclass(frozen=True)
class _Refusal:
    status: int
    headers: dict[str, str]
    body: bytes


def _call(scope: Scope, body: bytes) -> _Call:
    headers = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in scope["headers"]}
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    method, path = scope["method"], scope["path"]
    service = part("core.router", "detect_service")(method, path, headers, query)
    action = part(_ACTIONS, "extract_iam_action")(service, method, path, headers, body, query) or ""
    credential = credential_of(dict(scope["headers"]))
    region = credential.region or REGION
    resource = part(_ACTIONS, "extract_resource_arn")(
        service, method, path, headers, body, query, region, ACCOUNT_ID
    )
    qualifier = query.get("Qualifier", [""])[0]
    if service == "lambda" and qualifier and resource and not resource.endswith(f":{qualifier}"):
        resource = f"{resource}:{qualifier}"
    also: tuple[Right, ...] = ()
    if service == "lambda":
        action = _lambda_action(method, path) or action
    if action in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"):
        resource, also = _of_settings(action, resource, body, region)
    target = headers.get("x-amz-target", "")
    resources = (resource or "*",)
    return _Call(service, action, resources, credential.key_id, region, target, headers, also)


def _of_settings(
    action: str, resource: str | None, body: bytes, region: str
) -> tuple[str | None, tuple[Right, ...]]:
    """The function that settings are for, and what else they need: its role is passed, its tags are
    set."""
    try:
        settings = json.loads(body)
    except ValueError:
        return resource, ()
    if action == "lambda:CreateFunction":
        resource = f"arn:aws:lambda:{region}:{ACCOUNT_ID}:function:{settings.get('FunctionName')}"
    role = settings.get("Role")
    also = [Right("iam:PassRole", role, "lambda.amazonaws.com")] if role else []
    also += [Right("lambda:TagResource", str(resource))] if settings.get("Tags") else []
    return resource, tuple(also)


_LAMBDA_ACTIONS = {
    "Invoke": "InvokeFunction",
    "InvokeAsync": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
    "GetLayerVersionByArn": "GetLayerVersion",
}
"""Operations whose action in a policy has another name."""


def _form(body: bytes) -> dict[str, str]:
    """What a call of a query API says."""
    fields = parse_qs(body.decode("utf-8", "replace"))
    return {name: values[0] for name, values in fields.items()}


def _lambda_action(method: str, path: str) -> str:
    """The action by AWS's own model of the API, of which ministack knows a part."""
    operation, _ = operation_of("lambda", method, path)
    if operation is None:
        return ""
    return f"lambda:{_LAMBDA_ACTIONS.get(operation.name, operation.name)}"


def _policies(call: _Call, environment: Environment | None) -> tuple[str, Any, Any] | None:
    """The caller's ARN, its policies (None for the owner), and what bounds them."""
    if environment is None:
        principal = part(_IAM, "resolve_principal")(call.key_id, ACCOUNT_ID)
        if isinstance(principal, part(_IAM, "AuthError")):
            return None
        return principal.arn, principal.policies, principal.limits
    role = role_of(environment.spec.arn)
    arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{environment.spec.name}"
    return arn, _role_policies(role), []


def _role_policies(role: str) -> Any:
    return part(_IAM, "_gather_role_policies")(role, ACCOUNT_ID)


def _principal_arn(call: _Call, environment: Environment | None) -> str:
    caller = _policies(call, environment)
    return caller[0] if caller else "unknown"


def _unauthorised(call: _Call, environment: Environment | None) -> str:
    """Why the caller's policies do not allow it; "" where they do."""
    caller = _policies(call, environment)
    if caller is None:
        return "because the security token is unknown"
    return _evaluated(call, caller, "AssumedRole" if environment else "User")


def _evaluated(call: _Call, caller: tuple[str, Any, Any], kind: str) -> str:
    arn, policies, limits = caller
    if policies is None:
        return ""
    own = (Right(call.action, resource, call.passed_to) for resource in call.resources)
    for right in (*own, *call.also):
        context = part(_IAM, "EvalContext")(
            principal_arn=arn,
            principal_type=kind,
            principal_account=ACCOUNT_ID,
            action=right.action,
            resource_arn=right.resource,
            region=call.region,
            service_context={"iam:passedtoservice": right.passed_to},
        )
        if part(_IAM, "evaluate")(context, policies, *limits).decision != "Allow":
            return f"because no identity-based policy allows the {right.action} action"
    return ""


def _denied(call: _Call, principal: str, why: str) -> _Refusal:
    message = _not_authorised(call, principal, why)
    status, headers, body = part(_ACTIONS, "access_denied_response")(
        call.service, call.action, principal, str(uuid.uuid4()), message=message,
        headers=call.headers, explicit_deny="explicit" in why, resource_arn=call.resources[0],
    )  # fmt: skip
    # CloudWatch Logs words its own; what denies is the same.
    text = body if isinstance(body, bytes) else str(body).encode()
    if b"service control policy" in message.encode() and b"service control" not in text:
        text = json.dumps({"__type": "AccessDeniedException", "Message": message}).encode()
    return _Refusal(status, headers, text)


def _not_authorised(call: _Call, principal: str, why: str) -> str:
    return (
        f"User: {principal} is not authorized to perform: {call.action} on resource: "
        f"{call.resources[0]} {why}"
    )


def _throttled(call: _Call) -> _Refusal:
    if call.service == "lambda":
        body = {"Reason": "CallerRateLimitExceeded", "message": "Rate exceeded"}
        kind = {"x-amzn-errortype": "TooManyRequestsException"}
        return _Refusal(
            429, {"Content-Type": "application/json", **kind}, json.dumps(body).encode()
        )
    if call.target:
        answer = {"__type": "ThrottlingException", "message": "Rate exceeded"}
        kind = {"Content-Type": "application/x-amz-json-1.1"}
        return _Refusal(400, kind, json.dumps(answer).encode())
    return _query_error("Throttling", "Rate exceeded")


def _query_error(code: str, message: str) -> _Refusal:
    """An error of the services that answer in XML."""
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}"
        "</Message></Error></ErrorResponse>"
    )
    return _Refusal(400, {"Content-Type": "text/xml"}, text.encode())


def _earlier(body: bytes, logs_s: float) -> bytes:
    """A question for log lines that finds none younger than `logs_s`."""
    request = json.loads(body)
    latest_ms = int((time.time() - logs_s) * 1000)
    request["endTime"] = min(request.get("endTime", latest_ms), latest_ms)
    if request["endTime"] <= request.get("startTime", 0):
        request["endTime"] = request.get("startTime", 0) + 1
    return json.dumps(request).encode()


async def _without_tags(inner: App, scope: Scope, send: Send, why: str) -> None:
    answer = await response(inner, scope)
    content = answer.body
    if answer.status == HTTPStatus.OK:
        function = {**json.loads(content), "TagsError": {"ErrorCode": _DENIED, "Message": why}}
        content = json.dumps({**function, "Tags": None}).encode()
    pairs = [(name.encode(), value.encode()) for name, value in answer.headers]
    headers = with_length(pairs, len(content))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _ignored(_: Message) -> None:
    """What was killed gets no answer."""


async def _refuse(send: Send, refusal: _Refusal) -> None:
    headers = [(n.lower().encode(), v.encode()) for n, v in refusal.headers.items()]
    headers.append((b"content-length", str(len(refusal.body)).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": refusal.body})
