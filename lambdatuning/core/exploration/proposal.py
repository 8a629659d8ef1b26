"""The decision after every batch: what to measure next, or the answer, and why.

It has no memory: the samples so far are its whole state, so that it can run anywhere, again.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ..pricing import gb_seconds
from .evidence import SizeEvidence
from .posterior import Belief, answer, believe, mix
from .prior import Prior, load_prior
from .question import Answer, Budget, Item, Objective, Observation, Proposal, Terms
from .value import Action, Look, Market, best_look

MAX_FAILED = 0.2
"""A size of which more than this share of invocations fail is given up."""


def failing(observations: Iterable[Observation], sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes that are given up.

    Those that fail, and the smaller ones that never succeeded: what runs out of time or memory at
    a size does so below it, and a timeout is the dearest of all invocations.
    """
    calls: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    for seen in observations:
        calls[seen.memory_mb] += 1
        failed[seen.memory_mb] += bool(seen.error)
    bad = {size for size in calls if failed[size] > MAX_FAILED * calls[size]}
    worst = max(bad, default=0)
    proven = {size for size in calls if calls[size] > failed[size]} - bad
    return tuple(size for size in sizes if size in bad or (size < worst and size not in proven))


# Numbers in the sentences of an exploration.


def percent(share: float, digits: int = 0) -> str:
    """A share in per cent, cut rather than rounded: what is nearly sure enough does not look so.

    >>> percent(0.9496), percent(0.00129, 2)
    ('94 %', '0.12 %')
    """
    unit = 10**digits
    return f"{math.floor(share * 100 * unit + 1e-9) / unit:.{digits}f} %"


def join_mb(sizes: Iterable[int]) -> str:
    """Sizes as they are written everywhere.

    >>> join_mb([512, 1024])
    '512, 1,024 MB'
    """
    return f"{', '.join(f'{size:,}' for size in sizes)} MB"


# What a reader of the answers should know of them: plain sentences.


_STRAYS = 0.2
_DIFFERS = 0.05
_MIN_DRIFT = 0.05


def remarks(
    beliefs: Iterable[Belief],
    answers: Sequence[Answer],
    given_up: Sequence[int],
    budget: Budget,
    stopped: str,
) -> tuple[str, ...]:
    """Everything that makes the answers dearer or less sure than usual."""
    found = [*_given_up(given_up)]
    for belief in beliefs:
        found += [f"{_name(belief.payload)}: {text}" for text in _of(belief)]
    if stopped:
        unsure = [a for a in answers if a.within_5 < budget.sure]
        found += [
            f"{_name(a.payload)}: {join_mb([a.memory_mb])} is within 5 % of the best with a "
            f"probability of {percent(a.within_5)} only; {_WHY.get(stopped, stopped)}"
            for a in unsure
        ]
    return tuple(found)


_WHY = {
    "budget": "a larger budget would make it surer",
    "exhausted": "more samples at these sizes would not make it surer",
    "price": "more samples would cost more than they may save",
    "sure": "each payload type has a sure answer of its own, but no one size is sure for all",
}


def _of(belief: Belief) -> Iterator[str]:
    evidence = belief.evidence
    if belief.posterior.scale > _STRAYS:
        yield "durations follow no known curve, so more was measured than usual"
    if evidence.comparisons and evidence.environment_sd > _DIFFERS:
        yield (
            f"execution environments differ by {percent(evidence.environment_sd)}; "
            "the answer rests on several of them"
        )
    drifting = [s.memory_mb for s in evidence.sizes if s.drift > _MIN_DRIFT]
    if drifting:
        yield f"durations drifted while they were measured, at {join_mb(drifting)}"


def _given_up(sizes: Sequence[int]) -> Iterator[str]:
    if sizes:
        yield f"invocations fail at, or below what fails at, these sizes: {join_mb(sizes)}"


def _name(payload: str | None) -> str:
    if payload is None:
        return "the mix"
    return payload or "the function"


