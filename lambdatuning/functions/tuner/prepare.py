"""The preparing step: what can be refused is refused here; then the lock, then the plan."""

import json
import os
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...core.arn import require_account
from ...core.errors import UsageError
from ...core.tuning.contract import TuningInput, parse_input
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
from .function import Confirms, Sleep
from .storage import folder, price_book, read_url
from .tunable import (
    check_reserved,
    look_at,
    refuse_weighted,
    remarks,
    reserved_concurrency,
    usable,
)

_ANSWERS_WITHIN_S = 5

Types = tuple[PayloadType, ...]
Counts = tuple[int, ...]

_BODIES = {"payload", "payloadTypes", "about"}


def payload_types(wanted: TuningInput, s3: Any) -> tuple[Types, Counts]:
    """The payload types and how often each is sent at a size.

    Types of ours are sent `num` times each; a weighted mix of the contract shares `num`.
    """
    types = wanted.payload_types
    if wanted.payload_types_s3:
        types = unique(payload_type(entry) for entry in read_url(s3, wanted.payload_types_s3))
    if types:
        return types, (wanted.invocations,) * len(types)
    payload = read_url(s3, wanted.payload_s3) if wanted.payload_s3 else wanted.payload
    return _of_contract(payload, wanted)


def plan_run(
    wanted: TuningInput,
    raw: dict[str, Any],
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
        sizes=wanted.power_values,
        payloads=types,
        counts=counts,
        environments=environments(wanted, sum(counts)),
        seed=wanted.seed if wanted.seed is not None else zlib.crc32(run_id.encode()),
        table=wanted.table or "",
        mode=_mode(wanted),
        cold=0 if wanted.dry_run or wanted.only_cold_starts else wanted.cold,
        sleep_ms=wanted.sleep_between_runs_ms,
        pre_processor=str(wanted.pre_processor_arn) if wanted.pre_processor_arn else None,
        post_processor=str(wanted.post_processor_arn) if wanted.post_processor_arn else None,
        price_book=wanted.price_book,
        question=_question(wanted, raw),
        limits=_limits(wanted, sum(counts)) if wanted.adaptive else None,
        shared_cores=wanted.shared_cores,
        fits_memory=wanted.fit_memory,
    )


def environments(wanted: TuningInput, invocations: int) -> int:
    """How many chains a version has: all at once for `parallelInvocation`, one for a dry run."""
    if wanted.dry_run:
        return 1
    if wanted.parallel_invocation:
        return min(invocations, MAX_ENVIRONMENTS)
    return min(wanted.environments, invocations, MAX_ENVIRONMENTS)


def _limits(wanted: TuningInput, samples: int) -> Limits:
    """The grid, warm-ups included, bounds an adaptive run; the user may want less."""
    grid = len(wanted.power_values) * (samples + environments(wanted, samples))
    regret = wanted.regret or ACCEPTED_REGRET
    return Limits(grid, wanted.max_usd, wanted.max_seconds, regret, wanted.for_compare)


def _of_contract(payload: Any, wanted: TuningInput) -> tuple[Types, Counts]:
    mix = weighted_mix(payload)
    if not mix or wanted.dry_run:
        first = mix[0] if mix else WeightedPayload(event_of(payload), 1)
        return (PayloadType("payload", first.event, literal=True),), (wanted.invocations,)
    counts = shares([entry.weight for entry in mix], wanted.num)
    types = tuple(
        PayloadType(f"payload-{index}", entry.event, weight=entry.weight, literal=True)
        for index, entry in enumerate(mix, 1)
    )
    return types, counts


def _mode(wanted: TuningInput) -> str:
    if wanted.only_cold_starts and not wanted.dry_run:
        return "cold"
    return "first" if wanted.dry_run or wanted.parallel_invocation else "warm"


def _question(wanted: TuningInput, raw: dict[str, Any]) -> Question:
    """What analysing needs. Of the input all is kept but the payloads, which may be secret."""
    return Question(
        num=wanted.num,
        strategy=wanted.strategy,
        weight=wanted.balanced_weight,
        trim=wanted.trim,
        include_output=wanted.include_output_results,
        dry_run=wanted.dry_run,
        allowed_errors=wanted.allowed_exceptions,
        input={name: value for name, value in raw.items() if name not in _BODIES},
        about=wanted.about if isinstance(wanted.about, dict) else {},
        rule="means" if wanted.by_means else wanted.rule,
        speed_worth=wanted.speed_worth,
        cost_tolerance=wanted.cost_tolerance,
        silent=wanted.disable_payload_logs,
    )


