"""A finding: something that may mislead or stand in the way, with its cause and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note", "ok")
"""From the gravest down: do not go on; may mislead; good to know; checked, and in order."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked; `next_step` says what to do about it, "" for nothing."""

    severity: str
    name: str
    cause: str
    next_step: str = ""

    def __str__(self) -> str:
        """The finding in one line: "drift: durations rose during the run; measure again"."""
        return "; ".join(part for part in (f"{self.name}: {self.cause}", self.next_step) if part)


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by severity; what is equally grave stays in the order given."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
