"""The decision after every batch: what to measure next, or the answer.

It has no memory: the samples so far are its whole state, so that it can run anywhere, again.
"""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .belief import Belief, believe, mix
from .choice import choose, items, measured_answer
from .failures import failing
from .prior import Prior, load_prior
from .question import Answer, Budget, Item, Objective, Observation, Proposal, Terms
from .remarks import remarks
from .spending import affords, environments, market, spent_usd
from .stopping import Standard

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
