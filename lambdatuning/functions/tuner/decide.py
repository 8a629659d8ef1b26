"""The deciding step: is it enough, or what is measured next, in a grid or adaptively.

The samples in the bucket are its whole state; each decision is stored beside them as a step.

It ends when a size has to be published first, or the run is over. Were each step a round of the
state machine, its transitions would cost as much as a hundred samples of a short function.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice, product
from statistics import fmean
from typing import Any

from ...core.exploration.proposal import propose
from ...core.exploration.question import (
    BestSoFar,
    Budget,
    Item,
    Objective,
    Proposal,
    Terms,
    observe,
)
from ...core.pricing import PriceBook, gb_seconds
from ...core.statistics.means import placed
from ...core.strategies import Worth
from ...core.tuning.plan import Batch, Trial, Work, awake, widened
from ...core.tuning.records import Limits, RunPlan, Sample, used_memory_mb
from ...core.tuning.state import BatchSummary, Planned, Spending, Step, TunerState
from .publish import small_sizes
from .storage import RunFolder, price_book

EVENTS_LIMIT = 20_000
"""An execution ends by force at 25,000 history events; measuring stops before that."""

_EVENTS_A_BATCH, _EVENTS_A_ROUND = 10, 30
_WARNING_LENGTH = 400


def step(state: TunerState, measured: Sequence[BatchSummary]) -> TunerState:
    """The grid: every size is measured whole; what a batch left over is the next batch."""
    counted, left = count(state, measured)
    more = bool(left) or counted.published < counted.works
    if more and history_is_full(counted):
        return replace(counted.with_warnings(FULL), batches=(), published=counted.works)
    return replace(counted, batches=left)


def count(
    state: TunerState, measured: Sequence[BatchSummary]
) -> tuple[TunerState, tuple[Batch, ...]]:
    """The state with what was just measured in its books, and the batches that are not done."""
    errors = {result.batch.memory_mb: result.error for result in measured if result.error}
    took_ms = makespan([result.critical_ms for result in measured], state.parallel)
    counted = replace(
        state,
        events=state.events + _EVENTS_A_BATCH * len(measured) + _EVENTS_A_ROUND,
        failed={**state.failed, **errors},
        critical_ms=state.critical_ms + took_ms,
        measure_ms=state.measure_ms + sum(result.took_ms for result in measured),
    )
    # What troubles one batch troubles most: each warning is said once.
    counted = counted.with_warnings(*(r.warning[:_WARNING_LENGTH] for r in measured if r.warning))
    return counted, tuple(result.batch for result in measured if result.left)


def history_is_full(state: TunerState) -> bool:
    """Whether another round could end the execution by force."""
    return state.events > EVENTS_LIMIT


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


# From what the model proposes to trials: numbered invocations, and environments to be woken.


def trials(
    plan: RunPlan, sent: Sequence[int], proposal: Proposal, samples: Iterable[Sample]
) -> dict[int, Trial]:
    """What is wanted of each size; `sent` counts what each payload type was sent so far.

    No payload type is sent more often than in the grid, since the items that it may use up were
    made for that many.
    """
    index = {payload.name: i for i, payload in enumerate(plan.payloads)}
    numbers, items = list(sent), defaultdict[int, list[tuple[int, int, int]]](list)
    wide: dict[int, int] = defaultdict(int)
    environments = _environments(samples)
    for item in proposal.batch:
        payload, size = index[item.payload], item.memory_mb
        width = min(item.environments, plan.environments)
        # As many as `widened` would make of them, that no number is given twice.
        least = width - sum(n for _, _, n in items[size]) if width > environments[size] else 0
        most = len(plan.sizes) * plan.counts[payload]
        count = min(max(item.count, least), most - numbers[payload])
        if count > 0:
            items[size].append((payload, numbers[payload], count))
            numbers[payload] += count
            wide[size] = max(wide[size], width)
            if not item.wake:
                environments[size] = max(environments[size], width)
    return {
        size: widened(ranges, wide[size], environments[size])
        for size, ranges in items.items()
        if ranges
    }


def sent(plan: RunPlan, before: Sequence[int], samples: Iterable[Sample]) -> tuple[int, ...]:
    """How many of each payload type were sent: a try that crashed may have sent more than the
    state knows of, and no number is used twice."""
    counts = dict(zip((payload.name for payload in plan.payloads), before, strict=True))
    for sample in samples:
        counts[sample.payload] = max(counts[sample.payload], sample.invocation + 1)
    return tuple(counts.values())


def sent_with(before: Sequence[int], next_trials: Iterable[Trial]) -> tuple[int, ...]:
    """How many will have been sent after these trials."""
    counts = list(before)
    for trial in next_trials:
        for payload, first, count in trial.items:
            counts[payload] = max(counts[payload], first + count)
    return tuple(counts)


def _environments(samples: Iterable[Sample]) -> defaultdict[int, int]:
    """How many execution environments of each size were seen, or woken.

    Lambda may serve a call that was to wake another one from one that is idle: it is not woken
    again, by a call of the same number.
    """
    names: dict[int, set[str]] = defaultdict(set)
    counts: defaultdict[int, int] = defaultdict(int)
    for sample in samples:
        size = sample.memory_mb
        names[size].add(sample.environment)
        counts[size] = max(counts[size], len(names[size]), awake(sample.invocation))
    return counts


# What an adaptive run may measure, at what price, and what measuring every size would cost.


_ROUNDED_UP_MS = 0.5
"""What billing whole milliseconds adds on average."""


def terms(plan: RunPlan, prices: PriceBook, without: Collection[int] = ()) -> Terms | None:
    """The sizes that may still be measured, and what an invocation costs; None without a size.

    Of sizes that run alike, as the one host that they share has too few cores, the smallest
    stands for all: the others would show the same durations at higher prices.
    """
    left = [size for size in plan.sizes if size not in without]
    as_fast = plan.question.endpoint.beyond_cores(left)[1:]
    sizes = tuple(size for size in left if size not in as_fast)
    region = prices.region(plan.target.region)
    if not sizes:
        return None
    return Terms(
        sizes=sizes,
        payloads={payload.name: payload.weight for payload in plan.payloads},
        usd_per_gb_s=region.duration_gb_s[plan.target.architecture][0].usd,
        request_usd=region.request,
        # What is answered is compared with today's size: it is always measured.
        first_mb=plan.target.today_mb if plan.target.today_mb in sizes else None,
    )


def grid_spending(
    plan: RunPlan,
    prices: PriceBook,
    answers: Sequence[BestSoFar],
    samples: Sequence[Sample],
) -> Spending | None:
    """What the grid would invoke and cost, an estimate: `counts` warm invocations at every size,
    and a warm-up in each environment; by plain means of `samples` where there are some, since that
    is what this run is billed for, and by the curves of `answers` elsewhere. None where one lacks.
    """
    init_ms = fmean([s.init_ms for s in samples if s.init_ms] or [0.0])
    means = _billed_means(samples)
    curves = {answer.payload: answer.curve for answer in answers}
    names = [payload.name for payload in plan.payloads]
    costs = terms(plan, prices)
    if costs is None or not all(curves.get(name) for name in names):
        return None
    gb_s = 0.0
    for name, count in zip(names, plan.counts, strict=True):
        apart = plan.environments / len(names)
        for point in curves[name]:
            size = point.memory_mb
            billed_ms = means.get((name, size), point.duration_ms + _ROUNDED_UP_MS)
            gb_s += count * gb_seconds(size, billed_ms)
            gb_s += apart * gb_seconds(size, billed_ms + init_ms)
    invocations = len(curves[names[0]]) * (sum(plan.counts) + plan.environments)
    usd = gb_s * costs.usd_per_gb_s + invocations * costs.request_usd
    return Spending(invocations, gb_s, usd)


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


@dataclass
class SampleReader:
    """The samples of a run as they come: a part is immutable, and read once."""

    parts: dict[str, tuple[Sample, ...]] = field(default_factory=dict)

    def so_far(self, store: RunFolder) -> list[Sample]:
        """All samples as they were made: parts of sizes that were measured side by side interleave.
        What was given up as too long counts as a failure; its bill is known in the end."""
        for key in store.part_keys():
            if key not in self.parts:
                self.parts[key] = tuple(store.read_part(key))
        samples = [sample for part in self.parts.values() for sample in part]
        return sorted(samples, key=lambda sample: (sample.started_at, sample.request_id))


@dataclass(frozen=True)
class Explorer:
    """What deciding uses beside the state; `elapsed_s` is how long the execution has lasted,
    `samples` what was read of them before."""

    plan: RunPlan
    store: RunFolder
    prices: PriceBook
    elapsed_s: float
    samples: SampleReader = field(default_factory=SampleReader)


def explorer_now(
    plan: RunPlan, store: RunFolder, started: str, samples: SampleReader | None = None
) -> Explorer:
    """The explorer at this moment of an execution that started then (ISO 8601)."""
    elapsed = datetime.now(UTC) - datetime.fromisoformat(started)
    prices = price_book(store.s3, plan.price_book)
    return Explorer(plan, store, prices, elapsed.total_seconds(), samples or SampleReader())


def begin(state: TunerState, explorer: Explorer) -> TunerState:
    """The first state of an adaptive run: its first trial chosen, nothing published yet."""
    none = (0,) * len(explorer.plan.payloads)
    return adaptive_step(replace(state, step=0, sent=none, sizes=()), (), explorer)


def adaptive_step(
    state: TunerState, measured: Sequence[BatchSummary], explorer: Explorer
) -> TunerState:
    """What was just measured goes into the books; then the next batches, or the end.

    At the end `sizes` are those that have samples. Run again after a crash it decides the same.
    """
    counted, left = count(state, measured)
    over = _over(counted, explorer)
    if left and not over:
        return replace(counted, batches=left, published=counted.works)
    plan, samples = explorer.plan, explorer.samples.so_far(explorer.store)
    failed = {**small_sizes(plan, used_memory_mb(samples)), **counted.failed}
    counted = replace(counted, sent=sent(plan, counted.sent, samples), failed=failed)
    proposal = _proposal(counted, explorer, samples)
    decided = _decided(proposal, explorer, samples)
    ended = UNPLACED if proposal.stopped == "sure" and not decided.placed else proposal.stopped
    over = ended or over or _costs_the_grid(decided)
    if over in _GOES_ON and (more := _for_compare(counted, explorer, proposal, samples, decided)):
        proposal, over, decided = more, "", replace(decided, reason=more.reason)
    next_trials = {} if over else trials(plan, counted.sent, proposal, samples)
    stopped = over or ("" if next_trials else "budget")
    decided = replace(decided, stopped=stopped, batch=_planned(plan, next_trials))
    number = counted.step or 0
    explorer.store.write_step(number, decided if stopped else decided.without_curves)
    after = _end(counted, samples) if stopped else _next(counted, next_trials)
    return replace(
        after.with_warnings(*(_shown(proposal, stopped) if stopped else ())),
        step=number + 1,
        took_s=explorer.elapsed_s - counted.at_s,
        at_s=explorer.elapsed_s,
    )


def _proposal(state: TunerState, explorer: Explorer, samples: Sequence[Sample]) -> Proposal:
    plan, question = explorer.plan, explorer.plan.question
    small = () if samples else plan.too_small(None)
    costs = terms(plan, explorer.prices, {*state.failed, *small})
    if costs is None or plan.limits is None:
        return _NO_SIZE
    observations = [observe(_as_success(s, question.allowed_errors)) for s in samples]
    objective = Objective(
        question.strategy,
        question.weight,
        worth=Worth(question.speed_worth, question.cost_tolerance),
    )
    return propose(observations, objective, costs, _budget(plan), seed=plan.seed)


def _budget(plan: RunPlan) -> Budget:
    """The limits of the run, and the grid in whose place it is, warm-ups included."""
    limits = plan.limits or Limits(0)
    woken = plan.environments / len(plan.payloads)
    calls = {p.name: n + woken for p, n in zip(plan.payloads, plan.counts, strict=True)}
    return Budget(
        max_usd=limits.max_usd,
        max_invocations=limits.max_invocations,
        regret=limits.regret,
        grid_calls=calls,
        grid_environments=plan.environments,
    )


def _as_success(sample: Sample, allowed: Collection[str]) -> Sample:
    """The sample; an error that is allowed is a success that took as long as it did."""
    return replace(sample, error="") if sample.error in allowed else sample


def _over(state: TunerState, explorer: Explorer) -> str:
    """The limit that ends the run though it is not sure: "" where it may go on.

    The next step is expected to take as long as the one before.
    """
    limits = explorer.plan.limits
    latest_s = limits.max_seconds if limits else None
    if latest_s is not None and explorer.elapsed_s + state.took_s > latest_s:
        return "time"
    return "history" if history_is_full(state) else ""


UNPLACED = "unplaced"
"""The end of a run that would be sure, were it known which environments were measured."""

_GOES_ON = ("sure", "price", "grid")
"""Ends after which a run that others are compared with goes on: no limit of the user's."""

