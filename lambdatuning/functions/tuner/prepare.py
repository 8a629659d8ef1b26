"""The preparing step: what can be refused is refused here; then the lock, then the plan."""

import json
import os
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from ...core.arn import require_account
from ...core.errors import UsageError
from ...core.tuning.contract import TuningInput, parse_input
from ...core.tuning.endpoint import AWS, EMBEDDED, UNKNOWN, Endpoint
from ...core.tuning.payloads import (
    PayloadType,
    WeightedPayload,
    event_of,
    payload_type,
    shares,
    unique,
    weighted_mix,
)
from ...core.tuning.plan import MAX_ENVIRONMENTS
from ...core.tuning.records import ACCEPTED_REGRET, Limits, Question, RunPlan, Target
from ...core.tuning.state import Apply, RunPlace, TunerState
from . import decide, lock
from .clean import undo
from .function import Confirms, Sleep, read
from .publish import may_have_set
from .storage import folder, price_book, read_url
from .tunable import (
    check_reserved,
    read_target,
    refuse_weighted,
    remarks,
    reserved_concurrency,
    usable,
)

_ANSWERS_WITHIN_S = 5

Types = tuple[PayloadType, ...]
Counts = tuple[int, ...]

_BODIES = {"payload", "payloadTypes", "about"}


def payload_types(request: TuningInput, s3: Any) -> tuple[Types, Counts]:
    """The payload types and how often each is sent at a size.

    Types of ours are sent `num` times each; a weighted mix of the contract shares `num`.
    """
    types = request.payload_types
    if request.payload_types_s3:
        types = unique(payload_type(entry) for entry in read_url(s3, request.payload_types_s3))
    if types:
        return types, (request.invocations,) * len(types)
    payload = read_url(s3, request.payload_s3) if request.payload_s3 else request.payload
    return _of_contract(payload, request)


def plan_run(
    request: TuningInput,
    raw: Mapping[str, object],
    target: Target,
    owner: tuple[str, str],
    payloads: tuple[Types, Counts],
) -> RunPlan:
    """The plan; `owner` is (run id, execution ARN)."""
    (run_id, execution), (types, counts) = owner, payloads
    return RunPlan(
        run_id=run_id,
        execution=execution,
        target=target,
        sizes=request.power_values,
        payloads=types,
        counts=counts,
        environments=environments(request, sum(counts)),
        seed=request.seed if request.seed is not None else zlib.crc32(run_id.encode()),
        table=request.table or "",
        mode=_mode(request),
        cold=0 if request.dry_run or request.only_cold_starts else request.cold,
        sleep_ms=request.sleep_between_runs_ms,
        pre_processor=str(request.pre_processor_arn) if request.pre_processor_arn else None,
        post_processor=str(request.post_processor_arn) if request.post_processor_arn else None,
        price_book=request.price_book,
        question=_question(request, raw),
        limits=_limits(request, sum(counts)) if request.adaptive else None,
        shared_cores=request.shared_cores,
        fits_memory=request.fit_memory,
    )


def environments(request: TuningInput, invocations: int) -> int:
    """How many chains a version has: all at once for `parallelInvocation`, one for a dry run."""
    if request.dry_run:
        return 1
    if request.parallel_invocation:
        return min(invocations, MAX_ENVIRONMENTS)
    return min(request.environments, invocations, MAX_ENVIRONMENTS)


def _limits(request: TuningInput, samples: int) -> Limits:
    """The grid, warm-ups included, bounds an adaptive run; the user may want less."""
    grid = len(request.power_values) * (samples + environments(request, samples))
    regret = request.regret or ACCEPTED_REGRET
    return Limits(grid, request.max_usd, request.max_seconds, regret, request.for_compare)


def _of_contract(payload: Any, request: TuningInput) -> tuple[Types, Counts]:
    mix = weighted_mix(payload)
    if not mix or request.dry_run:
        first = mix[0] if mix else WeightedPayload(event_of(payload), 1)
        return (PayloadType("payload", first.event, literal=True),), (request.invocations,)
    counts = shares([entry.weight for entry in mix], request.num)
    types = tuple(
        PayloadType(f"payload-{index}", entry.event, weight=entry.weight, literal=True)
        for index, entry in enumerate(mix, 1)
    )
    return types, counts


def _mode(request: TuningInput) -> str:
    if request.only_cold_starts and not request.dry_run:
        return "cold"
    return "first" if request.dry_run or request.parallel_invocation else "warm"


def _question(request: TuningInput, raw: Mapping[str, object]) -> Question:
    """What analysing needs. Of the input all is kept but the payloads, which may be secret."""
    return Question(
        num=request.num,
        strategy=request.strategy,
        weight=request.balanced_weight,
        trim=request.trim,
        include_output=request.include_output_results,
        dry_run=request.dry_run,
        allowed_errors=request.allowed_exceptions,
        input={name: value for name, value in raw.items() if name not in _BODIES},
        about=request.about if isinstance(request.about, dict) else {},
        rule="means" if request.by_means else request.rule,
        speed_worth=request.speed_worth,
        cost_tolerance=request.cost_tolerance,
        silent=request.disable_payload_logs,
    )


