"""What an adaptive run is expected to cost follows from the grid, whatever the grid's `num`."""

import pytest

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.estimate import SHARES, Estimate, expect

BOOK = load_price_book()


def grid(num: int) -> Estimate:
    return Estimate(
        60 * num // 10, 0.001 * num / 10, 0.0005 * num / 10, 0.0005, 0.1, from_earlier_runs=True
    )


@pytest.mark.parametrize("strategy", sorted(SHARES))
def test_a_larger_grid_makes_an_adaptive_run_no_dearer(strategy: str) -> None:
    ten, fifty = (expect(BOOK, "us-east-1", grid(num), num, strategy) for num in (10, 50))
    assert ten.function_usd == pytest.approx(fifty.function_usd)
    assert ten.function_usd == pytest.approx(SHARES[strategy] * 0.001)
    assert ten.invocations == fifty.invocations < 60
    assert ten.at_most_usd == 0.1


def test_a_grid_of_one_invocation_is_never_undercut_by_more_than_there_is() -> None:
    found = expect(BOOK, "us-east-1", grid(1), 1, "cost")
    assert found.invocations == 6
    assert found.function_usd == pytest.approx(0.0001)