# What was spent, what more would cost, and whether the budget has it.


_INIT_MS = 250.0
"""The init expected before any was seen."""


def spent_usd(seen: Iterable[Observation], terms: Terms) -> float:
    """The bill of what was invoked, cold starts and failures included."""
    return math.fsum(
        gb_seconds(one.memory_mb, one.billed_ms) * terms.usd_per_gb_s + terms.request_usd
        for one in seen
    )


def affords(budget: Budget, usd: float, invocations: int) -> bool:
    """Whether a run that has cost so much by then keeps its budget."""
    return (budget.max_usd is None or usd <= budget.max_usd) and (
        budget.max_invocations is None or invocations <= budget.max_invocations
    )


def environments(seen: Iterable[Observation]) -> dict[int, int]:
    """How many execution environments were seen at each size, for whichever payload type."""
    found: dict[int, set[str]] = defaultdict(set)
    for one in seen:
        found[one.memory_mb].add(one.environment)
    return {size: len(names) for size, names in found.items()}


def market(
    belief: Belief, seen: Sequence[Observation], terms: Terms, running: dict[int, int]
) -> Market:
    """Prices at each size by the belief, and by the inits that were seen."""
    inits = [one.init_ms for one in seen if one.cold and one.init_ms]
    init_ms = fmean(inits) if inits else _INIT_MS
    warm = belief.priced.costs([_middle(ordered) for ordered in belief.ordered_ms])
    cold = [
        usd + gb_seconds(size, init_ms) * terms.usd_per_gb_s
        for usd, size in zip(warm, belief.sizes, strict=True)
    ]
    return Market(warm, cold, [running.get(size, 0) for size in belief.sizes])


def _middle(ordered: Sequence[float]) -> float:
    """The mean of the middle half: few curves run off where nothing was measured."""
    quarter = len(ordered) // 4
    kept = ordered[quarter : len(ordered) - quarter]
    return sum(kept) / len(kept)


# When an answer is good enough for its price.


