"""When an answer is good enough for its price."""

from dataclasses import dataclass

from .looks import Action
from .question import Answer

LEEWAY, HOPELESS = 0.03, 0.01
"""Where so much is missing of the wanted probability it goes on, unless a batch saves no more than
this much regret for each time that its price is what was spent so far."""
REGRET, FAIR = 0.0015, 0.008
"""Above this expected regret it goes on while a batch saves that much for its price."""
BARGAIN = 0.018
"""Where a batch saves this much for its price it is worth it though the answer is good: short
functions are measured well, since that costs next to nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to go on, and why."""

    enough: bool
    reason: str


def judge(answer: Answer, look: Action | None, spent_usd: float, sure: float) -> Verdict:
    """Whether `answer` is good enough, given the best further look."""
    said = f"{answer.memory_mb} MB is within 5 % of the best with {answer.within_5:.0%}"
    worth = look.score * spent_usd if look else 0.0
    if answer.within_5 < sure - LEEWAY:
        return Verdict(worth <= HOPELESS, f"{said}, of {sure:.0%} wanted")
    if answer.within_5 < sure and worth > FAIR:
        return Verdict(False, f"{said}, of {sure:.0%} wanted")
    if not look or not look.material:
        return Verdict(True, said)
    if answer.regret > REGRET and worth > FAIR:
        return Verdict(False, f"{said}, but expected to be {answer.regret:.1%} worse than it")
    if worth > BARGAIN:
        return Verdict(False, f"{said}; another look costs little beside what it may save")
    return Verdict(True, said)