def aws_endpoint() -> Endpoint:
    """What measures here, for runs that no client of ours has started: AWS, or the embedded AWS,
    which says so itself."""
    address = os.environ.get("AWS_ENDPOINT_URL")
    if not address:
        return Endpoint(AWS)
    try:
        url = f"{address}/_lambdatuning"
        with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310
            return Endpoint.from_json({"kind": EMBEDDED, **json.load(answer)})
    except (OSError, ValueError):
        return Endpoint(UNKNOWN)


@dataclass(frozen=True)
class PrepareServices:
    """The clients and facts that preparing uses; `lambda_client` is in the function's region."""

    lambda_client: Any
    states: Any
    s3: Any
    bucket: str
    account_id: str
    sleep: Sleep
    endpoint: Callable[[], Endpoint] = aws_endpoint

    def confirms(self, function: str) -> Confirms:
        """Whether a run of a function is known: by the plan that it has in the bucket."""
        return lambda run_id: folder(self.s3, self.bucket, function, run_id).owner() is not None


def prepare(raw: Any, execution: str, services: PrepareServices) -> TunerState:
    """The first state of a run; on an error nothing of the function has been changed.

    Run again after a crash it finds its own lock and goes on.
    """
    request = parse_input(raw)
    arn = request.lambda_arn
    require_account(arn, services.account_id)
    prices = price_book(services.s3, request.price_book)
    prices.region(arn.region)
    payloads = _payloads(request, services)
    run_id = request.run_id or execution.rpartition(":")[2]
    read_target(services.lambda_client, arn, services.sleep)
    refuse_weighted(services.lambda_client, str(arn.unqualified), request.auto_optimize_alias)
    reserved = reserved_concurrency(services.lambda_client, arn)
    if reserved is not None and "environments" not in raw:  # ours to choose
        request = replace(request, environments=min(request.environments, max(usable(reserved), 1)))
    wide = environments(request, sum(payloads[1]))
    parallel = request.parallel_sizes
    if reserved is not None:
        check_reserved(arn.name, reserved, wide, 'pass "environments":')
        parallel = min(parallel, usable(reserved) // wide)
    store = folder(services.s3, services.bucket, arn.name, run_id)
    if store.owner() not in (None, execution):
        raise UsageError(f'run id "{run_id}" was used before; give another one, or none')
    target = _locked(request, run_id, execution, services)
    about = request.about if isinstance(request.about, dict) else {}
    if "endpoint" not in about:
        about = {**about, "endpoint": services.endpoint().to_json()}
    request = replace(request, about=about)
    plan = plan_run(request, raw, target, (run_id, execution), payloads)
    store.write_plan(plan)
    first = _first_state(request, plan, store.url, parallel)
    return decide.begin(first, decide.Explorer(plan, store, prices, 0.0)) if plan.limits else first


def _payloads(request: TuningInput, services: PrepareServices) -> tuple[Types, Counts]:
    """The payload types; with `disablePayloadLogs` an error does not repeat what is in them."""
    try:
        return payload_types(request, services.s3)
    except UsageError:
        if request.disable_payload_logs:
            raise UsageError(
                "the payloads cannot be used (disablePayloadLogs withholds why); fix them"
            ) from None
        raise


def _first_state(request: TuningInput, plan: RunPlan, url: str, parallel: int) -> TunerState:
    target = plan.target
    return TunerState(
        run=RunPlace(plan.run_id, target.name, target.arn, url),
        parallel=parallel,
        sizes=plan.sizes,
        works=len(plan.work),
        warnings=tuple(remarks(target, parallel, request.parallel_sizes)),
        apply=Apply(request.auto_optimize, request.auto_optimize_alias, request.min_sure),
    )


_LONGEST_STEP = timedelta(minutes=16)
"""So long may a function of the tuner go on after its execution has ended."""


def _left_behind(
    services: PrepareServices,
    name: str,
    function: str,
    earlier: lock.Lock,
    run_id: str,
    memory_mb: int,
) -> bool:
    """Whether it may be a dead run that left the function at this size: one of its sizes, and not
    set since that run was over. Anything else was deployed meanwhile, and stays."""
    store = folder(services.s3, services.bucket, name, run_id)
    if not may_have_set(store, memory_mb):
        return False
    changed = read(services.lambda_client, function).get("LastModified")
    try:
        answer = services.states.describe_execution(executionArn=earlier.execution)
    except ClientError:
        return True
    over: datetime | None = answer.get("stopDate")
    if not changed or over is None:
        return True
    return datetime.strptime(changed, "%Y-%m-%dT%H:%M:%S.%f%z") < over + _LONGEST_STEP


def _locked(request: TuningInput, run_id: str, execution: str, services: PrepareServices) -> Target:
    """The function once the lock is ours, as it is under the lock: before, a run that was about
    to end may have held it at another size. What a dead run left behind is undone first."""
    client, arn = services.lambda_client, request.lambda_arn
    mine = lock.Lock(run_id, 0, execution)
    function = str(arn.unqualified)
    earlier = lock.take(client, services.states, function, mine)
    if earlier is not None:
        confirms = services.confirms(arn.name)
        left = partial(_left_behind, services, arn.name, function, earlier)
        undo(client, function, earlier, services.sleep, confirms, left)
    target = read_target(client, arn, services.sleep)
    lock.update(client, function, replace(mine, memory_mb=target.memory_mb))
    return target