_COMPARED_ENVIRONMENTS, _TRIES = 3, 3
_COMPARED_CALLS = 2 * _COMPARED_ENVIRONMENTS
"""A comparison has an interval from 3 environments on; each is called twice. Where Lambda does not
serve from so many, it is tried three times."""
_TO_COMPARE = "today's size and the answer are measured in 3 environments, to be compared later"


def _for_compare(
    state: TunerState,
    explorer: Explorer,
    proposal: Proposal,
    samples: Sequence[Sample],
    decided: Step,
) -> Proposal | None:
    """What today's size and the answer lack to be compared with another run's; None where nothing
    does, or it may not cost that much."""
    plan = explorer.plan
    if plan.limits is None or not plan.limits.for_compare or not proposal.answers:
        return None
    # More environments would not be told apart, or are not allowed.
    if not decided.placed or plan.environments < _COMPARED_ENVIRONMENTS:
        return None
    sizes = {proposal.answers[-1].memory_mb, plan.target.today_mb} & set(plan.sizes)
    lacking = _too_few_environments(plan, sizes, samples)
    if not lacking:
        return None
    tries = _tries(explorer.store, state.step or 0)
    batch, usd = [], decided.spent.usd
    for (size, payload), call_usd in lacking.items():
        if tries[size, payload] < _TRIES:
            batch.append(Item(size, payload, _COMPARED_CALLS, _COMPARED_ENVIRONMENTS))
            usd += _COMPARED_CALLS * call_usd
    most = plan.limits.max_usd
    if not batch or (most is not None and usd > most):
        return None
    return replace(proposal, batch=tuple(batch), stopped="", reason=_TO_COMPARE)


