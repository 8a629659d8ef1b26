"""The preparing step: what can be refused is refused here; then the lock, then the plan."""

import zlib
from dataclasses import dataclass, replace
from typing import Any

from ...core.arn import FunctionArn, require_account
from ...core.contract import TuningInput, parse_input
from ...core.errors import UsageError
from ...core.mix import WeightedPayload, event_of, shares, weighted_mix
from ...core.payloads import PayloadType, payload_type, unique
from ...core.plan import MAX_ENVIRONMENTS
from ...core.prices import PriceBook
from ...core.run import RunPlan, Target
from . import lock
from .clean import undo
from .function_config import Sleep, read, settled
from .storage import folder, read_url

State = dict[str, Any]

PARALLEL_SIZES = 10
"""Sizes measured at once: with five environments each, 60 concurrent invocations at most."""


@dataclass(frozen=True)
class Services:
    """The clients and facts that preparing uses; `lambda_client` is in the function's region."""

    lambda_client: Any
    states: Any
    s3: Any
    bucket: str
    account_id: str
    prices: PriceBook
    sleep: Sleep


def prepare(raw: Any, execution: str, services: Services) -> State:
    """The first state of a run; on an error nothing of the function has been changed."""
    wanted = parse_input(raw)
    arn = wanted.lambda_arn
    _refuse(wanted, services)
    payloads, counts = _payloads(wanted, services)
    run_id = wanted.run_id or execution.rpartition(":")[2]
    target = _locked(_target(arn, services), run_id, execution, services)
    plan = _plan(wanted, target, run_id, execution, payloads, counts)
    store = folder(services.s3, services.bucket, target.name, plan.run_id)
    store.write_plan(plan)
    store.write_json("_input.json", raw)
    return {
        "run": {"id": plan.run_id, "name": target.name, "arn": target.arn, "url": store.url},
        "parallel": PARALLEL_SIZES,
        "publish": list(plan.sizes),
        "batches": [],
        "failed": {},
        "criticalMs": 0,
        "apply": {"autoOptimize": wanted.auto_optimize, "alias": wanted.auto_optimize_alias},
    }


def _refuse(wanted: TuningInput, services: Services) -> None:
    require_account(wanted.lambda_arn, services.account_id)
    services.prices.region(wanted.lambda_arn.region)
    if wanted.only_cold_starts:
        raise UsageError(
            '"onlyColdStarts" is not measured by this tuner yet; leave it out: '
            "cold starts are kept apart in every run"
        )


def _payloads(
    wanted: TuningInput, services: Services
) -> tuple[tuple[PayloadType, ...], tuple[int, ...]]:
    """The payload types and how often each is sent at a size.

    Types of ours are sent `num` times each; a weighted mix of the contract shares `num`.
    """
    types: Any = wanted.payload_types
    if wanted.payload_types_s3:
        types = read_url(services.s3, wanted.payload_types_s3)
    if types:
        found = unique(payload_type(entry) for entry in types)
        return found, tuple(wanted.invocations for _ in found)
    payload = wanted.payload
    if wanted.payload_s3:
        payload = read_url(services.s3, wanted.payload_s3)
    return _of_contract(payload, wanted)


def _of_contract(
    payload: Any, wanted: TuningInput
) -> tuple[tuple[PayloadType, ...], tuple[int, ...]]:
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


def _target(arn: FunctionArn, services: Services) -> Target:
    client, function = services.lambda_client, str(arn.unqualified)
    config = settled(client, function, None, services.sleep)
    if arn.qualifier:
        _same_code(client, arn, config)
    logging = config.get("LoggingConfig") or {}
    return Target(
        arn=function,
        name=arn.name,
        region=arn.region,
        architecture=(config.get("Architectures") or ["x86_64"])[0],
        runtime=config.get("Runtime", "container image"),
        memory_mb=config["MemorySize"],
        timeout_s=config["Timeout"],
        code_sha256=config["CodeSha256"],
        log_group=logging.get("LogGroup") or f"/aws/lambda/{arn.name}",
        log_format=logging.get("LogFormat", "Text"),
        ephemeral_mb=(config.get("EphemeralStorage") or {}).get("Size", 512),
    )


def _same_code(client: Any, arn: FunctionArn, latest: dict[str, Any]) -> None:
    """Sizes are published from `$LATEST`: a version or alias of other code cannot be tuned so."""
    qualified = read(client, str(arn.unqualified), arn.qualifier)
    if qualified["CodeSha256"] != latest["CodeSha256"]:
        raise UsageError(
            f"{arn.name}:{arn.qualifier} has other code than $LATEST, from which sizes are "
            "published; tune the function without a qualifier, or deploy that code first"
        )


def _plan(
    wanted: TuningInput,
    target: Target,
    run_id: str,
    execution: str,
    payloads: tuple[PayloadType, ...],
    counts: tuple[int, ...],
) -> RunPlan:
    total = sum(counts)
    environments = total if wanted.parallel_invocation else wanted.environments
    return RunPlan(
        run_id=run_id,
        execution=execution,
        target=target,
        sizes=wanted.power_values,
        payloads=payloads,
        counts=counts,
        environments=1 if wanted.dry_run else min(environments, total, MAX_ENVIRONMENTS),
        seed=_seed(wanted, run_id),
        table=wanted.table or "",
        warm=not (wanted.dry_run or wanted.parallel_invocation),
        sleep_ms=wanted.sleep_between_runs_ms,
        pre_processor=str(wanted.pre_processor_arn) if wanted.pre_processor_arn else None,
        post_processor=str(wanted.post_processor_arn) if wanted.post_processor_arn else None,
    )


def _seed(wanted: TuningInput, run_id: str) -> int:
    """The seed that the user gave, else one drawn from the run's id: recorded either way."""
    return wanted.seed if wanted.seed is not None else zlib.crc32(run_id.encode())


def _locked(target: Target, run_id: str, execution: str, services: Services) -> Target:
    """The function once the lock is ours; what a dead run left behind is undone first."""
    client = services.lambda_client
    mine = lock.Lock(run_id, target.memory_mb, execution)
    dead = lock.take(client, services.states, target.arn, mine)
    if dead is None:
        return target
    undo(client, target.arn, dead, services.sleep)
    restored = replace(target, memory_mb=dead.memory_mb or target.memory_mb)
    lock.update(client, target.arn, replace(mine, memory_mb=restored.memory_mb))
    return restored
