"""The deciding step of an adaptive run: what to measure next, or the answer, and why.

The samples in the bucket are its whole state; each decision is stored beside them as a step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from ....core.billing import gb_seconds
from ....core.exploration import Budget, Objective, Proposal, observe, propose
from ....core.look import Look
from ....core.plan import Batch, Work
from ....core.prices import PriceBook
from ....core.run import RunPlan
from ....core.samples import Sample
from ..decide import FULL, count, history_is_full
from ..prices import price_book
from ..storage import RunFolder
from .looks import looks, sent, sent_with
from .terms import grid_spending, terms

State = dict[str, Any]

_SHOWN_WARNINGS, _WARNING_LENGTH = 20, 300
_REASON_LENGTH = 2_000
_NO_SIZE = Proposal((), "no memory size is left that can be measured", "failed", ())


@dataclass(frozen=True)
class Explorer:
    """What deciding uses beside the state; `elapsed_s` is how long the execution has lasted."""

    plan: RunPlan
    store: RunFolder
    prices: PriceBook
    elapsed_s: float


def explorer_now(plan: RunPlan, store: RunFolder, started: str) -> Explorer:
    """The explorer at this moment of an execution that started then (ISO 8601)."""
    elapsed = datetime.now(UTC) - datetime.fromisoformat(started)
    return Explorer(plan, store, price_book(store.s3, plan.price_book), elapsed.total_seconds())


def is_adaptive(state: State) -> bool:
    """Whether a state is that of an adaptive run."""
    return "step" in state


def begin(state: State, explorer: Explorer) -> State:
    """The first state of an adaptive run: its first look chosen, nothing published yet."""
    none = [0] * len(explorer.plan.payloads)
    first = {**state, "step": 0, "versions": {}, "sent": none, "sizes": [], "measured": []}
    return step(first, explorer)


def step(state: State, explorer: Explorer) -> State:
    """What was just measured goes into the books; then the next batches, or the end.

    At the end `sizes` are those that have samples. Run again after a crash it decides the same.
    """
    counted, left = count(state)
    over = _over(counted, explorer)
    if left and not over:
        return {**counted, "batches": left, "published": counted["works"]}
    plan, samples = explorer.plan, _samples(explorer.store)
    counted["sent"] = sent(plan, counted["sent"], samples)
    proposal = _proposal(counted, explorer, samples)
    told = _told(proposal, explorer, samples)
    over = proposal.stopped or over or _dear(told)
    wanted = {} if over else looks(plan, counted["sent"], proposal, samples)
    stopped = over or ("" if wanted else "budget")
    told |= {"stopped": stopped, "batch": _batch(plan, wanted)}
    explorer.store.write_step(counted["step"], told if stopped else _without_curves(told))
    warnings = _shown(proposal, stopped) if stopped else []
    return {
        **counted,
        **(_end(samples) if stopped else _next(counted, wanted)),
        "warnings": [*counted["warnings"], *warnings],
        "step": counted["step"] + 1,
        "tookS": explorer.elapsed_s - counted.get("atS", 0.0),
        "atS": explorer.elapsed_s,
    }


def _samples(store: RunFolder) -> list[Sample]:
    """All so far as they were made: parts of sizes that were measured side by side interleave.
    What was given up as too long counts as a failure; its bill is known in the end."""
    found = [*store.read_samples(), *store.read_lost()]
    return sorted(found, key=lambda sample: (sample.started_at, sample.request_id))


def _proposal(state: State, explorer: Explorer, samples: Sequence[Sample]) -> Proposal:
    plan, question = explorer.plan, explorer.plan.question
    found = terms(plan, explorer.prices, state["failed"])
    if found is None or plan.limits is None:
        return _NO_SIZE
    seen = [observe(s) for s in samples if s.error not in question.allowed_errors]
    budget = Budget(plan.limits.max_usd, plan.limits.max_invocations)
    return propose(
        seen, Objective(question.strategy, question.weight), found, budget, seed=plan.seed
    )


def _over(state: State, explorer: Explorer) -> str:
    """The limit that ends the run though it is not sure: "" where it may go on.

    The next step is expected to take as long as the one before.
    """
    limits = explorer.plan.limits
    latest_s = limits.max_seconds if limits else None
    if latest_s is not None and explorer.elapsed_s + state.get("tookS", 0.0) > latest_s:
        return "time"
    return "history" if history_is_full(state) else ""


def _next(state: State, wanted: Mapping[int, Look]) -> State:
    """The batches of the next round; sizes that were never wanted before are published first."""
    versions = state["versions"]
    batches = [
        Batch(Work(size, state["step"]), versions.get(str(size), ""), look=look)
        for size, look in sorted(wanted.items())
    ]
    return {
        "batches": [batch.to_json() for batch in batches],
        "sent": sent_with(state["sent"], wanted.values()),
        "published": 0,
        "works": sum(not batch.version for batch in batches),
    }


def _end(samples: Sequence[Sample]) -> State:
    sizes = sorted({sample.memory_mb for sample in samples})
    return {"batches": [], "published": 0, "works": 0, "sizes": sizes}


def _batch(plan: RunPlan, wanted: Mapping[int, Look]) -> list[dict[str, Any]]:
    """What is measured next, for people."""
    return [
        {
            "memory_mb": size,
            "payload": plan.payloads[payload].name,
            "count": number,
            "environments": look.environments,
        }
        for size, look in sorted(wanted.items())
        for payload, _, number in look.items
    ]


def _told(proposal: Proposal, explorer: Explorer, samples: Sequence[Sample]) -> dict[str, Any]:
    """A step as it is stored; `grid` is what the grid would cost by what is known now."""
    whole = proposal.to_json()
    init_ms = fmean([s.init_ms for s in samples if s.init_ms] or [0.0])
    return {
        **whole,
        "reason": proposal.reason[:_REASON_LENGTH],
        "elapsed_s": round(explorer.elapsed_s, 3),
        "invocations": len(samples),
        "usd": sum(sample.cost_usd for sample in samples),
        "gb_s": sum(gb_seconds(sample.memory_mb, sample.billed_ms) for sample in samples),
        "grid": grid_spending(explorer.plan, explorer.prices, whole["answers"], init_ms),
    }


def _without_curves(told: dict[str, Any]) -> dict[str, Any]:
    """Only the last step keeps them: they are most of it."""
    answers = [{**answer, "curve": ()} for answer in told["answers"]]
    return {**told, "answers": answers}


def _dear(told: dict[str, Any]) -> str:
    """An adaptive run never costs more than the grid in whose place it is."""
    return "grid" if told["grid"] and told["usd"] >= told["grid"]["usd"] else ""


def _shown(proposal: Proposal, stopped: str) -> list[str]:
    warnings = [text[:_WARNING_LENGTH] for text in proposal.warnings[:_SHOWN_WARNINGS]]
    return [FULL, *warnings] if stopped == "history" else warnings
