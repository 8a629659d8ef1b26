"""The decision after every batch: what to measure next, or the answer.

It has no memory: the samples so far are its whole state, so that it can run anywhere, again.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from ..format import format_part, format_sure, join_mb
from ..pricing import gb_seconds
from ..statistics.means import placed
from .acquisition import Action, Calls, Market, best_action
from .assessment import Assessment, Mix, assess, mix, quantile
from .evidence import failing
from .prior import Prior, load_prior
from .question import BestSoFar, Budget, Item, Objective, Observation, Proposal, Terms

FIRST_MB = 512
FAR = 3.0
"""Two sizes at least so many times apart are measured before anything is concluded."""
WORTH = 0.02
"""Calls are worth their price as long as they are expected to save this much regret for what
measuring every size would cost."""
_CERTAIN_REGRET = 2.0
"""A sure answer may be expected to be so many times the wanted regret worse than the best."""
_CAP, _KEPT = 0.05, 0.9
"""The quantile of what measuring every size may cost of which this share is not exceeded."""
_HIGH, _MARGIN = 0.8, 2.0
"""A warm call may cost so many times this quantile of its believed mean, before it was made."""
_VERIFIED, _FREE = 24, 0.5
"""Warm calls at the recommended size: so many as cost this share of its init, from 1 to 24."""
_HOSTS, _DOUBT, _TELLING, _COMPARED = 0.05, 0.1, 0.1, 3
"""Where hosts may differ by this much (log) with more than this probability, a second environment
is compared at a size where calls are this quiet (log), and no more than so many."""
_HOPELESS, _HOPE = 0.5, 0.01
"""A size that loses no more than this under this share of possible curves at most is no answer, and
need not be near one that was called."""
_SETTLED = 0.5
"""Hosts do not matter where no more than this share of the accepted regret is expected to be lost,
as what is expected knows that they may differ."""
_GRID_CALLS, _INIT_MS = 10, 250.0
"""Calls at each size where the grid is not known, and the init expected before any was seen."""


def propose(
    observations: Iterable[Observation],
    objective: Objective,
    terms: Terms,
    budget: Budget | None = None,
    *,
    seed: int = 0,
    prior: Prior | None = None,
) -> Proposal:
    """What to measure after `observations` (all so far, in the order made), or the end.

    Equal arguments give equal proposals. `prior` is the package's unless another is given.
    """
    case = _Case(
        observations=tuple(one for one in observations if one.payload in terms.payloads),
        objective=objective,
        terms=terms,
        budget=budget or Budget(),
        prior=prior or load_prior(),
    )
    if not case.sizes:
        return Proposal((), "invocations fail at every size", "failed", ())
    if case.missing:
        return _first_look(case)
    rng = random.Random(f"{seed}/{len(case.observations)}")  # noqa: S311
    assessments = assess(case.by_payload, case.sizes, objective, terms, case.prior, rng)
    return _decide(case, assessments, rng)


@dataclass(frozen=True)
class _Case:
    """Everything that was given, and what follows from it at once."""

    observations: tuple[Observation, ...]
    objective: Objective
    terms: Terms
    budget: Budget
    prior: Prior

    @cached_property
    def given_up(self) -> tuple[int, ...]:
        return failing(self.observations, self.terms.sizes)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(sorted(set(self.terms.sizes) - set(self.given_up)))

    @cached_property
    def by_payload(self) -> dict[str, list[Observation]]:
        """The successes of each payload type at sizes that may still win."""
        by_payload: dict[str, list[Observation]] = {name: [] for name in self.terms.payloads}
        sizes = set(self.sizes)
        for one in self.observations:
            if one.memory_mb in sizes and not one.error:
                by_payload[one.payload].append(one)
        return by_payload

    @property
    def missing(self) -> list[str]:
        """The payload types without a warm success."""
        return [
            name
            for name, observations in self.by_payload.items()
            if all(one.cold for one in observations)
        ]

    @cached_property
    def spent_usd(self) -> float:
        """The bill of what was invoked, cold starts and failures included."""
        return math.fsum(
            gb_seconds(one.memory_mb, one.billed_ms) * self.terms.usd_per_gb_s
            + self.terms.request_usd
            for one in self.observations
        )

    @cached_property
    def init_ms(self) -> float:
        inits = [one.init_ms for one in self.observations if one.cold and one.init_ms]
        return fmean(inits) if inits else _INIT_MS

    @cached_property
    def running(self) -> dict[int, int]:
        """How many execution environments were seen at each size, for whichever payload type."""
        environments: defaultdict[int, set[str]] = defaultdict(set)
        for one in self.observations:
            environments[one.memory_mb].add(one.environment)
        return {size: len(names) for size, names in environments.items()}

    @property
    def named(self) -> bool:
        """Whether it is known which environments served the calls."""
        return placed([one.environment for one in self.observations if not one.error])

    def start_usd(self, size: int) -> float:
        """What an init adds to the bill."""
        return gb_seconds(size, self.init_ms) * self.terms.usd_per_gb_s

    def market(self, assessment: Assessment, running: Mapping[int, int]) -> Market:
        """Prices by what is believed."""
        high_ms = [_MARGIN * quantile(ordered, _HIGH) for ordered in assessment.ordered_ms]
        return Market(
            assessment.priced.costs(assessment.typical_ms),
            assessment.priced.costs(high_ms),
            [self.start_usd(size) for size in assessment.sizes],
            [running.get(size, 0) for size in assessment.sizes],
        )

    def grid_usd(self, assessment: Assessment, share: float) -> float:
        """A quantile of what measuring a payload type at every size may cost."""
        calls = self.budget.grid_calls.get(assessment.payload, _GRID_CALLS)
        starts = self.budget.grid_environments
        bills = sorted(calls * sum(one.cost_usd) for one in assessment.outlooks)
        inits = sum(map(self.start_usd, assessment.sizes)) * starts / len(self.terms.payloads)
        return quantile(bills, share) + inits

    def cap_usd(self, assessments: Mapping[str, Assessment]) -> float:
        """What the whole run may cost: less than measuring every size is believed to."""
        return _KEPT * sum(self.grid_usd(assessment, _CAP) for assessment in assessments.values())

    def affords(self, usd: float, calls: int) -> bool:
        """Whether a run that has cost so much by then keeps the budget that was given."""
        most_usd, most_calls = self.budget.max_usd, self.budget.max_invocations
        return (most_usd is None or usd <= most_usd) and (most_calls is None or calls <= most_calls)


def _first_look(case: _Case) -> Proposal:
    """The size that is asked for first, else a middle one; the same for all payload types, since an
    environment serves them all."""
    first_mb = case.terms.first_mb or FIRST_MB
    done = [one.memory_mb for observations in case.by_payload.values() for one in observations]
    size = done[0] if done else min(case.sizes, key=lambda s: abs(math.log(s / first_mb)))
    # One call each tells which of several payload types is the shortest; it then goes first.
    batch = tuple(Item(size, name, 1) for name in case.missing)
    if not case.affords(case.spent_usd, len(case.observations) + len(batch)):
        reason = "the budget ended before every payload type was measured"
        return Proposal((), reason, "budget", ())
    return Proposal(batch, "a first look, from which the scale is learnt", "", ())


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is measured next of a payload type (None: nothing), why, and how it ended."""

    action: Action | None
    reason: str
    end: str = ""


