"""What a further measurement is worth: the regret that it is expected to save, and its price.

The knowledge gradient (Frazier, Powell and Dayanik 2008) by importance weights over drawn curves:
each of a few of them plays the truth in turn, a measurement of it reweighs the others, and the
best size is chosen anew.
"""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter, le, mul

from .evidence import Evidence
from .looks import Action, Look, Market, looks_at
from .matrices import Matrix, Vector

FANTASIES = 16
WRONG = 0.005
"""A curve under which the choice of now costs more regret than this is one that matters."""
_EVERY = 2
"""Of the drawn curves, these suffice to compare looks."""
_PLACES, _RIVALS = 12, 2


@dataclass(frozen=True, slots=True)
class _Truth:
    """The index of a curve, errors of what is measured then at each size, and its weight."""

    curve: int
    errors: Vector
    share: float


def best_look(
    curves: Matrix,
    losses: Matrix,
    evidence: Evidence,
    between: float,
    sizes: Sequence[int],
    market: Market,
    rng: random.Random,
) -> Action | None:
    """The batch that saves most for its price, if any saves enough to matter; None where there is
    nothing left to measure."""
    columns = [list(column) for column in zip(*losses[::_EVERY], strict=True)]
    logs = [list(column) for column in zip(*curves[::_EVERY], strict=True)]
    sums = list(map(sum, columns))
    now = min(range(len(sums)), key=sums.__getitem__)
    most = sums[now] / len(columns[now])
    truths = _truths(columns[now], len(sizes), rng)
    rivals = [column for column in _undominated(columns, sums) if column is not columns[now]]
    looks = {
        place: list(
            looks_at(place, evidence.at(sizes[place]), evidence, between, market.running[place])
        )
        for place in _worth_a_thought(columns, sizes)
    }
    best: Action | None = None
    for price, considered in _by_price(looks, _contenders(columns, now), market):
        # No look saves more than all that there is to save.
        if best and best.material and most / price <= best.score:
            break
        gain = _saved(considered, logs, columns[now], rivals, truths)
        found = Action(considered, gain, price)
        if best is None or (found.material, found.score) > (best.material, best.score):
            best = found
    return best


def _contenders(columns: Matrix, now: int) -> list[int]:
    """The choice of now, and the sizes that are best most often beside it."""
    wins = Counter(min(enumerate(row), key=itemgetter(1))[0] for row in zip(*columns, strict=True))
    return [now, *(place for place, _ in wins.most_common(_RIVALS + 1) if place != now)][
        : _RIVALS + 1
    ]


def _by_price(
    looks: Mapping[int, Sequence[Look]], contenders: Sequence[int], market: Market
) -> list[tuple[float, tuple[Look, ...]]]:
    """Looks at a single size, and the same look at several that may be the best."""
    found: list[tuple[Look, ...]] = [(look,) for at in looks.values() for look in at]
    groups = [contenders[:2], contenders[::2], contenders] if len(contenders) > 2 else [contenders]
    for group in groups:
        if len(group) > 1:
            found += zip(*(looks.get(place, ()) for place in group), strict=False)
    return sorted(((market.of(*one), one) for one in found), key=itemgetter(0))


def _truths(losses: Vector, sizes: int, rng: random.Random) -> list[_Truth]:
    """Curves that play the truth, the same for every look, so that luck favours none.

    Half of them are among the few curves under which the choice of now is wrong: what a look may
    save it saves there.
    """
    ranked = sorted(range(len(losses)), key=losses.__getitem__)
    wrong = sum(loss > WRONG for loss in losses)
    found = []
    for part in (ranked[: len(ranked) - wrong], ranked[len(ranked) - wrong :]):
        count = min(FANTASIES // 2, len(part))
        offset = rng.random()
        for k in range(count):
            place = part[int((k + offset) * len(part) / count)]
            errors = [rng.gauss(0.0, 1.0) for _ in range(sizes)]
            found.append(_Truth(place, errors, len(part) / count / len(losses)))
    return found


def _undominated(columns: Matrix, sums: Sequence[float]) -> Matrix:
    """The sizes that are not worse than another one under every curve."""
    kept: Matrix = []
    for place in sorted(range(len(sums)), key=sums.__getitem__):
        column = columns[place]
        if not any(all(map(le, better, column)) for better in kept):
            kept.append(column)
    return kept


def _worth_a_thought(columns: Matrix, sizes: Sequence[int]) -> Sequence[int]:
    """All sizes; of many, the most promising ones and some spread over all."""
    if len(sizes) <= _PLACES:
        return range(len(sizes))
    promising = sorted(range(len(sizes)), key=lambda place: sum(columns[place]))
    return sorted({*promising[: _PLACES // 2], *range(0, len(sizes), 2 * len(sizes) // _PLACES)})


def _saved(
    looks: Sequence[Look],
    logs: Matrix,
    now: Vector,
    rivals: Matrix,
    truths: Sequence[_Truth],
) -> float:
    """The regret that measurements are expected to save."""
    exp = math.exp
    total = 0.0
    for truth in truths:
        weights = [1.0] * len(now)
        for look in looks:
            column, half = logs[look.place], -0.5 / look.variance
            seen = column[truth.curve] + math.sqrt(look.variance) * truth.errors[look.place]
            weights = [
                w * exp(half * (v - seen) ** 2) for w, v in zip(weights, column, strict=True)
            ]
        stays = sum(map(mul, weights, now))
        least = min([sum(map(mul, weights, losses)) for losses in rivals], default=stays)
        if least < stays:
            total += truth.share * (stays - least) / sum(weights)
    return total
