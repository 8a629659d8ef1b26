"""The deciding step of an adaptive run: what to measure next, or the answer, and why.

The samples in the bucket are its whole state; each decision is stored beside them as a step.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ...core.billing import gb_seconds
from ...core.exploration import Budget, Item, Objective, Proposal, Terms, observe, propose
from ...core.look import Look, widened
from ...core.plan import Batch, Work
from ...core.prices import PriceBook
from ...core.run import RunPlan
from ...core.samples import Sample
from .decide import FULL, count, history_is_full
from .storage import RunFolder

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


def is_adaptive(state: State) -> bool:
    """Whether a state is that of an adaptive run."""
    return "step" in state


def begin(state: State, explorer: Explorer) -> State:
    """The first state of an adaptive run: its first look chosen, nothing published yet."""
    sent = [0] * len(explorer.plan.payloads)
    first = {**state, "step": 0, "versions": {}, "sent": sent, "sizes": [], "measured": []}
    return step(first, explorer)


def step(state: State, explorer: Explorer) -> State:
    """What was just measured goes into the books; then the next batches, or the end.

    At the end `sizes` are those that have samples. Run again after a crash it decides the same.
    """
    counted, left = count(state)
    if left:
        return {**counted, "batches": left, "published": counted["works"]}
    samples = in_order(explorer.store.read_samples())
    proposal = _proposal(counted, explorer, samples)
    looks = {} if proposal.stopped else _looks(counted, explorer.plan, proposal.batch, samples)
    stopped = proposal.stopped or _ended(counted, explorer, looks)
    explorer.store.write_step(
        counted["step"], _told(proposal, stopped, explorer.elapsed_s, samples, looks)
    )
    warnings = [*counted["warnings"], *([FULL] if stopped == "history" else [])]
    return {
        **counted,
        **(_end(samples) if stopped else _next(counted, looks)),
        "warnings": [*warnings, *_shown(proposal.warnings)] if stopped else warnings,
        "step": counted["step"] + 1,
        "tookS": explorer.elapsed_s - counted.get("atS", 0.0),
        "atS": explorer.elapsed_s,
    }


def in_order(samples: Any) -> list[Sample]:
    """Samples as they were made: parts of sizes that were measured side by side interleave."""
    return sorted(samples, key=lambda sample: (sample.started_at, sample.request_id))


def terms(plan: RunPlan, prices: PriceBook, without: Collection[str] = ()) -> Terms | None:
    """The sizes that may still be measured, and what an invocation costs; None without a size."""
    sizes = tuple(size for size in plan.sizes if str(size) not in without)
    region = prices.region(plan.target.region)
    if not sizes:
        return None
    return Terms(
        sizes=sizes,
        payloads={payload.name: payload.weight for payload in plan.payloads},
        usd_per_gb_s=region.duration_gb_s[plan.target.architecture][0].usd,
        request_usd=region.request,
    )


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


def _ended(state: State, explorer: Explorer, looks: Mapping[int, Look]) -> str:
    """Why the run ends though it is not sure: "" where it goes on.

    The next step is expected to take as long as the one before.
    """
    limits = explorer.plan.limits
    latest_s = limits.max_seconds if limits else None
    if latest_s is not None and explorer.elapsed_s + state.get("tookS", 0.0) > latest_s:
        return "time"
    if history_is_full(state):
        return "history"
    return "" if looks else "budget"


def _looks(
    state: State, plan: RunPlan, batch: Sequence[Item], samples: Sequence[Sample]
) -> dict[int, Look]:
    """What is wanted of each size. No payload type is sent more often than in the grid, since the
    items that it may use up were made for that many."""
    index = {payload.name: i for i, payload in enumerate(plan.payloads)}
    sent, wanted = list(state["sent"]), defaultdict[int, list[tuple[int, int, int]]](list)
    wide: dict[int, int] = defaultdict(int)
    for item in batch:
        payload = index[item.payload]
        most = len(plan.sizes) * plan.counts[payload]
        number = min(item.count, most - sent[payload])
        if number > 0:
            wanted[item.memory_mb].append((payload, sent[payload], number))
            sent[payload] += number
            wide[item.memory_mb] = max(wide[item.memory_mb], item.environments)
    seen = _environments(samples)
    return {
        size: widened(items, min(wide[size], plan.environments), seen.get(size, 0))
        for size, items in wanted.items()
    }


def _environments(samples: Sequence[Sample]) -> dict[int, int]:
    found: dict[int, set[str]] = defaultdict(set)
    for sample in samples:
        found[sample.memory_mb].add(sample.environment)
    return {size: len(names) for size, names in found.items()}


def _next(state: State, looks: Mapping[int, Look]) -> State:
    """The batches of the next round; sizes that were never wanted before are published first."""
    versions, sent = state["versions"], list(state["sent"])
    for look in looks.values():
        for payload, first, number in look.items:
            sent[payload] = max(sent[payload], first + number)
    batches = [
        Batch(Work(size, state["step"]), versions.get(str(size), ""), look=look)
        for size, look in sorted(looks.items())
    ]
    new = [batch for batch in batches if not batch.version]
    return {
        "batches": [batch.to_json() for batch in batches],
        "sent": sent,
        "published": 0,
        "works": len(new),
    }


def _end(samples: Sequence[Sample]) -> State:
    sizes = sorted({sample.memory_mb for sample in samples})
    return {"batches": [], "published": 0, "works": 0, "sizes": sizes}


def _told(
    proposal: Proposal,
    stopped: str,
    elapsed_s: float,
    samples: Sequence[Sample],
    looks: Mapping[int, Look],
) -> dict[str, Any]:
    """A step as it is stored: the curves only where it is the last one."""
    whole = proposal.to_json()
    if not stopped:
        for answer in whole["answers"]:
            answer.pop("curve")
    return {
        **whole,
        "reason": proposal.reason[:_REASON_LENGTH],
        "stopped": stopped,
        "batch": [] if stopped else whole["batch"],
        "environments": {} if stopped else {str(s): look.environments for s, look in looks.items()},
        "elapsed_s": round(elapsed_s, 3),
        "invocations": len(samples),
        "usd": sum(sample.cost_usd for sample in samples),
        "init_ms": fmean([s.init_ms for s in samples if s.init_ms] or [0.0]),
        "gb_s": sum(gb_seconds(sample.memory_mb, sample.billed_ms) for sample in samples),
    }


def _shown(warnings: Sequence[str]) -> list[str]:
    return [text[:_WARNING_LENGTH] for text in warnings[:_SHOWN_WARNINGS]]
