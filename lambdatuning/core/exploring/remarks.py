"""What a reader of the answers should know of them: plain sentences."""

from collections.abc import Iterable, Iterator, Sequence

from .belief import Belief
from .question import Answer, Budget
from .words import join_mb, percent

_DIFFERS = 0.05
_FIRST = 0.2

_WHY = {
    "budget": "a larger budget would make it surer",
    "grid": "more samples would cost as much as measuring every size",
    "price": "more samples would cost more than they may save",
    "sure": "it is expected to lose no more than was accepted",
}


def remarks(
    beliefs: Iterable[Belief],
    answers: Sequence[Answer],
    given_up: Sequence[int],
    budget: Budget,
    stopped: str,
) -> tuple[str, ...]:
    """Everything that makes the answers more expensive or less sure than usual."""
    found: list[str] = []
    if given_up:
        sizes = join_mb(given_up)
        found.append(f"invocations fail at, or below what fails at, these sizes: {sizes}")
    for belief in beliefs:
        found += [f"{_name(belief.payload)}: {text}" for text in _of(belief)]
    if stopped:
        found += [
            f"{_name(answer.payload)}: {join_mb([answer.memory_mb])} is within 5 % of the best with "
            f"a probability of {percent(answer.within_5)} only; {_WHY[stopped]}"
            for answer in answers
            if answer.within_5 < budget.sure
        ]
    return tuple(found)


def _of(belief: Belief) -> Iterator[str]:
    hosts = sorted(noise.host for noise in belief.noises)[len(belief.noises) // 2]
    if hosts >= _DIFFERS and any(size.environments > 1 for size in belief.evidence):
        yield (
            f"execution environments differ by about {percent(hosts)}; the answer rests on several"
        )
    first = sorted(noise.first for noise in belief.noises)[len(belief.noises) // 2]
    if first >= _FIRST and any(size.first_apart is not None for size in belief.evidence):
        yield "the first call of an execution environment takes longer than the others"


def _name(payload: str | None) -> str:
    if payload is None:
        return "the mix"
    return payload or "the function"
