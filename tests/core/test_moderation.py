"""Spreads that cells of one run lend to each other."""

import math
import random
from statistics import fmean, median, pvariance

import pytest

from lambdatuning.core.statistics.means import Uncertainty, student_t, uncertainty
from lambdatuning.core.statistics.moderation import (
    MIN_CELLS,
    Spread,
    digamma,
    moderated,
    trigamma,
)


def cell(
    rng: random.Random, environments: int, each: int, host: float, noise: float
) -> tuple[float, Spread]:
    """The mean of calls on hosts that differ (log), with a true mean of 1, and its spread."""
    groups = []
    for _ in range(environments):
        factor = math.exp(rng.gauss(0, host) - host**2 / 2)
        groups.append([factor * math.exp(rng.gauss(0, noise) - noise**2 / 2) for _ in range(each)])
    sizes, means = [each] * environments, [fmean(group) for group in groups]
    mean, share = fmean(means), 1 / environments
    estimate = uncertainty(sizes, means) if environments > 1 else Uncertainty(0.0, 0.0)
    inside = fmean(pvariance(group) for group in groups) * each / (each - 1)
    within = inside / (each * environments) / mean**2 / share
    return mean, Spread(
        environments, estimate.error**2 / mean**2 / share, estimate.degrees, within, share
    )


def spreads(*args: object, count: int = 1, seed: int = 1) -> list[Spread]:
    """Cells of one kind."""
    rng = random.Random(seed)
    return [cell(rng, *args)[1] for _ in range(count)]  # type: ignore[arg-type]


def errors(cells: list[Spread]) -> list[Uncertainty]:
    """The errors, all of which are known."""
    cells_moderated = moderated(cells)
    assert None not in cells_moderated
    return [each for each in cells_moderated if each]


def test_few_cells_lend_nothing() -> None:
    cells = spreads(3, 4, 0.1, 0.1, count=MIN_CELLS - 1)
    assert [each.degrees for each in errors(cells)] == pytest.approx([2.0] * len(cells))
    assert moderated(spreads(2, 4, 0.1, 0.1)) == [None]


def test_similar_cells_are_worth_many_degrees_of_freedom() -> None:
    reported = errors(spreads(6, 4, 0.1, 0.1, count=60))
    assert median(each.degrees for each in reported) > 20
    expected = math.sqrt((0.1**2 + 0.1**2 / 4) / 6)
    assert median(each.error for each in reported) == pytest.approx(expected, rel=0.2)


def test_a_cell_of_other_hosts_keeps_most_of_its_own_spread() -> None:
    """Many environments, and cells that differ by more than chance: little is lent."""
    rng = random.Random(4)
    cells = [cell(rng, 12, 5, 0.005 * 1.27**n, 0.02)[1] for n in range(20)]
    for error, own in zip(errors(cells), cells, strict=True):
        assert error.error == pytest.approx(math.sqrt(own.between * own.share), rel=0.35)


def test_one_cell_of_other_hosts_among_calm_ones_is_lent_little() -> None:
    rng = random.Random(5)
    calm = [cell(rng, 5, 10, 0.0, 0.02)[1] for _ in range(11)]
    odd = cell(rng, 5, 10, 0.2, 0.02)[1]
    reported = errors([odd, *calm])
    assert reported[0].error == pytest.approx(math.sqrt(odd.between * odd.share), rel=0.1)
    assert reported[0].degrees < 6
    assert median(each.degrees for each in reported[1:]) > 10


def test_noisy_cells_are_compared_with_noisy_ones() -> None:
    """Alike hosts, noise from 0.5 to 40 %: what is usual follows the noise."""
    rng = random.Random(5)
    noise = [0.005 * 80 ** (n / 119) for n in range(120)]
    reported = errors([cell(rng, 3, 4, 0.0, each)[1] for each in noise])
    ratios = [one.error / (each / math.sqrt(12)) for one, each in zip(reported, noise, strict=True)]
    assert median(ratios) == pytest.approx(1, abs=0.25)
    assert min(ratios) > 0.4


def test_cells_of_too_few_environments_borrow() -> None:
    rng = random.Random(7)
    one = cell(rng, 1, 4, 0.1, 0.1)[1]
    others = [cell(rng, 3, 4, 0.1, 0.1)[1] for _ in range(8)]
    reported = errors([one, *others])[0]
    assert reported.error == pytest.approx(math.sqrt(0.1**2 + 0.1**2 / 4), rel=0.5)
    assert moderated([one, *others[:2]])[0] is None


@pytest.mark.parametrize("host", [0.0, 0.1])
def test_three_environments_hold_the_truth_in_a_run_of_many_cells(host: float) -> None:
    """`make bench-intervals` measures this for more designs."""
    rng = random.Random(8)
    inside = []
    for _ in range(30):
        made = [cell(rng, 3, 3, host, 0.02 * 15 ** (n / 39)) for n in range(40)]
        for error, (mean, _) in zip(errors([each for _, each in made]), made, strict=True):
            reach = student_t(0.975, error.degrees) * error.error
            inside.append(abs(math.log(mean)) <= reach)
    # 1,200 cells, not independent within a run.
    assert fmean(inside) == pytest.approx(0.95, abs=0.025)


def test_the_gammas_are_those_of_the_tables() -> None:
    """Abramowitz and Stegun, table 6.1."""
    for x, first, second in (
        (1.0, -0.5772156649, 1.6449340668),
        (1.5, 0.0364899740, 0.9348022005),
        (2.0, 0.4227843351, 0.6449340668),
        (0.1, -10.4237549404, 101.4332991508),
    ):
        assert digamma(x) == pytest.approx(first)
        assert trigamma(x) == pytest.approx(second)