def _too_few_environments(
    plan: RunPlan, sizes: Collection[int], samples: Sequence[Sample]
) -> dict[tuple[int, str], float]:
    """What was measured in too few environments to be compared, by size and payload type, with the
    mean cost of a call so far; what only fails is left out."""
    lacking = {}
    for size, payload in product(sorted(sizes), plan.payloads):
        own = [s for s in samples if (s.memory_mb, s.payload) == (size, payload.name)]
        warm = [s for s in own if not s.cold and not s.error]
        failing = own and not warm
        if not failing and len({s.environment for s in warm}) < _COMPARED_ENVIRONMENTS:
            lacking[size, payload.name] = fmean(s.cost_usd for s in own) if own else 0.0
    return lacking


def _tries(store: RunFolder, steps: int) -> Counter[tuple[int, str]]:
    """How often each size and payload type was measured to be compared in so many steps."""
    return Counter(
        (planned.memory_mb, planned.payload)
        for step in islice(store.read_steps(), steps)
        if step.reason == _TO_COMPARE
        for planned in step.batch
    )


def _next(state: TunerState, next_trials: Mapping[int, Trial]) -> TunerState:
    """The batches of the next round; sizes that were never wanted before are published first."""
    batches = tuple(
        Batch(Work(size, state.step or 0), state.versions.get(size, ""), trial=trial)
        for size, trial in sorted(next_trials.items())
    )
    return replace(
        state,
        batches=batches,
        sent=sent_with(state.sent, next_trials.values()),
        published=0,
        works=sum(not batch.version for batch in batches),
    )


