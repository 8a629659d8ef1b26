"""What a user should know before the first run: who, where, limits, stack, installation, clock."""

import time
import uuid
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib.util import find_spec

from botocore.exceptions import ClientError

from ..core.errors import LambdaTuningError, StackError, denied_by
from ..core.finding import Finding
from ..core.format import format_mb
from ..core.sizes import MAX_MB, NEW_ACCOUNT_MAX_MB
from ..workspace.extras import EXTRAS, install_command
from .aws_errors import explain
from .session import Cloud
from .stack.deploy import DEFAULT_STACK
from .stack.status import find, refuse_foreign

NEW_ACCOUNT_CONCURRENCY = 10
LARGEST_SKEW_S = 240.0
"""AWS refuses signatures that are 5 minutes off."""


def examine(
    connect: Callable[[], Cloud],
    stack_name: str = DEFAULT_STACK,
    *,
    clock: Callable[[], float] = time.time,
) -> list[Finding]:
    """As `diagnose`, also where nobody is logged in, no region is set or no network is there: that
    is the first finding then, and what needs no account follows."""
    try:
        cloud = connect()
    except LambdaTuningError as exc:
        return [failure("login", exc), *installation()]
    return diagnose(cloud, stack_name, clock=clock)


def failure(name: str, error: LambdaTuningError) -> Finding:
    """An error of ours as a finding."""
    return Finding("error", name, *_cause_and_step(error))


def _cause_and_step(error: LambdaTuningError) -> tuple[str, str]:
    """An error of ours says what to do after its last semicolon."""
    cause, _, step = str(error).rpartition("; ")
    return (cause, step) if cause else (step, "")


def diagnose(
    cloud: Cloud, stack_name: str = DEFAULT_STACK, *, clock: Callable[[], float] = time.time
) -> list[Finding]:
    """Everything found, in a fixed order; `clock` is the time here in seconds since the epoch.

    Nothing is created or changed. What an account may not ask is a warning that names the right,
    and a question that fails in any other way is a finding: the others are asked all the same.
    """
    return [
        _identity(cloud),
        _endpoint(cloud),
        _finding("clock", "sts:GetCallerIdentity", lambda: _skew(cloud, clock)),
        _finding("memory", "lambda:UpdateFunctionConfiguration", lambda: _memory(cloud)),
        _finding("concurrency", "lambda:GetAccountSettings", lambda: _concurrency(cloud)),
        _finding("stack", "cloudformation:DescribeStacks", lambda: _stack(cloud, stack_name)),
        *installation(),
    ]


def installation() -> list[Finding]:
    """What is importable here; needs no account."""
    return [
        _installed("reports", "report"),
        _installed("embedded AWS", "local"),
        _installed("notebooks", "lab"),
    ]


def _finding(name: str, right: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except ClientError as exc:
        if "AccessDenied" in exc.response["Error"]["Code"]:
            reason = " ".join(str(exc).split())
            denial = denied_by(reason)
            step = f"{denial} forbids it: go on without" if denial else f"allow {right}, or go on"
            return Finding("warning", name, f"not known: {reason}", step)
        return _failed(name, exc)
    except Exception as exc:
        return _failed(name, exc)


def _failed(name: str, error: Exception) -> Finding:
    try:
        cause, step = _cause_and_step(explain(error))
    except Exception:
        cause, step = f"{type(error).__name__}: {' '.join(str(error).split())}", ""
    return Finding("warning", name, f"not known: {cause}", step)


def _identity(cloud: Cloud) -> Finding:
    return Finding("ok", "identity", f"{cloud.caller_arn} in account {cloud.account_id}")


def _endpoint(cloud: Cloud) -> Finding:
    where = cloud.endpoint_url or "the endpoints of AWS"
    kind = "embedded AWS, " if cloud.embedded else ""
    endpoint = cloud.endpoint
    share = f", CPU share by {endpoint.limiter}" if endpoint.limiter else ""
    without = f" without cgroups ({endpoint.limiter_why})" if endpoint.limiter_why else ""
    isolation = f", isolation: {endpoint.isolation}" if endpoint.isolation else ""
    isolation += f" ({endpoint.isolation_why})" if endpoint.isolation_why else ""
    return Finding(
        "ok", "endpoint", f"{kind}{where}, region {cloud.region}{share}{without}{isolation}"
    )


def _skew(cloud: Cloud, clock: Callable[[], float]) -> Finding:
    answer = cloud.client("sts").get_caller_identity()
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date is None:
        return Finding(
            "warning", "clock", "the endpoint does not tell its time", "nothing, it works"
        )
    skew_s = clock() - parsedate_to_datetime(date).timestamp()
    if abs(skew_s) > LARGEST_SKEW_S:
        way = "ahead of" if skew_s > 0 else "behind"
        detail = f"{abs(skew_s):.0f} s {way} AWS"
        return Finding("error", "clock", detail, "set the clock: AWS refuses signatures 300 s off")
    return Finding("ok", "clock", "agrees with the endpoint's")


def _memory(cloud: Cloud) -> Finding:
    """Whether sizes above 3,008 MB are allowed.

    No API tells it: Service Quotas and GetAccountSettings leave the memory limit of new accounts
    out. So a function that cannot exist is asked to take the largest size: a limited account is
    told the limit, any other that there is no such function, and nothing is changed.
    """
    aws_lambda = cloud.client("lambda")
    absent = f"lambdatuning-doctor-{uuid.uuid4().hex}"
    try:
        aws_lambda.update_function_configuration(FunctionName=absent, MemorySize=MAX_MB)
    except aws_lambda.exceptions.ResourceNotFoundException:
        return Finding("ok", "memory", f"{format_mb(MAX_MB)} was not refused")
    except ClientError as exc:
        if "MemorySize" not in exc.response["Error"]["Message"]:
            raise
    return Finding(
        "warning",
        "memory",
        f"this account is held to {format_mb(NEW_ACCOUNT_MAX_MB)}, as new ones are",
        f"tune up to {format_mb(NEW_ACCOUNT_MAX_MB)}, or ask AWS Support for {format_mb(MAX_MB)}",
    )


def _concurrency(cloud: Cloud) -> Finding:
    limit = cloud.client("lambda").get_account_settings()["AccountLimit"]
    total, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    detail = f"{free} of {total} concurrent executions are unreserved"
    if free <= NEW_ACCOUNT_CONCURRENCY:
        step = "keep --environments low, or ask Service Quotas for more (L-B99A9384)"
        return Finding("warning", "concurrency", detail, step)
    return Finding("ok", "concurrency", detail)


def _stack(cloud: Cloud, stack_name: str) -> Finding:
    stack = find(cloud, stack_name)
    if stack is None:
        return Finding(
            "warning", "stack", f'"{stack_name}" is not there', "run `lambdatuning deploy`"
        )
    try:
        refuse_foreign(stack)
    except StackError as exc:
        return Finding("error", "stack", str(exc), "pass --stack NAME")
    detail = f'"{stack_name}" is in {stack.state}'
    if stack.state in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}:
        return Finding("ok", "stack", detail)
    if stack.state.endswith("_IN_PROGRESS"):
        return Finding(
            "warning", "stack", detail, "wait; `lambdatuning status` tells how it goes on"
        )
    return Finding("error", "stack", detail, "run `lambdatuning destroy`, then deploy again")


def _installed(name: str, extra: str) -> Finding:
    missing = [module for module in EXTRAS[extra] if find_spec(module) is None]
    if missing:
        detail = f"not installed: {', '.join(missing)}"
        return Finding("warning", name, detail, f"run `{install_command(extra)}`")
    return Finding("ok", name, "installed")
