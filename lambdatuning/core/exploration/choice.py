"""The next batch of one payload type, and why."""

import math
from dataclasses import dataclass

from .belief import Belief, answer
from .looks import Action, Look, Market
from .question import Answer, Item
from .size_evidence import SizeEvidence
from .stopping import Standard, judge
from .value import best_look

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
