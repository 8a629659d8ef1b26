"""What an adaptive run is expected to cost, said before it starts, from what the grid would."""

from collections.abc import Mapping
from dataclasses import replace

from .billing import duration_usd, transitions_usd
from .estimate import Estimate
from .prices import PriceBook

SHARES: Mapping[str, float] = {"cost": 1 / 4, "balanced": 1 / 3.5, "speed": 1 / 3}
"""Of the grid's bill (num 10), by strategy: what the trace-driven benchmark demands of the model
(`make bench-exploration`). A grid of another `num` does not change what the model needs."""

_NUM = 10
_STEPS, _ROUNDS = 15, 4
"""A round ends where another size has to be published; its steps are one transition."""
_ROUND_STATES, _FIXED_STATES = 5, 12
_MEASURE_MB, _STEP_MS, _ROUND_MS = 1536, 1_500.0, 2_500.0


def expect(book: PriceBook, region: str, grid: Estimate, num: int, strategy: str) -> Estimate:
    """The estimate of an adaptive run, from that of the grid of `num` invocations a size.

    `at_most_usd` stays the grid's, which an adaptive run never exceeds in invocations.
    """
    share = min(1.0, SHARES[strategy] * _NUM / num)
    own_ms = _STEPS * _STEP_MS + _ROUNDS * _ROUND_MS
    return replace(
        grid,
        invocations=max(1, round(share * grid.invocations)),
        function_usd=share * grid.function_usd,
        tuner_usd=share * grid.tuner_usd
        + duration_usd(book, region, "x86_64", _MEASURE_MB, own_ms),
        transitions_usd=transitions_usd(book, region, _FIXED_STATES + _ROUNDS * _ROUND_STATES),
    )
