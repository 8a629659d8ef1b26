"""The analysing step: from the results of the sizes to the decision, the output and the manifest.

`exploration` in the manifest has all of it, in the execution's output there is what fits.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ...core.decision import (
    Claim,
    Decision,
    Mean,
    Point,
    against_today,
    decide,
    mix,
)
from ...core.errors import RunFailedError
from ...core.exploration.question import Prediction
from ...core.format import format_mb, join_mb
from ...core.power_tuning.rules import SizeStatistics
from ...core.power_tuning.rules import analyse as contract_output
from ...core.pricing import PriceBook
from ...core.strategies import STRATEGIES, contract_strategy
from ...core.tuning.endpoint import Endpoint
from ...core.tuning.explored import Explored, ModelAnswer, explored
from ...core.tuning.manifest import Manifest, ManifestPayload, PriceBookName, TunerTime
from ...core.tuning.records import RunPlan
from ...core.tuning.state import Apply, SizeResult, Spending, TunerState
from .storage import RunFolder
from .tunable import published_mb, snapshots_usd

_OUTPUT_ANSWERS = 100
_OUTPUT_REASON = 1_000


def _for_output(run: Explored) -> dict[str, object]:
    """What fits into the output, in the contract's way of writing."""
    return {
        "stopped": run.stopped,
        "reason": run.reason[:_OUTPUT_REASON],
        "steps": len(run.steps),
        "answers": [_answer(answer) for answer in run.answers[-_OUTPUT_ANSWERS:]],
        "curve": [_prediction(point) for point in run.main.curve] if run.main else [],
        "spent": _spending(run.spent),
        "grid": _spending(run.grid) if run.grid else None,
    }


def _answer(answer: ModelAnswer) -> dict[str, object]:
    return {
        "payload": answer.payload,
        "power": answer.memory_mb,
        "measured": answer.measured > 0,
        "within1": answer.within_1,
        "within5": answer.within_5,
        "regret": answer.regret,
    }


def _prediction(point: Prediction) -> dict[str, float]:
    return {
        "value": point.memory_mb,
        "measured": point.measured,
        "durationMs": point.duration_ms,
        "lowMs": point.low_ms,
        "highMs": point.high_ms,
        "costUsd": point.cost_usd,
    }


def _spending(spent: Spending) -> dict[str, float]:
    return {"invocations": spent.invocations, "gbS": spent.gb_s, "usd": spent.usd}


# From the results of the sizes to the decision, the output and the manifest.


_EMBEDDED_RESULTS = 100
"""More results than this stay in the bucket alone: state and output are held to 256 KB."""

_REASON_LENGTH = 200
_FAILED_LENGTH = 600


def analyse(
    state: TunerState, store: RunFolder, prices: PriceBook, started: str, tuner_region: str
) -> TunerState:
    """The state with the execution's `output`; the manifest is in the bucket then.

    RunFailedError when no size can win.
    """
    plan = store.read_plan()
    measured = _measured(state, store, plan)
    sizes, run = measured.sizes, measured.run
    if not measured.winners and not measured.points and not plan.question.dry_run:
        raise RunFailedError(f"no size can be recommended: {_why(measured.failed, run)}")
    snapshots = snapshots_usd(plan.target, prices, published_mb(plan, state))
    usd = sum(size.usd for size in sizes) + snapshots
    after = state.with_warnings(*_allowed(sizes))
    decision = None
    if not plan.question.dry_run:
        by_contract = measured.by_contract(tuner_region)
        decision = measured.decision(by_contract["power"])
        after = withheld(after.with_warnings(*decision.notes), decision)
        output = measured.output(by_contract, decision)
        if plan.warm:  # Power Tuning's own figure knows of no warm-ups
            output["stateMachine"]["lambdaCost"] = usd
        output |= _more(measured, store, after.warnings)
        if after.apply != state.apply:
            output["withheld"] = {"power": output["power"], "minSure": state.apply.min_sure}
        after = replace(after, output=output)
    store.write_json("_results.json", [row for size in sizes for row in size.rows])
    store.write_manifest(
        replace(
            _manifest(measured, prices, after),
            usd=usd,
            snapshots_usd=snapshots,
            started_at=started,
            decision=decision,
        )
    )
    return replace(after, failed=measured.failed)


