"""The verdict of a gate, as one record: what `compare` and `history` say to people and pipelines.

Every output for machines (exit code, JSON, JUnit, annotations, badge, messages) is made of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..core.format import capitalised

SCHEMA = 1
"""Of `Verdict.to_json`: raised when a field changes its meaning or goes, not when one comes."""

FINE, BETTER, WORSE, SUSPECT, UNKNOWN = "fine", "better", "worse", "suspect", "unknown"
"""Kinds. A verdict is fine, better, worse or unknown; a single change is better, worse, suspect
(seen in one run alone) or unknown (without an interval, or with one that says next to nothing)."""

EXIT_CODES: Mapping[str, int] = {FINE: 0, BETTER: 0, WORSE: 3, UNKNOWN: 5}
"""What a command exits with. Only what is known to be well is 0."""


@dataclass(frozen=True, kw_only=True)
class ChangeFinding:
    """One change, or one thing of which no change can be told; "" and None where not known.

    `change`, `low` and `high` (95 % interval) and `smallest` (a change of so much or more would
    have been found four times in five) are after over before less 1: 0.1 is 10 % more.
    `memory_mb` None means all sizes. `since` is the first run of the new level, `earliest` and
    `latest` the runs between which it lies. `cause` is why, as far as the data tell.
    """

    kind: str
    measure: str
    payload: str = ""
    memory_mb: int | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    smallest: float | None = None
    since: str = ""
    earliest: str = ""
    latest: str = ""
    cause: str = ""
    text: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a function got worse. `reason` is one line without a full stop, for people.

    `source` is the command that gave it; `run_id` the newest run judged, `baseline` what it was
    compared with. `headline` has the change and what may explain it, `url` where to read more.
    `findings` has the gravest first.
    """

    source: str
    function: str
    kind: str
    reason: str
    findings: tuple[ChangeFinding, ...] = ()
    run_id: str = ""
    baseline: tuple[str, ...] = ()
    architecture: str = ""
    region: str = ""
    started_at: str = ""
    commit: str = ""
    max_regression: float | None = None
    url: str = ""

    @property
    def exit_code(self) -> int:
        """0 fine or better, 3 confirmed worse, 5 cannot tell."""
        return EXIT_CODES[self.kind]

    @property
    def worse(self) -> tuple[ChangeFinding, ...]:
        """The confirmed changes for the worse."""
        return tuple(finding for finding in self.findings if finding.kind == WORSE)

    def __str__(self) -> str:
        return f"{capitalised(self.reason)}."

    def to_json(self) -> dict[str, object]:
        """Plain values with the schema's number; see SCHEMA."""
        return {"schema": SCHEMA, **asdict(self), "exit_code": self.exit_code}


def gravest(findings: "tuple[ChangeFinding, ...] | list[ChangeFinding]") -> list[ChangeFinding]:
    """Worse before unknown before suspect before better, the largest change first."""
    order = (WORSE, UNKNOWN, SUSPECT, BETTER)
    return sorted(
        findings, key=lambda finding: (order.index(finding.kind), -abs(finding.change or 0.0))
    )
