"""When an answer is good enough for its price."""

from dataclasses import dataclass

from .looks import Action
from .question import Answer
from .words import join_mb, percent

WORTH = 0.0013
"""A batch is worth its price as long as it is expected to save this much regret for each time that
its price is what was spent so far: to add a tenth to the bill it must save a tenth of this."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to go on, and why."""

    enough: bool
    reason: str


def judge(answer: Answer, look: Action | None, spent_usd: float, sure: float) -> Verdict:
    """Whether `answer` is good enough, given the best further look.

    `spent_usd` is what this payload type answers for; `sure` the probability wanted.
    """
    found = f"{join_mb([answer.memory_mb])} is within 5 % of the best"
    said = f"{found} with {percent(answer.within_5)}"
    if answer.within_5 < sure:
        said += f", of {percent(sure)} wanted"
    if look is None or look.score * spent_usd <= WORTH:
        return Verdict(True, said)
    more = look.price_usd / spent_usd
    return Verdict(
        False, f"{said}; {percent(more)} more of the bill may save {percent(look.gain, 2)}"
    )