def _measured(state: TunerState, store: RunFolder, plan: RunPlan) -> "MeasuredRun":
    """What is in the bucket of a run; an adaptive one measured the sizes of its state alone."""
    steps = list(store.read_steps())[: state.step or 0] if plan.limits else []
    run = explored(steps) if steps else None
    sizes = [store.read_result(size) for size in (state.sizes if run else plan.sizes)]
    reasons = {size.memory_mb: size.reason for size in sizes if size.reason} | {**state.failed}
    failed = {size: text[:_REASON_LENGTH] for size, text in reasons.items()}
    return MeasuredRun(plan, sizes, failed, run)


def _by_name(failed: Mapping[int, str]) -> dict[str, str]:
    """Reasons by memory size, as JSON has them: keys are text there."""
    return {str(size): reason for size, reason in failed.items()}


def withheld(state: TunerState, decision: Decision) -> TunerState:
    """The state without its orders to set the answer where that is less sure than was asked."""
    sure_enough = (decision.sure or 0.0) >= state.apply.min_sure
    return state if sure_enough else replace(state, apply=Apply())


@dataclass(frozen=True)
class MeasuredRun:
    """The results of a run's sizes, of which those that `failed` names are out; `run` is what an
    adaptive one explored, None for a grid."""

    plan: RunPlan
    sizes: Sequence[SizeResult]
    failed: Mapping[int, str]
    run: Explored | None

    @property
    def winners(self) -> list[SizeStatistics]:
        """The contract's statistics of the sizes that may win."""
        return [
            size.statistics
            for size in self.sizes
            if size.statistics and size.memory_mb not in self.failed
        ]

    @property
    def basis(self) -> str:
        """What decides: warm invocations, or cold starts where there are no others."""
        if self.plan.mode == "cold" or not any(size.warm for size in self.sizes):
            return "cold"
        return "warm"

    @property
    def points(self) -> list[Point]:
        """The mix at each size that may win, by plain means. Of sizes with more vCPUs than the one
        host has cores the smallest stands for all: they ran alike, at different prices."""
        cold = self.basis == "cold"
        evidence = [
            entry
            for size in self.sizes
            if cold or size.memory_mb not in self.failed
            for entry in (size.cold_evidence if cold else size.evidence)
        ]
        weights = {payload.name: payload.weight for payload in self.plan.payloads}
        points = mix(evidence, weights)
        as_fast = self._endpoint.beyond_cores(point.memory_mb for point in points)[1:]
        return [point for point in points if point.memory_mb not in as_fast]

    @property
    def _endpoint(self) -> Endpoint:
        return self.plan.question.endpoint

    def by_contract(self, region: str) -> dict[str, Any]:
        """The contract's own fields, as Power Tuning computes and chooses them."""
        question = self.plan.question
        event = {
            "stats": self.winners or [_statistics(point) for point in self.points],
            "strategy": contract_strategy(question.strategy),
            "balancedWeight": question.weight,
            "includeOutputResults": question.include_output,
            "onlyColdStarts": self.plan.mode == "cold",
            "num": question.num,
        }
        output = contract_output(event, region=region)
        if output is None:
            raise RunFailedError("the contract's rules give no output")
        return output

    def decision(self, contract_mb: int) -> Decision:
        """The answer by plain means; a note says where the contract's trimmed ones name another."""
        question, today_mb = self.plan.question, self.plan.target.today_mb
        model = self.run.main if self.run else None
        claim = Claim(model.memory_mb, model.within_5) if model else None
        decided = decide(
            self.points,
            question.strategy,
            question.weight,
            question.worth,
            today_mb=today_mb,
            claim=claim,
        )
        if model:
            decided = _by_model(decided, model.curve)
        notes = list(decided.notes)
        if decided.memory_mb in self._endpoint.beyond_cores(self.plan.sizes):
            decided = replace(decided, sure=None)
        if not self._placed(model):
            # Calls of one environment share its host: without knowing which they are, certainty
            # would be claimed and not had.
            decided = replace(decided, sure=None)
            notes.append("not sure: it is not known which execution environments were measured")
        if self.basis == "cold":
            notes.append("no invocation was warm: the answer is that of the cold starts")
        same_rule = question.strategy in STRATEGIES and not self.run
        if same_rule and decided.memory_mb not in (None, contract_mb):
            chosen = "is not set" if question.rule == "means" else "is what this execution names"
            notes.append(
                f"by plain means {format_mb(decided.memory_mb)} is best for {question.strategy}; "
                f"by Power Tuning's trimmed means {format_mb(contract_mb)}, which {chosen}"
            )
        return replace(decided, basis=self.basis, notes=tuple(notes))

    def _placed(self, model: ModelAnswer | None) -> bool:
        """Whether it is known which environments were measured, of a model's few calls a size taken
        together."""
        if model:
            return model.within_5 is not None
        return all(size.placed for size in self.sizes)

    def output(self, by_contract: dict[str, Any], decision: Decision) -> dict[str, Any]:
        """The contract's fields, of the size that the run's rule chooses."""
        size = decision.memory_mb
        if self.plan.question.rule == "contract" or size in (None, by_contract["power"]):
            return by_contract
        of_size = [stat for stat in self.winners if stat["value"] == size]
        of_size += [_statistics(point) for point in self.points if point.memory_mb == size]
        if not of_size:  # a size that no payload type was measured at: a model's answer alone
            return {**by_contract, "power": size}
        chosen = of_size[0]
        return {
            **by_contract,
            "power": size,
            "cost": chosen["averagePrice"],
            "duration": chosen["averageDuration"],
        }