def _end(state: TunerState, samples: Sequence[Sample]) -> TunerState:
    sizes = tuple(sorted({sample.memory_mb for sample in samples}))
    return replace(state, batches=(), published=0, works=0, sizes=sizes)


def _planned(plan: RunPlan, next_trials: Mapping[int, Trial]) -> tuple[Planned, ...]:
    """What is measured next, for people."""
    return tuple(
        Planned(size, plan.payloads[payload].name, number, trial.environments)
        for size, trial in sorted(next_trials.items())
        for payload, _, number in trial.items
    )


def _decided(proposal: Proposal, explorer: Explorer, samples: Sequence[Sample]) -> Step:
    """A step as it is stored; `grid` is what the grid would cost by what is known now."""
    spent = Spending(
        len(samples),
        sum(gb_seconds(sample.memory_mb, sample.billed_ms) for sample in samples),
        sum(sample.cost_usd for sample in samples),
    )
    return Step(
        stopped=proposal.stopped,
        reason=proposal.reason[:_REASON_LENGTH],
        answers=proposal.answers,
        batch=(),
        elapsed_s=round(explorer.elapsed_s, 3),
        spent=spent,
        grid=grid_spending(explorer.plan, explorer.prices, proposal.answers, samples),
        warnings=proposal.warnings,
        placed=_placed(samples),
    )