WORTH = {"cost": 0.0007}
_WORTH = 0.00025
"""A batch is worth its price as long as it is expected to save this much regret for each time that
its price is what was spent so far: to add a tenth to the bill it must save a tenth of this. Where
time is saved, and not money alone, less is enough."""
PATIENCE = 5.0
"""After a bill of so many calls at each size a batch must save twice as much, after twice that bill
five times as much: sizes that differ hardly or not at all are not told apart at any price."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What an answer and a further batch are held to.

    `spent_usd` is what the payload type answers for, `rounds` how many calls at each size its bill
    would pay for, `sure` the probability wanted.
    """

    strategy: str
    spent_usd: float
    rounds: float
    sure: float

    @property
    def least(self) -> float:
        """The regret that a batch must save for each time that its price is what was spent."""
        return WORTH.get(self.strategy, _WORTH) * (1 + (self.rounds / PATIENCE) ** 2)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to go on, and why."""

    enough: bool
    reason: str


def judge(answer: Answer, look: Action | None, standard: Standard) -> Verdict:
    """Whether `answer` is good enough, given the best further look."""
    found = f"{join_mb([answer.memory_mb])} is within 5 % of the best"
    said = f"{found} with {percent(answer.within_5)}"
    if answer.within_5 < standard.sure:
        said += f", of {percent(standard.sure)} wanted"
    if look is None or look.score * standard.spent_usd <= standard.least:
        return Verdict(True, said)
    more = look.price_usd / standard.spent_usd
    return Verdict(
        False, f"{said}; {percent(more)} more of the bill may save {percent(look.gain, 2)}"
    )


# The next batch of one payload type, and why.


VERIFIED = 1.5
"""Samples at the recommended size, at least, one of them warm: nothing is recommended that was not
measured, and measured again."""
UNLIKE, DOUBT, COMPARED = 0.1, 0.12, 1
"""Where hosts may differ so much (log) with more than this probability, because what was seen fits
no curve, so many samples on a second execution environment have to tell."""
COMPARED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """`action` is None where no more is wanted; `exhausted` where more was, and there is none."""

    action: Action | None
    reason: str
    exhausted: bool = False


def choose(belief: Belief, market: Market, standard: Standard) -> Choice:
    """What to measure next of one payload type."""
    expected = belief.expected
    place = min(range(len(expected)), key=expected.__getitem__)
    look = best_look(
        belief.curves,
        belief.losses,
        belief.evidence,
        belief.posterior.between,
        belief.sizes,
        market,
    )
    found = answer(belief, place)
    verdict = judge(found, look, standard)
    if not verdict.enough:
        return Choice(look, verdict.reason)
    short = _unverified(belief.evidence.at(belief.sizes[place]))
    if short > 0:
        verify = Action((Look(place, short, 1),), 0.0, market.price(place, short, 1))
        return Choice(verify, f"{verdict.reason}; to be verified")
    other = _second_environment(belief, market)
    if other:
        return Choice(other, f"{verdict.reason}; do hosts differ?")
    return Choice(None, verdict.reason, exhausted=look is None and found.within_5 < standard.sure)


def _unverified(known: SizeEvidence | None) -> int:
    """How many warm samples are missing at the size that would be recommended."""
    return 1 if known is None else max(1 - known.count, math.ceil(VERIFIED - known.alike))


def _second_environment(belief: Belief, market: Market) -> Action | None:
    """The cheapest way to see whether execution environments differ, where that is in doubt."""
    evidence = belief.evidence
    if evidence.comparisons or not evidence.named or belief.posterior.unlike(UNLIKE) < DOUBT:
        return None
    # A size at which a second environment was asked for in vain is not asked again.
    known = [size for size in evidence.sizes if size.count <= COMPARED_AT_MOST]
    places = [belief.sizes.index(size.memory_mb) for size in known]
    prices = {place: market.price(place, COMPARED, 2) for place in places}
    place = min(places, key=prices.__getitem__, default=None)
    if place is None:
        return None
    return Action((Look(place, COMPARED, 2),), 0.0, prices[place])


def items(belief: Belief, action: Action) -> list[Item]:
    """The batch items of an action."""
    return [
        Item(
            belief.sizes[look.place],
            belief.payload,
            max(look.count, 1),
            look.environments,
            wake=look.count > 0,
        )
        for look in action.looks
    ]


def measured_answer(belief: Belief) -> Answer:
    """The best answer among the sizes that were measured, with its curve."""
    expected = belief.expected
    known = belief.evidence.sizes
    warm = [size for size in known if size.count] or known
    places = [belief.sizes.index(size.memory_mb) for size in warm]
    return answer(belief, min(places, key=expected.__getitem__), curve=True)


# The decision after every batch: what to measure next, or the answer.


FIRST_MB = {"cost": 512}
_FIRST_MB = 1024


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
        seen=tuple(one for one in observations if one.payload in terms.payloads),
        objective=objective,
        terms=terms,
        budget=budget or Budget(),
        prior=prior or load_prior(),
    )
    if not case.sizes:
        return Proposal((), "invocations fail at every size", "failed", ())
    if case.missing:
        return _first_look(case)
    rng = random.Random(f"{seed}/{len(case.seen)}")  # noqa: S311
    beliefs = believe(case.by_payload, case.sizes, objective, terms, case.prior, rng)
    return _decide(case, beliefs)


@dataclass(frozen=True)
class _Case:
    """Everything that was given, and what follows from it at once."""

    seen: tuple[Observation, ...]
    objective: Objective
    terms: Terms
    budget: Budget
    prior: Prior

    @property
    def given_up(self) -> tuple[int, ...]:
        return failing(self.seen, self.terms.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(sorted(set(self.terms.sizes) - set(self.given_up)))

    @property
    def by_payload(self) -> dict[str, list[Observation]]:
        """The successes of each payload type at sizes that may still win."""
        found: dict[str, list[Observation]] = {name: [] for name in self.terms.payloads}
        sizes = set(self.sizes)
        for one in self.seen:
            if one.memory_mb in sizes and not one.error:
                found[one.payload].append(one)
        return found

    @property
    def missing(self) -> list[str]:
        """The payload types without a warm success."""
        return [name for name, seen in self.by_payload.items() if all(one.cold for one in seen)]


def _first_look(case: _Case) -> Proposal:
    """A middle size, the same for all payload types, since an environment serves them all."""
    done = [one.memory_mb for found in case.by_payload.values() for one in found]
    middle = FIRST_MB.get(case.objective.strategy, _FIRST_MB)
    size = done[0] if done else min(case.sizes, key=lambda s: abs(math.log(s / middle)))
    # One sample each tells which of several payload types is the shortest; it then goes first.
    batch = tuple(Item(size, name, 1) for name in case.missing)
    calls = len(case.seen) + len(batch)
    if not affords(case.budget, spent_usd(case.seen, case.terms), calls):
        reason = "the budget ended before every payload type was measured"
        return Proposal((), reason, "budget", ())
    return Proposal(batch, "a first look, from which the scale is learnt", "", ())


@dataclass(frozen=True)
class _Plan:
    """The next batch; one reason a payload type, and why those without an item have none."""

    batch: tuple[Item, ...]
    reasons: tuple[str, ...]
    ends: frozenset[str]


def _decide(case: _Case, beliefs: Mapping[str, Belief]) -> Proposal:
    plan = _plan(case, beliefs)
    answers = [measured_answer(belief) for belief in beliefs.values()]
    stopped = "" if plan.batch else _stopped(plan, answers, case.budget.sure)
    if len(answers) > 1:
        answers.append(mix(beliefs.values(), case.objective, case.terms))
    said = remarks(beliefs.values(), answers, case.given_up, case.budget, stopped)
    return Proposal(plan.batch, "; ".join(plan.reasons), stopped, tuple(answers), said)


def _plan(case: _Case, beliefs: Mapping[str, Belief]) -> _Plan:
    """What every payload type wants next; the shortest one alone, as long as it wants anything:
    its curve is the cheapest, and the others learn from it."""
    batch: list[Item] = []
    reasons: list[str] = []
    ends: set[str] = set()
    spent, calls = spent_usd(case.seen, case.terms), len(case.seen)
    running = environments(case.seen)
    # Of n payload types each has an n-th of the bill, and what one may save is an n-th of all.
    share = spent / len(beliefs) ** 2
    for place, belief in enumerate(sorted(beliefs.values(), key=_length)):
        prices = market(belief, case.seen, case.terms, running)
        rounds = spent / len(beliefs) / sum(prices.warm_usd)
        standard = Standard(case.objective.strategy, share, rounds, case.budget.sure)
        choice = choose(belief, prices, standard)
        reasons.append(choice.reason)
        if choice.action is None:
            ends.add("exhausted" if choice.exhausted else "sure")
            continue
        wanted = items(belief, choice.action)
        spent += choice.action.price_usd
        calls += sum(one.count for one in wanted)
        if not affords(case.budget, spent, calls):
            ends.add("budget")
            continue
        batch += wanted
        if place == 0:
            break
        # Later payload types find these environments running, and need not pay for them.
        for one in wanted:
            running[one.memory_mb] = max(running.get(one.memory_mb, 0), one.environments)
    return _Plan(tuple(batch), tuple(reasons), frozenset(ends))


def _length(belief: Belief) -> float:
    """How long a payload type takes, at the sizes where it was measured."""
    return max(size.log_ms for size in belief.evidence.sizes)


def _stopped(plan: _Plan, answers: Sequence[Answer], sure: float) -> str:
    for end in ("budget", "exhausted"):
        if end in plan.ends:
            return end
    return "sure" if all(answer.within_5 >= sure for answer in answers) else "price"