def _decide(case: _Case, assessments: Mapping[str, Assessment], rng: random.Random) -> Proposal:
    batch, reasons, ends = _plan(case, assessments, rng)
    answers = [assessment.measured_answer() for assessment in assessments.values()]
    if len(answers) > 1:
        whole = mix(assessments.values(), case.objective, case.terms)
        answers.append(whole.answer())
        if not batch and "budget" not in ends:
            batch = _mix_calls(case, assessments, whole)
            reasons += ["the best size of the mix is to be verified"] if batch else []
    stopped = "" if batch else next((e for e in ("budget", "grid", "price") if e in ends), "sure")
    sure_of = answers if case.named else []
    said = remarks(assessments.values(), sure_of, case.given_up, case.budget, stopped)
    return Proposal(tuple(batch), "; ".join(reasons), stopped, tuple(answers), said)


def _mix_calls(case: _Case, assessments: Mapping[str, Assessment], whole: Mix) -> list[Item]:
    """A call of each payload type that was not measured at the best size of the mix."""
    size = whole.sizes[whole.best]
    missing = [b for b in assessments.values() if not b.warm_calls(whole.best)]
    usd = case.spent_usd + case.start_usd(size)
    usd += sum(b.priced.costs(b.typical_ms)[whole.best] for b in missing)
    if usd > case.cap_usd(assessments) or not case.affords(
        usd, len(case.observations) + len(missing)
    ):
        return []
    return [Item(size, assessment.payload, 1) for assessment in missing]