def _placed(samples: Iterable[Sample]) -> bool:
    """Whether it is known which environments served what was learnt from."""
    return placed([sample.environment for sample in samples if not sample.error])


def _costs_the_grid(decided: Step) -> str:
    """An adaptive run ends where it has cost as much as the grid in whose place it is."""
    return "grid" if decided.grid and decided.spent.usd >= decided.grid.usd else ""


def _shown(proposal: Proposal, stopped: str) -> list[str]:
    warnings = [text[:_WARNING_LENGTH] for text in proposal.warnings[:_SHOWN_WARNINGS]]
    return [FULL, *warnings] if stopped == "history" else warnings


# A round of an adaptive run: trials and decisions in turn, in one invocation.


LONGEST_S = 45.0
"""A round that has lasted so long ends: the next trial has a measuring function of its own."""


@dataclass(frozen=True)
class Round:
    """What a round uses beside the state: `measure` runs a batch and sums it up, `explorer` gives
    what deciding needs now, `elapsed_s` tells how long the round has lasted."""

    measure: Callable[[Batch], BatchSummary]
    explorer: Callable[[], Explorer]
    elapsed_s: Callable[[], float]


def run_round(state: TunerState, round_: Round) -> TunerState:
    """The state after the round. Run again after a crash it goes on behind what was stored."""
    while state.batches and state.published >= state.works:
        with ThreadPoolExecutor(min(len(state.batches), state.parallel)) as pool:
            measured = list(pool.map(round_.measure, state.batches))
        state = adaptive_step(state, measured, round_.explorer())
        if round_.elapsed_s() > LONGEST_S:
            break
    return state


def state_after_round(
    state: TunerState, rounds: Sequence[Mapping[str, Any]], explorer: Callable[[], Explorer]
) -> TunerState:
    """The state after a round as the state machine has it: what the round returned, or what
    follows where it crashed for good, which fails the sizes that it began with."""
    if rounds and "state" in rounds[0]:
        return TunerState.from_json(rounds[0]["state"])
    crashed = [
        BatchSummary(batch, left=False, critical_ms=0, error=str(result["error"]))
        for result in rounds
        for batch in state.batches
    ]
    return adaptive_step(state, crashed, explorer())
