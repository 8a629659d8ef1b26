"""The analysing step: from samples to the winner, the output and the manifest."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...core.compat.analyzer import analyse as contract_output
from ...core.contract import TuningInput, parse_input
from ...core.errors import RunFailedError
from ...core.prices import PriceBook
from ...core.run import SCHEMA, RunPlan
from ...core.samples import Sample
from .size_result import SizeResult, contract_statistics, size_results
from .storage import RunFolder

State = dict[str, Any]

_EMBEDDED_RESULTS = 100
"""More results than this stay in the bucket alone: state and output are held to 256 KB."""


def analyse(
    state: State, store: RunFolder, prices: PriceBook, started: str, tuner_region: str
) -> State:
    """The state with the execution's `output`; the manifest is in the bucket then.

    RunFailedError when no size can win.
    """
    plan, wanted = store.read_plan(), parse_input(store.read_json("_input.json"))
    samples = list(store.read_samples())
    results = size_results(plan, samples)
    failed = {**state["failed"], **_failures(results)}
    output = _output(plan, wanted, results, failed, tuner_region)
    if output is not None:
        output |= _more(results, store, plan)
        output["failedSizes"] = failed
    manifest = _manifest(plan, wanted, samples, prices, state)
    store.write_json("_results.json", [result.to_json() for result in results])
    store.write_manifest({**manifest, "started_at": started, "output": output})
    return {**state, "failed": failed, "output": output}


def _failures(results: Sequence[SizeResult]) -> dict[str, str]:
    """The sizes that cannot win, with the reason of the first type that failed there."""
    found: dict[str, str] = {}
    for result in results:
        if result.reason:
            found.setdefault(str(result.memory_mb), result.reason)
    return found


def _output(
    plan: RunPlan,
    wanted: TuningInput,
    results: Sequence[SizeResult],
    failed: Mapping[str, str],
    region: str,
) -> dict[str, Any] | None:
    """The contract's own fields; None for a dry run."""
    statistics = [
        entry
        for entry in contract_statistics(plan, results, wanted.trim)
        if str(entry["value"]) not in failed
    ]
    if not statistics and not wanted.dry_run:
        reasons = "; ".join(f"{size} MB: {reason}" for size, reason in failed.items())
        raise RunFailedError(f"no size can be recommended: {reasons[:600]}")
    event = {
        "stats": statistics or [{}],
        "strategy": wanted.strategy,
        "balancedWeight": wanted.balanced_weight,
        "dryRun": wanted.dry_run,
        "includeOutputResults": wanted.include_output_results,
        "onlyColdStarts": wanted.only_cold_starts,
        "num": wanted.num,
    }
    return contract_output(event, region=region)


def _more(results: Sequence[SizeResult], store: RunFolder, plan: RunPlan) -> dict[str, Any]:
    """What the contract lacks, beside its fields."""
    embedded = len(results) <= _EMBEDDED_RESULTS
    return {
        "runId": plan.run_id,
        "samples": store.url,
        **({"results": [result.to_json() for result in results]} if embedded else {}),
    }


def _manifest(
    plan: RunPlan,
    wanted: TuningInput,
    samples: Sequence[Sample],
    prices: PriceBook,
    state: State,
) -> dict[str, Any]:
    target, about = plan.target, wanted.about if isinstance(wanted.about, Mapping) else {}
    return {
        "schema": SCHEMA,
        "run_id": plan.run_id,
        "kind": "lambdatuning",
        "function": target.name,
        "function_arn": target.arn,
        "code_sha256": target.code_sha256,
        "runtime": target.runtime,
        "architecture": target.architecture,
        "current_memory_mb": target.memory_mb,
        "timeout_s": target.timeout_s,
        "region": target.region,
        "account_id": target.arn.split(":")[4],
        "endpoint": about.get("endpoint", {"kind": "unknown"}),
        "execution_arn": plan.execution,
        "payloads": [
            {"name": p.name, "description": p.description, "weight": p.weight}
            for p in plan.payloads
        ],
        "sizes": list(plan.sizes),
        "num": wanted.num,
        "environments": plan.environments,
        "seed": plan.seed,
        "strategy": wanted.strategy,
        "weight": wanted.balanced_weight,
        "price_book": {"version": prices.version, "source": prices.source},
        "finished_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "billed_ms_critical_path": state["criticalMs"],
        "invocations": len(samples),
        "retries": sum(sample.retries for sample in samples),
        "usd": sum(sample.cost_usd for sample in samples),
        "failed_sizes": state["failed"],
    }
