"""The analysing step: from the results of the sizes to the winner, the output and the manifest."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...core.compat.analyzer import analyse as contract_output
from ...core.errors import RunFailedError
from ...core.host import beyond_cores
from ...core.prices import PriceBook
from ...core.run import SCHEMA, RunPlan
from .exploring import explored
from .results.size_result import Result
from .storage import RunFolder
from .target.snapshots import published_mb, snapshots_usd

State = dict[str, Any]

_EMBEDDED_RESULTS = 100
"""More results than this stay in the bucket alone: state and output are held to 256 KB."""

_REASON_LENGTH = 200


def analyse(
    state: State, store: RunFolder, prices: PriceBook, started: str, tuner_region: str
) -> State:
    """The state with the execution's `output`; the manifest is in the bucket then.

    RunFailedError when no size can win.
    """
    plan = store.read_plan()
    told = explored.told(store, state["step"]) if plan.limits else None
    sizes = [store.read_result(size) for size in (state["sizes"] if told else plan.sizes)]
    reasons = {str(size["value"]): size["reason"] for size in sizes if size["reason"]}
    failed = {**reasons, **state["failed"]}
    failed = {size: text[:_REASON_LENGTH] for size, text in failed.items()}
    winners = [s["statistics"] for s in sizes if s["statistics"] and str(s["value"]) not in failed]
    if not winners and not plan.question.dry_run:
        raise RunFailedError(f"no size can be recommended: {_why(failed, told)}")
    output = _output(plan, winners, tuner_region)
    if output is not None:
        output |= _more(sizes, store, plan, state)
        output["failedSizes"] = failed
    if output is not None and told:
        output = explored.with_answer(output, winners, told)
    store.write_json("_results.json", [row for size in sizes for row in size["results"]])
    ended = {"failed_sizes": failed, "started_at": started, "output": output}
    ended |= {"exploration": told} if told else {}
    totals = _totals(sizes)
    totals["snapshots_usd"] = snapshots_usd(plan.target, prices, published_mb(plan, state))
    totals["usd"] += totals["snapshots_usd"]
    store.write_manifest({**_manifest(plan, prices, state), **totals, **ended})
    return {**state, "failed": failed, "output": output}


def _why(failed: Mapping[str, str], told: Mapping[str, Any] | None) -> str:
    reasons = [f"{size} MB: {reason}" for size, reason in failed.items()]
    return "; ".join([*reasons, told["reason"]] if told else reasons)[:600]


def _output(plan: RunPlan, winners: Sequence[Any], region: str) -> dict[str, Any] | None:
    """The contract's own fields; None for a dry run."""
    question = plan.question
    event = {
        "stats": winners or [{}],
        "strategy": question.strategy,
        "balancedWeight": question.weight,
        "dryRun": question.dry_run,
        "includeOutputResults": question.include_output,
        "onlyColdStarts": plan.mode == "cold",
        "num": question.num,
    }
    return contract_output(event, region=region)


def _more(sizes: Sequence[Result], store: RunFolder, plan: RunPlan, state: State) -> dict[str, Any]:
    """What the contract lacks, beside its fields."""
    results = [row for size in sizes for row in size["results"]]
    return {
        "runId": plan.run_id,
        "samples": store.url,
        "warnings": state["warnings"],
        **({"results": results} if len(results) <= _EMBEDDED_RESULTS else {}),
    }


def _totals(sizes: Sequence[Result]) -> dict[str, Any]:
    return {name: sum(size[name] for size in sizes) for name in ("invocations", "retries", "usd")}


def _manifest(plan: RunPlan, prices: PriceBook, state: State) -> dict[str, Any]:
    target, question = plan.target, plan.question
    endpoint = question.about.get("endpoint", {"kind": "unknown"})
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
        "endpoint": endpoint,
        "execution_arn": plan.execution,
        "input": question.input,
        "payloads": [
            {"name": p.name, "description": p.description, "weight": p.weight}
            for p in plan.payloads
        ],
        "sizes": list(plan.sizes),
        "sizes_beyond_cores": list(beyond_cores(endpoint, plan.sizes)),
        "num": question.num,
        "environments": plan.environments,
        "seed": plan.seed,
        "strategy": question.strategy,
        "weight": question.weight,
        "price_book": {"version": prices.version, "source": prices.source},
        "finished_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "billed_ms_critical_path": state["criticalMs"],
        "tuner_ms": {name: state.get(f"{name}Ms", 0) for name in ("control", "measure")},
        "warnings": state["warnings"],
    }
