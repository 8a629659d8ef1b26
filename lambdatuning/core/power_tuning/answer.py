"""The output of a tuner's execution: its fields in the words of AWS Lambda Power Tuning, read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TunerAnswer:
    """What an execution answers, of our tuner or of Power Tuning itself; None and "" where it does
    not say. `output` is as it came over the wire.

    >>> TunerAnswer.of({"power": "512", "cost": 2e-6, "duration": 31.5}).memory_mb
    512
    >>> TunerAnswer.of(None).memory_mb is None
    True
    """

    output: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, output: object) -> "TunerAnswer":
        """The answer in an output; one that says nothing for what is no JSON object."""
        return cls(output) if isinstance(output, Mapping) else cls()

    @property
    def memory_mb(self) -> int | None:
        """The size that it names; Power Tuning answers with a text where the sizes were texts."""
        power = self.output.get("power")
        if isinstance(power, int | float) and not isinstance(power, bool):
            return int(power)
        return int(power) if isinstance(power, str) and power.isdecimal() else None

    @property
    def cost_usd(self) -> float | None:
        """The mean cost of an invocation at that size, trimmed."""
        return self.output.get("cost")

    @property
    def duration_ms(self) -> float | None:
        """The mean duration at that size, trimmed."""
        return self.output.get("duration")

    @property
    def run_usd(self) -> float | None:
        """What all its invocations cost, without the state machine."""
        return self._machine.get("lambdaCost")

    @property
    def visualization(self) -> str:
        """The address of a page that shows its curve."""
        return self._machine.get("visualization") or ""

    @property
    def samples(self) -> str:
        """Where our tuner stored the samples, `s3://BUCKET/.../run=ID/`."""
        return str(self.output.get("samples") or "")

    @property
    def _machine(self) -> Mapping[str, Any]:
        return self.output.get("stateMachine") or {}
