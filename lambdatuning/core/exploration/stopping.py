"""When an answer is good enough for its price."""

from dataclasses import dataclass

from .looks import Action
from .question import Answer
from .words import join_mb, percent

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
