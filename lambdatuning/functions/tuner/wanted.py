"""From an execution input to the payload types, their counts, and the plan of the run."""

import zlib
from typing import Any

from ...core.contract import TuningInput
from ...core.mix import WeightedPayload, event_of, shares, weighted_mix
from ...core.payloads import PayloadType, payload_type, unique
from ...core.plan import MAX_ENVIRONMENTS
from ...core.run import Limits, Question, RunPlan, Target
from .storage import read_url

Types = tuple[PayloadType, ...]
Counts = tuple[int, ...]

_BODIES = {"payload", "payloadTypes", "about"}


def payload_types(wanted: TuningInput, s3: Any) -> tuple[Types, Counts]:
    """The payload types and how often each is sent at a size.

    Types of ours are sent `num` times each; a weighted mix of the contract shares `num`.
    """
    types: Any = wanted.payload_types
    if wanted.payload_types_s3:
        types = read_url(s3, wanted.payload_types_s3)
    if types:
        found = unique(payload_type(entry) for entry in types)
        return found, tuple(wanted.invocations for _ in found)
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
    return Limits(grid, wanted.max_usd, wanted.max_seconds)


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
    )