def _by_model(decision: Decision, curve: Sequence[Prediction]) -> Decision:
    """The decision with what it changes by the model's curve, which is what reports show."""
    points = [
        Point(point.memory_mb, Mean(point.duration_ms), Mean(point.cost_usd))
        for point in curve
        if point.measured > 0 or point.memory_mb == decision.memory_mb
    ]
    return against_today(
        replace(decision, cost_ratio=None, speedup=None), points, decision.today_mb
    )


def _statistics(point: Point) -> SizeStatistics:
    """A point in the contract's words."""
    return {
        "value": point.memory_mb,
        "averagePrice": point.cost.value,
        "averageDuration": point.duration.value,
        "totalCost": 0.0,
    }


def _allowed(sizes: Sequence[SizeResult]) -> list[str]:
    """That allowed errors count as successes, where there were some."""
    counts: Counter[tuple[str, str]] = Counter()
    for size in sizes:
        for payload, errors in size.allowed.items():
            for error, count in errors.items():
                counts[payload, error] += count
    return [
        f"{count} invocations of {payload} raised {error}, which is allowed: they count and are "
        "priced as successes"
        for (payload, error), count in counts.items()
    ]


def _why(failed: Mapping[int, str], run: Explored | None) -> str:
    sizes: dict[str, list[int]] = {}
    for size, reason in failed.items():
        sizes.setdefault(reason, []).append(size)
    reasons = [f"{join_mb(failing)}: {reason}" for reason, failing in sizes.items()]
    return "; ".join([*reasons, run.reason] if run else reasons)[:_FAILED_LENGTH]


def _more(measured: MeasuredRun, store: RunFolder, warnings: Sequence[str]) -> dict[str, object]:
    """What the contract lacks, beside its fields."""
    results = [row for size in measured.sizes for row in size.rows]
    return {
        "runId": measured.plan.run_id,
        "samples": store.url,
        "warnings": list(warnings),
        **({"results": results} if len(results) <= _EMBEDDED_RESULTS else {}),
        "failedSizes": _by_name(measured.failed),
        **({"exploration": _for_output(measured.run)} if measured.run else {}),
    }


def _manifest(measured: MeasuredRun, prices: PriceBook, state: TunerState) -> Manifest:
    """The manifest, but for prices, decision and start."""
    plan, sizes = measured.plan, measured.sizes
    target, question = plan.target, plan.question
    return Manifest(
        run_id=plan.run_id,
        function=target.name,
        function_arn=target.arn,
        code_sha256=target.code_sha256,
        runtime=target.runtime,
        architecture=target.architecture,
        current_memory_mb=target.today_mb,
        timeout_s=target.timeout_s,
        region=target.region,
        account_id=target.arn.split(":")[4],
        endpoint=question.endpoint,
        execution_arns=(plan.execution,),
        input=question.input,
        payloads=tuple(ManifestPayload(p.name, p.weight, p.description) for p in plan.payloads),
        sizes=plan.sizes,
        sizes_beyond_cores=question.endpoint.beyond_cores(plan.sizes),
        num=question.num,
        environments=plan.environments,
        seed=plan.seed,
        strategy=question.strategy,
        weight=question.weight,
        speed_worth=question.speed_worth,
        cost_tolerance=question.cost_tolerance,
        price_book=PriceBookName(prices.version, prices.source),
        currency=prices.region(target.region).foreign_currency,
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        billed_ms_critical_path=state.critical_ms,
        exposed_ms=state.exposed_ms,
        tuner_ms=TunerTime(state.control_ms, state.measure_ms),
        invocations=sum(size.invocations for size in sizes),
        retries=sum(size.retries for size in sizes),
        failed_sizes=_by_name(measured.failed),
        output=state.output or {},
        exploration=measured.run,
        warnings=state.warnings,
    )
