"""What a reader of the answers should know of them: plain sentences."""

from collections.abc import Iterable, Iterator, Sequence

from .belief import Belief
from .question import Answer, Budget
from .words import join_mb, percent

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