def _plan(
    case: _Case, assessments: Mapping[str, Assessment], rng: random.Random
) -> tuple[list[Item], list[str], set[str]]:
    """What every payload type wants next; the shortest one alone, as long as it wants anything:
    its curve is the cheapest, and the others learn from it."""
    batch: list[Item] = []
    reasons: list[str] = []
    ends: set[str] = set()
    usd, calls, running = case.spent_usd, len(case.observations), dict(case.running)
    cap = case.cap_usd(assessments)
    grid = sum(case.grid_usd(assessment, 0.5) for assessment in assessments.values())
    for place, assessment in enumerate(sorted(assessments.values(), key=_length)):
        left = (cap - usd, grid - usd)
        choice = _choose(case, assessment, case.market(assessment, running), left, rng)
        reasons.append(choice.reason)
        if choice.action is None:
            ends.add(choice.end)
            continue
        usd += choice.action.usd
        calls += sum(one.count for one in choice.action.calls)
        if not case.affords(usd, calls):
            ends.add("budget")
            continue
        for one in choice.action.calls:
            size = assessment.sizes[one.place]
            wake = running.get(size, 0) > 0
            batch.append(Item(size, assessment.payload, one.count, one.environments, wake=wake))
            # Later payload types find these environments running, and need not pay for them.
            running[size] = max(running.get(size, 0), one.environments)
        if place == 0:
            break
    return batch, reasons, ends


def _length(assessment: Assessment) -> float:
    """How long a payload type takes, at the sizes where it was measured."""
    return max(size.log_mean(0.0) for size in assessment.evidence)


def _choose(
    case: _Case,
    assessment: Assessment,
    market: Market,
    left: tuple[float, float],
    rng: random.Random,
) -> _Choice:
    """What to measure next of one payload type; `left` is what it may cost, and what the first warm
    call at the answer may: a size that is believed to be best is not left out for its init."""
    left_usd, first_usd = left
    far = _far(assessment)
    if far and not assessment.helped:
        action = best_action(assessment, market, left_usd / 2, rng, far)
        return _Choice(action, f"sizes {FAR:g} times apart are compared first")
    answer = assessment.answer(assessment.best)
    so_far = _so_far(case, answer)
    choice = _Choice(None, so_far, _end(case.budget, answer))
    if not choice.end:
        choice = _worth_buying(case, assessment, market, left_usd, so_far, rng)
    if choice.action:
        return choice
    for needed, why in _open(case, assessment, market):
        calls = _affordable(needed, market, left_usd)
        first = calls.place == assessment.best and not assessment.warm_calls(assessment.best)
        if market.high_price([calls]) <= (first_usd if first else left_usd):
            return _Choice(Action((calls,), market.price([calls])), f"{so_far}; {why}")
    return choice


def _worth_buying(
    case: _Case,
    assessment: Assessment,
    market: Market,
    left_usd: float,
    so_far: str,
    rng: random.Random,
) -> _Choice:
    """The calls that save more than they cost; else why there are none."""
    action = best_action(assessment, market, left_usd, rng)
    grid = case.grid_usd(assessment, 0.5)
    if action is None:
        return _Choice(None, so_far, "grid")
    if action.saves < WORTH * action.extra_usd / grid:
        return _Choice(None, so_far, "price")
    return _Choice(
        action,
        f"{so_far}; {format_part(action.usd / grid)} more of the bill of measuring every size may "
        f"save {format_part(action.saves, 2)}",
    )


