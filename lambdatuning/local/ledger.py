"""A bounded memory of what was measured of each invocation, for callers that ask afterwards."""

import threading
from collections import OrderedDict
from dataclasses import asdict

from .function import Facts

CAPACITY = 50_000
"""About 30 MB; a large tuning run has some 5,000."""


class Ledger:
    """The last `capacity` invocations, by request id and in order of completion."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._sequence = 0
        self._rows: OrderedDict[str, tuple[int, Facts]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, facts: Facts) -> None:
        """Remember one invocation, forgetting the oldest when full."""
        with self._lock:
            self._sequence += 1
            self._rows[facts.request_id] = (self._sequence, facts)
            if len(self._rows) > self._capacity:
                self._rows.popitem(last=False)

    def of(self, request_ids: list[str]) -> list[dict[str, object]]:
        """Rows of these request ids; unknown or forgotten ones are left out."""
        with self._lock:
            found = [self._rows[rid] for rid in request_ids if rid in self._rows]
        return [_row(*entry) for entry in found]

    def since(self, sequence: int) -> list[dict[str, object]]:
        """Rows completed after the row numbered `sequence` (0: all that are remembered)."""
        with self._lock:
            newest_first = []
            for entry in reversed(self._rows.values()):
                if entry[0] <= sequence:
                    break
                newest_first.append(entry)
        return [_row(*entry) for entry in reversed(newest_first)]


def _row(sequence: int, facts: Facts) -> dict[str, object]:
    return {"sequence": sequence, **asdict(facts)}
