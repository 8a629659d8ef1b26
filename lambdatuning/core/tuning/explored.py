"""What an adaptive run did and answered, as its manifest keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..exploration.question import Prediction
from ..wire import read_record, write_record
from .state import Planned, Spending, Step

_STEP_REASON = 600
_NOTHING = Spending(0, 0.0, 0.0)


@dataclass(frozen=True)
class ModelAnswer:
    """The best size for one payload type, or for the mix (`payload` None), by the model at the end.

    `within_1` and `within_5` are the probabilities that no size is better by more than that share,
    `regret` how much worse than the best (as a share) it is expected to be: None where it is not
    known which execution environments were measured. `curve` is the model's, a point a size.
    """

    payload: str | None
    memory_mb: int
    within_1: float | None = None
    within_5: float | None = None
    regret: float | None = None
    curve: tuple[Prediction, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def measured(self) -> int:
        """Warm samples at the size that is answered; 0 where the model alone names it."""
        return sum(point.measured for point in self.curve if point.memory_mb == self.memory_mb)


@dataclass(frozen=True)
class StepAnswer:
    """The best size for a payload type, or the mix, before a step; None where it was not sure."""

    payload: str | None
    memory_mb: int
    within_5: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TakenStep:
    """A step: what was measured next, and why. `invocations`, `gb_s` and `usd` were spent by then,
    `elapsed_s` had gone by. The last one has no batch, and says in `stopped` why it ended."""

    step: int
    stopped: str = ""
    batch: tuple[Planned, ...] = ()
    elapsed_s: float = 0.0
    invocations: int = 0
    gb_s: float = 0.0
    usd: float = 0.0
    reason: str = ""
    answers: tuple[StepAnswer, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Explored:
    """An adaptive run: its steps, and the answers of the last one (a payload type each, then the
    mix).

    `spent` is what was invoked; `grid` what measuring every size would have, by the curves found
    (None where some payload type has none).
    """

    stopped: str
    reason: str = ""
    answers: tuple[ModelAnswer, ...] = ()
    warnings: tuple[str, ...] = ()
    spent: Spending = _NOTHING
    grid: Spending | None = None
    steps: tuple[TakenStep, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Explored | None":
        """The inverse of `to_json`; None for an empty object, as grids have it."""
        return read_record(cls, value) if value else None

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        return write_record(self)

    @property
    def by_payload(self) -> Mapping[str | None, ModelAnswer]:
        """The answers by payload type; that for the mix is under None."""
        return {answer.payload: answer for answer in self.answers}

    @property
    def main(self) -> ModelAnswer | None:
        """The answer for the mix, or for the only payload type; None where nothing was learnt."""
        return self.answers[-1] if self.answers else None


def explored(steps: Sequence[Step]) -> Explored:
    """What the stored steps of a run, at least one, come to."""
    last = steps[-1]
    return Explored(
        stopped=last.stopped,
        reason=last.reason,
        answers=tuple(_answers(last)),
        warnings=last.warnings,
        spent=last.spent,
        grid=last.grid,
        steps=tuple(_taken(number, step) for number, step in enumerate(steps, 1)),
    )


def _answers(step: Step) -> Sequence[ModelAnswer]:
    """How sure an answer is, is not known where it is not which environments were measured."""
    return [
        ModelAnswer(
            payload=answer.payload,
            memory_mb=answer.memory_mb,
            within_1=answer.within_1 if step.placed else None,
            within_5=answer.within_5 if step.placed else None,
            regret=answer.regret if step.placed else None,
            curve=answer.curve,
        )
        for answer in step.answers
    ]


def _taken(number: int, step: Step) -> TakenStep:
    answers = (
        StepAnswer(
            answer.payload, answer.memory_mb, round(answer.within_5, 4) if step.placed else None
        )
        for answer in step.answers
    )
    return TakenStep(
        step=number,
        stopped=step.stopped,
        batch=step.batch,
        elapsed_s=step.elapsed_s,
        invocations=step.spent.invocations,
        gb_s=step.spent.gb_s,
        usd=step.spent.usd,
        reason=step.reason[:_STEP_REASON],
        answers=tuple(answers),
    )