def _affordable(calls: Calls, market: Market, left_usd: float) -> Calls:
    """So many of the calls as what is left pays for, but a warm one at least."""
    least = 1 if market.running[calls.place] else 2
    while calls.count > least and market.high_price([calls]) > left_usd:
        calls = replace(calls, count=max(calls.count // 2, least))
    return calls


def _so_far(case: _Case, answer: BestSoFar) -> str:
    size = join_mb([answer.memory_mb])
    if not case.named:
        return f"{size} is best so far, how sure cannot be told"
    return f"{size} is within 5 % of the best with {format_sure(answer.within_5)}"


def _end(budget: Budget, answer: BestSoFar) -> str:
    """Whether an answer is good enough: expected to lose little, or sure to."""
    if answer.regret <= budget.regret:
        return "sure"
    certain = answer.within_5 >= budget.sure and answer.regret <= _CERTAIN_REGRET * budget.regret
    return "sure" if certain else ""


def _far(assessment: Assessment) -> list[int]:
    """The places that are far enough from what was measured; none where that is far apart."""
    measured_mb = [size.memory_mb for size in assessment.evidence]
    least = min(FAR, assessment.sizes[-1] / assessment.sizes[0])
    if max(measured_mb) / min(measured_mb) >= least:
        return []
    apart = [max(size, *measured_mb) / min(size, *measured_mb) for size in assessment.sizes]
    least = min(least, max(apart))
    return [k for k, times in enumerate(apart) if times >= least]


def _open(case: _Case, assessment: Assessment, market: Market) -> Iterator[tuple[Calls, str]]:
    """What is still to be seen before an answer stands, and why."""
    beyond = [] if assessment.helped else _beyond(assessment)
    if beyond:
        looks = [Calls(place, 1, max(market.running[place], 1)) for place in beyond]
        why = f"no size is to lie more than {FAR:g} times from what was called"
        yield _cheapest(looks, market), why
    missing = _unverified(assessment, market)
    if missing:
        running = max(market.running[assessment.best], 1)
        yield Calls(assessment.best, missing, running), "to be verified"
    for place in assessment.neighbours_due:
        yield Calls(place, 1, max(market.running[place], 1)), "its neighbours are called"
    places = _compared(case, assessment)
    if places:
        looks = [Calls(place, 1, market.running[place] + 1) for place in places]
        yield _cheapest(looks, market), "do hosts differ?"


def _cheapest(looks: Sequence[Calls], market: Market) -> Calls:
    return min(looks, key=lambda one: market.price([one]))


def _unverified(assessment: Assessment, market: Market) -> int:
    """How many calls the best size lacks."""
    best = assessment.best
    free = _FREE * market.start_usd[best] / market.warm_usd[best]
    missing = min(max(round(free), 1), _VERIFIED) - assessment.warm_calls(best)
    return missing + (not market.running[best]) if missing > 0 else 0


def _compared(case: _Case, assessment: Assessment) -> list[int]:
    """The places at which a second environment may tell whether hosts differ; none where that
    would change nothing."""
    # Of several payload types the shortest asks for all of them, where it costs the least.
    several = len(case.by_payload) > 1
    settled = assessment.expected[assessment.best] <= _SETTLED * case.budget.regret
    if not case.named or (settled and not several) or max(case.running.values()) > 1:
        return []
    doubt = sum(noise.host >= _HOSTS for noise in assessment.noises) / len(assessment.noises)
    # Where it was asked for in vain (Lambda may serve from what is idle), it is not again.
    few = [size.memory_mb for size in assessment.evidence if size.calls <= _COMPARED]
    if doubt <= _DOUBT or len(assessment.evidence) - len(few) > 1:
        return []
    called = map(assessment.sizes.index, few)
    return [place for place in called if assessment.spread(place) <= _TELLING]


def _beyond(assessment: Assessment) -> list[int]:
    """The places from which the size that lies farthest from what was called is near; none where
    all are near that may be the answer."""
    measured_mb = [size.memory_mb for size in assessment.evidence]

    def times(size: int, others: Sequence[int]) -> float:
        return min(max(size, other) / min(size, other) for other in others)

    columns = zip(assessment.sizes, zip(*assessment.losses, strict=True), strict=True)
    open_mb = [size for size, losses in columns if _may_win(losses)]
    farthest = max(open_mb, key=lambda size: times(size, measured_mb))
    if times(farthest, measured_mb) <= FAR:
        return []
    near = [k for k, size in enumerate(assessment.sizes) if times(size, [farthest]) <= FAR]
    return [k for k in near if assessment.at(k) is None]


def _may_win(losses: Sequence[float]) -> bool:
    return sum(loss <= _HOPELESS for loss in losses) > _HOPE * len(losses)


_DIFFERS = 0.05
_FIRST = 0.2

UNSURE = "is within 5 % of the best with a probability of"
"""Marks the remarks that say how sure an answer is, which the answer itself says, too."""

_WHY = {
    "budget": "a larger budget would make it surer",
    "grid": "more samples would cost as much as measuring every size",
    "price": "more samples would cost more than they may save",
    "sure": "it is expected to lose no more than was accepted",
}


def remarks(
    assessments: Iterable[Assessment],
    answers: Sequence[BestSoFar],
    given_up: Sequence[int],
    budget: Budget,
    stopped: str,
) -> tuple[str, ...]:
    """Everything that makes the answers more expensive or less sure than usual."""
    texts: list[str] = []
    if given_up:
        sizes = join_mb(given_up)
        texts.append(f"invocations fail at, or below what fails at, these sizes: {sizes}")
    for assessment in assessments:
        texts += [f"{_name(assessment.payload)}: {text}" for text in _of(assessment)]
    if stopped:
        texts += [
            f"{_name(answer.payload)}: {join_mb([answer.memory_mb])} {UNSURE} "
            f"{format_sure(answer.within_5)} only; {_WHY[stopped]}"
            for answer in answers
            if answer.within_5 < budget.sure
        ]
    return tuple(texts)


def _of(assessment: Assessment) -> Iterator[str]:
    hosts = sorted(noise.host for noise in assessment.noises)[len(assessment.noises) // 2]
    if hosts >= _DIFFERS and any(size.environments > 1 for size in assessment.evidence):
        yield (
            f"execution environments differ by about {format_part(hosts)}; "
            "the answer rests on several"
        )
    first = sorted(noise.first for noise in assessment.noises)[len(assessment.noises) // 2]
    if first >= _FIRST and any(size.first_apart is not None for size in assessment.evidence):
        yield "the first call of an execution environment takes longer than the others"


def _name(payload: str | None) -> str:
    if payload is None:
        return "the mix"
    return payload or "the function"
