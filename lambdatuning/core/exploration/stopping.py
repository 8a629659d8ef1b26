"""When an answer is good enough for its price."""

from collections.abc import Sequence
from dataclasses import dataclass

from .question import Answer
from .value import Action

REGRET = 0.0065
"""Above this expected regret it goes on while a batch saves `FAIR` for each time its price is what
was spent so far; a saving below that is not worth its price."""
FAIR = 0.012
LEEWAY = 0.05
"""So much below the wanted probability it may end, where the rest is not worth its price."""
BARGAIN = 0.04
"""Where a batch saves this much for its price it is worth it though the answer is good: short
functions are measured well, since that costs next to nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to go on, and why."""

    enough: bool
    reason: str


def judge(answer: Answer, options: Sequence[Action], spent_usd: float, sure: float) -> Verdict:
    """Whether `answer` is good enough, given what else could be measured."""
    said = f"{answer.memory_mb} MB is within 5 % of the best with {answer.within_5:.0%}"
    if answer.within_5 < sure - LEEWAY:
        return Verdict(False, f"{said}, of {sure:.0%} wanted")
    best = max((option.score for option in options), default=0.0) * spent_usd
    if answer.within_5 < sure and best > FAIR:
        return Verdict(False, f"{said}, of {sure:.0%} wanted")
    if answer.regret > REGRET and best > FAIR:
        return Verdict(False, f"{said}, but expected to be {answer.regret:.1%} worse than it")
    if best > BARGAIN:
        return Verdict(False, f"{said}; another look costs little beside what it may save")
    return Verdict(True, said)
