"""The deciding step: is it enough, or what is measured next, in a grid or adaptively.

The samples in the bucket are its whole state; each decision is stored beside them as a step.

It ends when a size has to be published first, or the run is over. Were each step a round of the
state machine, its transitions would cost as much as a hundred samples of a short function.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from ...core.exploration.proposal import propose
from ...core.exploration.question import Budget, Objective, Proposal, Terms, observe
from ...core.plan import Batch, Look, Work, awake, batch_from_json, widened
from ...core.pricing import PriceBook, gb_seconds
from ...core.records import Limits, RunPlan, Sample
from ...core.sizes import beyond_cores
from .storage import RunFolder, price_book

EVENTS_LIMIT = 20_000
"""An execution ends by force at 25,000 history events; measuring stops before that."""

_EVENTS_A_BATCH, _EVENTS_A_ROUND = 10, 30
_WARNING_LENGTH = 400

State = dict[str, Any]


def step(state: State) -> State:
    """The grid: every size is measured whole; what a batch left over is the next batch."""
    counted, left = count(state)
    more = bool(left) or counted["published"] < counted["works"]
    full = more and history_is_full(counted)
    return {
        **counted,
        "batches": [] if full else left,
        "published": counted["works"] if full else counted["published"],
        "warnings": [*counted["warnings"], FULL] if full else counted["warnings"],
    }


def count(state: State) -> tuple[State, list[Any]]:
    """The state with what was just measured in its books, and the batches that are not done."""
    measured = state["measured"]
    failed = dict(state["failed"])
    for result in measured:
        if result["error"]:
            failed[str(result["batch"]["memoryMb"])] = result["error"]
    took_ms = makespan([r["criticalMs"] for r in measured], state["parallel"])
    counted = {
        **{key: value for key, value in state.items() if key != "measured"},
        "events": state["events"] + _EVENTS_A_BATCH * len(measured) + _EVENTS_A_ROUND,
        "failed": failed,
        "warnings": _with_new(state["warnings"], [r.get("warning", "") for r in measured]),
        "criticalMs": state["criticalMs"] + took_ms,
        "measureMs": state.get("measureMs", 0) + sum(r.get("tookMs", 0) for r in measured),
    }
    return counted, [r["batch"] for r in measured if r["left"]]


def _with_new(warnings: Sequence[str], new: Iterable[str]) -> list[str]:
    """Each warning once: what troubles one batch troubles most."""
    return list(dict.fromkeys([*warnings, *(text[:_WARNING_LENGTH] for text in new if text)]))


def history_is_full(state: State) -> bool:
    """Whether another round could end the execution by force."""
    return bool(state["events"] > EVENTS_LIMIT)


def makespan(times_ms: Sequence[float], parallel: int) -> float:
    """How long work takes of which `parallel` pieces go on at once, each started in order as soon
    as a place is free, as a Map state does it.

    >>> makespan([5, 3, 3], 2)
    6.0
    """
    ends = [0.0] * max(parallel, 1)
    for time_ms in times_ms:
        heapq.heapreplace(ends, ends[0] + time_ms)
    return max(ends)


FULL = (
    "measuring stopped early: the execution's history is nearly full (25,000 events); "
    "measure fewer sizes or invocations, or more environments at once"
)


# From what the model proposes to looks: numbered invocations, and environments to be woken.


def looks(
    plan: RunPlan, sent: Sequence[int], proposal: Proposal, samples: Iterable[Sample]
) -> dict[int, Look]:
    """What is wanted of each size; `sent` counts what each payload type was sent so far.

    No payload type is sent more often than in the grid, since the items that it may use up were
    made for that many.
    """
    index = {payload.name: i for i, payload in enumerate(plan.payloads)}
    numbers, items = list(sent), defaultdict[int, list[tuple[int, int, int]]](list)
    wide: dict[int, int] = defaultdict(int)
    seen = _environments(samples)
    for item in proposal.batch:
        payload, size = index[item.payload], item.memory_mb
        width = min(item.environments, plan.environments)
        # As many as `widened` would make of them, that no number is given twice.
        least = width - sum(n for _, _, n in items[size]) if width > seen[size] else 0
        most = len(plan.sizes) * plan.counts[payload]
        count = min(max(item.count, least), most - numbers[payload])
        if count > 0:
            items[size].append((payload, numbers[payload], count))
            numbers[payload] += count
            wide[size] = max(wide[size], width)
            if not item.wake:
                seen[size] = max(seen[size], width)
    return {
        size: widened(wanted, wide[size], seen[size]) for size, wanted in items.items() if wanted
    }


def sent(plan: RunPlan, known: Sequence[int], samples: Iterable[Sample]) -> list[int]:
    """How many of each payload type were sent: a try that crashed may have sent more than the
    state knows of, and no number is used twice."""
    found = dict(zip((payload.name for payload in plan.payloads), known, strict=True))
    for sample in samples:
        found[sample.payload] = max(found[sample.payload], sample.invocation + 1)
    return list(found.values())


def sent_with(known: Sequence[int], wanted: Iterable[Look]) -> list[int]:
    """How many will have been sent after these looks."""
    found = list(known)
    for look in wanted:
        for payload, first, count in look.items:
            found[payload] = max(found[payload], first + count)
    return found


def _environments(samples: Iterable[Sample]) -> defaultdict[int, int]:
    """How many execution environments of each size were seen, or woken.

    Lambda may serve a call that was to wake another one from one that is idle: it is not woken
    again, by a call of the same number.
    """
    names: dict[int, set[str]] = defaultdict(set)
    found: defaultdict[int, int] = defaultdict(int)
    for sample in samples:
        size = sample.memory_mb
        names[size].add(sample.environment)
        found[size] = max(found[size], len(names[size]), awake(sample.invocation))
    return found


# What an adaptive run may measure, at what price, and what measuring every size would cost.


_ROUNDED_UP_MS = 0.5
"""What billing whole milliseconds adds on average."""


def terms(plan: RunPlan, prices: PriceBook, without: Collection[str] = ()) -> Terms | None:
    """The sizes that may still be measured, and what an invocation costs; None without a size.

    Of sizes that run alike, as the one host that they share has too few cores, the smallest
    stands for all: the others would show the same durations at higher prices.
    """
    left = [size for size in plan.sizes if str(size) not in without]
    alike = beyond_cores(plan.question.about.get("endpoint"), left)[1:]
    sizes = tuple(size for size in left if size not in alike)
    region = prices.region(plan.target.region)
    if not sizes:
        return None
    return Terms(
        sizes=sizes,
        payloads={payload.name: payload.weight for payload in plan.payloads},
        usd_per_gb_s=region.duration_gb_s[plan.target.architecture][0].usd,
        request_usd=region.request,
    )


def grid_spending(
    plan: RunPlan,
    prices: PriceBook,
    answers: Sequence[Mapping[str, Any]],
    samples: Sequence[Sample],
) -> dict[str, Any] | None:
    """What the grid would invoke and cost, an estimate: `counts` warm invocations at every size,
    and a warm-up in each environment; by plain means of `samples` where there are some, since that
    is what this run is billed for, and by the curves of `answers` elsewhere. None where one lacks.
    """
    init_ms = fmean([s.init_ms for s in samples if s.init_ms] or [0.0])
    means = _billed_means(samples)
    curves = {answer["payload"]: answer["curve"] for answer in answers}
    names = [payload.name for payload in plan.payloads]
    found = terms(plan, prices)
    if found is None or not all(curves.get(name) for name in names):
        return None
    gb_s = 0.0
    for name, count in zip(names, plan.counts, strict=True):
        apart = plan.environments / len(names)
        for point in curves[name]:
            size = point["memory_mb"]
            billed_ms = means.get((name, size), point["duration_ms"] + _ROUNDED_UP_MS)
            gb_s += count * gb_seconds(size, billed_ms)
            gb_s += apart * gb_seconds(size, billed_ms + init_ms)
    invocations = len(curves[names[0]]) * (sum(plan.counts) + plan.environments)
    usd = gb_s * found.usd_per_gb_s + invocations * found.request_usd
    return {"invocations": invocations, "gb_s": gb_s, "usd": usd}


def _billed_means(samples: Iterable[Sample]) -> dict[tuple[str, int], float]:
    billed = defaultdict[tuple[str, int], list[float]](list)
    for sample in samples:
        if not sample.cold and not sample.error:
            billed[sample.payload, sample.memory_mb].append(sample.billed_ms)
    return {cell: fmean(values) for cell, values in billed.items()}


# The deciding step of an adaptive run: what to measure next, or the answer, and why.


_SHOWN_WARNINGS = 20
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
    return adaptive_step(first, explorer)


def adaptive_step(state: State, explorer: Explorer) -> State:
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
    seen = [observe(_as_success(s, question.allowed_errors)) for s in samples]
    return propose(
        seen, Objective(question.strategy, question.weight), found, _budget(plan), seed=plan.seed
    )


def _budget(plan: RunPlan) -> Budget:
    """The limits of the run, and the grid in whose place it is, warm-ups included."""
    limits = plan.limits or Limits(0)
    woken = plan.environments / len(plan.payloads)
    calls = {p.name: n + woken for p, n in zip(plan.payloads, plan.counts, strict=True)}
    return Budget(
        max_usd=limits.max_usd,
        max_invocations=limits.max_invocations,
        grid_calls=calls,
        grid_environments=plan.environments,
    )


def _as_success(sample: Sample, allowed: Collection[str]) -> Sample:
    """The sample; an error that is allowed is a success that took as long as it did."""
    return replace(sample, error="") if sample.error in allowed else sample


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
    return {
        **whole,
        "reason": proposal.reason[:_REASON_LENGTH],
        "elapsed_s": round(explorer.elapsed_s, 3),
        "invocations": len(samples),
        "usd": sum(sample.cost_usd for sample in samples),
        "gb_s": sum(gb_seconds(sample.memory_mb, sample.billed_ms) for sample in samples),
        "grid": grid_spending(explorer.plan, explorer.prices, whole["answers"], samples),
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


# A round of an adaptive run: looks and decisions in turn, in one invocation.


LONGEST_S = 45.0
"""A round that has lasted so long ends: the next look has a measuring function of its own."""


@dataclass(frozen=True)
class Round:
    """What a round uses beside the state: `measure` runs a batch and sums it up, `explorer` gives
    what deciding needs now, `elapsed_s` tells how long the round has lasted."""

    measure: Callable[[Batch], dict[str, Any]]
    explorer: Callable[[], Explorer]
    elapsed_s: Callable[[], float]


def play(state: State, round_: Round) -> State:
    """The state after the round. Run again after a crash it goes on behind what was stored."""
    while state["batches"] and state["published"] >= state["works"]:
        batches = [batch_from_json(batch) for batch in state["batches"]]
        with ThreadPoolExecutor(min(len(batches), state["parallel"])) as pool:
            measured = list(pool.map(round_.measure, batches))
        state = adaptive_step({**state, "measured": measured}, round_.explorer())
        if round_.elapsed_s() > LONGEST_S:
            break
    return state


def ended(state: State, explorer: Callable[[], Explorer]) -> State:
    """The state after a round as the state machine has it: what the round returned, or what
    follows where it crashed for good, which fails the sizes that it began with."""
    played: list[Mapping[str, Any]] = state["measured"]
    if played and "state" in played[0]:
        return dict(played[0]["state"])
    crashed = [
        {"batch": batch, "left": False, "criticalMs": 0, "error": result["error"]}
        for result in played
        for batch in state["batches"]
    ]
    return adaptive_step({**state, "measured": crashed}, explorer())