def aws_endpoint() -> Mapping[str, Any]:
    """What measures here, for runs that no client of ours has started: AWS, or the embedded AWS,
    which says so itself."""
    address = os.environ.get("AWS_ENDPOINT_URL")
    if not address:
        return {"kind": "aws"}
    try:
        url = f"{address}/_lambdatuning"
        with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN_S) as answer:  # noqa: S310
            return {"kind": "embedded", **json.load(answer)}
    except (OSError, ValueError):
        return {"kind": "unknown"}


@dataclass(frozen=True)
class Services:
    """The clients and facts that preparing uses; `lambda_client` is in the function's region."""

    lambda_client: Any
    states: Any
    s3: Any
    bucket: str
    account_id: str
    sleep: Sleep
    endpoint: Callable[[], Mapping[str, Any]] = aws_endpoint

    def confirms(self, function: str) -> Confirms:
        """Whether a run of a function is known: by the plan that it has in the bucket."""
        return lambda run_id: folder(self.s3, self.bucket, function, run_id).owner() is not None


def prepare(raw: Any, execution: str, services: Services) -> TunerState:
    """The first state of a run; on an error nothing of the function has been changed.

    Run again after a crash it finds its own lock and goes on.
    """
    wanted = parse_input(raw)
    arn = wanted.lambda_arn
    require_account(arn, services.account_id)
    prices = price_book(services.s3, wanted.price_book)
    prices.region(arn.region)
    payloads = _payloads(wanted, services)
    run_id = wanted.run_id or execution.rpartition(":")[2]
    look_at(services.lambda_client, arn, services.sleep)
    refuse_weighted(services.lambda_client, str(arn.unqualified), wanted.auto_optimize_alias)
    reserved = reserved_concurrency(services.lambda_client, arn)
    if reserved is not None and "environments" not in raw:  # ours to choose
        wanted = replace(wanted, environments=min(wanted.environments, max(usable(reserved), 1)))
    wide = environments(wanted, sum(payloads[1]))
    parallel = wanted.parallel_sizes
    if reserved is not None:
        check_reserved(arn.name, reserved, wide, 'pass "environments":')
        parallel = min(parallel, usable(reserved) // wide)
    store = folder(services.s3, services.bucket, arn.name, run_id)
    if store.owner() not in (None, execution):
        raise UsageError(f'run id "{run_id}" was used before; give another one, or none')
    target = _locked(wanted, run_id, execution, services)
    about = wanted.about if isinstance(wanted.about, dict) else {}
    if "endpoint" not in about:
        about = {**about, "endpoint": services.endpoint()}
    wanted = replace(wanted, about=about)
    plan = plan_run(wanted, raw, target, (run_id, execution), payloads)
    store.write_plan(plan)
    first = _first_state(wanted, plan, store.url, parallel)
    return decide.begin(first, decide.Explorer(plan, store, prices, 0.0)) if plan.limits else first


def _payloads(wanted: TuningInput, services: Services) -> Any:
    """The payload types; with `disablePayloadLogs` an error does not repeat what is in them."""
    try:
        return payload_types(wanted, services.s3)
    except UsageError:
        if wanted.disable_payload_logs:
            raise UsageError(
                "the payloads cannot be used (disablePayloadLogs withholds why); fix them"
            ) from None
        raise


def _first_state(wanted: TuningInput, plan: RunPlan, url: str, parallel: int) -> TunerState:
    target = plan.target
    return TunerState(
        run=RunPlace(plan.run_id, target.name, target.arn, url),
        parallel=parallel,
        sizes=plan.sizes,
        works=len(plan.work),
        warnings=tuple(remarks(target, parallel, wanted.parallel_sizes)),
        apply=Apply(wanted.auto_optimize, wanted.auto_optimize_alias),
    )


def _locked(wanted: TuningInput, run_id: str, execution: str, services: Services) -> Target:
    """The function once the lock is ours, as it is under the lock: before, a run that was about
    to end may have held it at another size. What a dead run left behind is undone first."""
    client, arn = services.lambda_client, wanted.lambda_arn
    mine = lock.Lock(run_id, 0, execution)
    function = str(arn.unqualified)
    held = lock.take(client, services.states, function, mine)
    if held is not None:
        undo(client, function, held, services.sleep, services.confirms(arn.name))
    target = look_at(client, arn, services.sleep)
    lock.update(client, function, replace(mine, memory_mb=target.memory_mb))
    return target
