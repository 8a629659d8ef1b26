"""The analysing step: from the results of the sizes to the winner, the output and the manifest.

`exploration` in the manifest has all of it, in the execution's output there is what fits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ...core.errors import RunFailedError
from ...core.manifest import Manifest, ManifestPayload, PriceBookName, TunerTime
from ...core.power_tuning import analyse as contract_output
from ...core.pricing import PriceBook
from ...core.records import RunPlan
from ...core.sizes import beyond_cores
from .results import Result
from .storage import RunFolder
from .tunable import published_mb, snapshots_usd

_OUTPUT_ANSWERS = 100
_OUTPUT_REASON = 1_000
_STEP_REASON = 600
_STEP_FIELDS = ("stopped", "batch", "elapsed_s", "invocations", "usd", "gb_s")

_CHOSEN = {"power": "value", "cost": "averagePrice", "duration": "averageDuration"}

Told = dict[str, Any]


def told(store: RunFolder, count: int) -> Told:
    """The `exploration` of a manifest: each of `count` steps, and the `answers` of the last one.

    `spent` is what was invoked; `grid` what measuring every size would have, by the curves found
    (None where some payload type has none).
    """
    steps = list(store.read_steps())[:count]
    last = steps[-1]
    return {
        "stopped": last["stopped"],
        "reason": last["reason"],
        "answers": last["answers"],
        "warnings": last["warnings"],
        "spent": {name: last[name] for name in ("invocations", "gb_s", "usd")},
        "grid": last["grid"],
        "steps": [_brief(number, step) for number, step in enumerate(steps, 1)],
    }


def with_answer(output: Told, winners: Sequence[Mapping[str, Any]], found: Told) -> Told:
    """The output with the size that the model recommends, and with the model's own words.

    A few samples a size are too few for the contract's trimmed means to choose by alone. What is
    told of the size is what was measured there: one that was not measured (of many payload types
    each may have been measured elsewhere) is no winner, and stands in `exploration` alone.
    """
    size = recommended(found)["memory_mb"] if found["answers"] else None
    stat = next((stat for stat in winners if stat["value"] == size), None)
    chosen = {name: stat[source] for name, source in _CHOSEN.items()} if stat else {}
    return {**output, **chosen, "exploration": _for_output(found)}


def recommended(found: Told) -> Told:
    """The answer for the mix, or for the only payload type."""
    last: Told = found["answers"][-1]
    return last


def _for_output(found: Told) -> Told:
    """What fits into the output, in the contract's way of writing."""
    answers: list[Told] = found["answers"]
    return {
        "stopped": found["stopped"],
        "reason": found["reason"][:_OUTPUT_REASON],
        "steps": len(found["steps"]),
        "answers": [_answer(answer) for answer in answers[-_OUTPUT_ANSWERS:]],
        "curve": [_prediction(p) for p in recommended(found)["curve"]] if answers else [],
        "spent": _spending(found["spent"]),
        "grid": _spending(found["grid"]) if found["grid"] else None,
    }


def _brief(number: int, step: Told) -> Told:
    """A step of the manifest, which runs are listed from: what it decided, and how sure it was."""
    answers = [
        {
            "payload": answer["payload"],
            "memory_mb": answer["memory_mb"],
            "within_5": round(answer["within_5"], 4),
        }
        for answer in step["answers"]
    ]
    kept = {name: step[name] for name in _STEP_FIELDS}
    return {"step": number, **kept, "reason": step["reason"][:_STEP_REASON], "answers": answers}


def _answer(answer: Told) -> Told:
    return {
        "payload": answer["payload"],
        "power": answer["memory_mb"],
        "measured": any(
            point["measured"]
            for point in answer["curve"]
            if point["memory_mb"] == answer["memory_mb"]
        ),
        "within1": answer["within_1"],
        "within5": answer["within_5"],
        "regret": answer["regret"],
    }


def _prediction(point: Told) -> Told:
    return {
        "value": point["memory_mb"],
        "measured": point["measured"],
        "durationMs": point["duration_ms"],
        "lowMs": point["low_ms"],
        "highMs": point["high_ms"],
        "costUsd": point["cost_usd"],
    }


def _spending(spent: Told) -> Told:
    return {"invocations": spent["invocations"], "gbS": spent["gb_s"], "usd": spent["usd"]}


# The analysing step: from the results of the sizes to the winner, the output and the manifest.


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
    explored = told(store, state["step"]) if plan.limits else None
    sizes = [store.read_result(size) for size in (state["sizes"] if explored else plan.sizes)]
    reasons = {str(size["value"]): size["reason"] for size in sizes if size["reason"]}
    failed = {**reasons, **state["failed"]}
    failed = {size: text[:_REASON_LENGTH] for size, text in failed.items()}
    winners = [s["statistics"] for s in sizes if s["statistics"] and str(s["value"]) not in failed]
    if not winners and not plan.question.dry_run:
        raise RunFailedError(f"no size can be recommended: {_why(failed, explored)}")
    output = _output(plan, winners, tuner_region)
    if output is not None:
        output |= _more(sizes, store, plan, state)
        output["failedSizes"] = failed
    if output is not None and explored:
        output = with_answer(output, winners, explored)
    store.write_json("_results.json", [row for size in sizes for row in size["results"]])
    snapshots = snapshots_usd(plan.target, prices, published_mb(plan, state))
    store.write_manifest(
        replace(
            _manifest(plan, prices, state),
            invocations=sum(size["invocations"] for size in sizes),
            retries=sum(size["retries"] for size in sizes),
            usd=sum(size["usd"] for size in sizes) + snapshots,
            snapshots_usd=snapshots,
            failed_sizes=failed,
            started_at=started,
            output=output or {},
            exploration=explored or {},
        )
    )
    return {**state, "failed": failed, "output": output}


def _why(failed: Mapping[str, str], explored: Mapping[str, Any] | None) -> str:
    reasons = [f"{size} MB: {reason}" for size, reason in failed.items()]
    return "; ".join([*reasons, explored["reason"]] if explored else reasons)[:600]


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


def _manifest(plan: RunPlan, prices: PriceBook, state: State) -> Manifest:
    target, question = plan.target, plan.question
    endpoint = question.about.get("endpoint", {"kind": "unknown"})
    return Manifest(
        run_id=plan.run_id,
        function=target.name,
        function_arn=target.arn,
        code_sha256=target.code_sha256,
        runtime=target.runtime,
        architecture=target.architecture,
        current_memory_mb=target.memory_mb,
        timeout_s=target.timeout_s,
        region=target.region,
        account_id=target.arn.split(":")[4],
        endpoint=endpoint,
        execution_arns=(plan.execution,),
        input=question.input,
        payloads=tuple(ManifestPayload(p.name, p.weight, p.description) for p in plan.payloads),
        sizes=plan.sizes,
        sizes_beyond_cores=beyond_cores(endpoint, plan.sizes),
        num=question.num,
        environments=plan.environments,
        seed=plan.seed,
        strategy=question.strategy,
        weight=question.weight,
        price_book=PriceBookName(prices.version, prices.source),
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        billed_ms_critical_path=state["criticalMs"],
        tuner_ms=TunerTime(state.get("controlMs", 0), state.get("measureMs", 0)),
        warnings=tuple(state["warnings"]),
    )
