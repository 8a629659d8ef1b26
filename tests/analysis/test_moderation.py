import numpy as np
import pytest

from lambdatuning.analysis.intervals import (
    MIN_CELLS,
    Clusters,
    Spread,
    clusters,
    digamma,
    moderated,
    of_cells,
    spread,
    trigamma,
    uncertainties,
)
from lambdatuning.analysis.run import Run
from lambdatuning.core.statistics import Uncertainty, limits

from .asked import recommend, summarise
from .synthetic import Kind, synthetic_run


def cell(
    rng: np.random.Generator, environments: int, each: int, host: float, noise: float
) -> Clusters:
    hosts = np.exp(host * rng.standard_normal((environments, 1)) - host**2 / 2)
    values = hosts * np.exp(noise * rng.standard_normal((environments, each)) - noise**2 / 2)
    return clusters(values.ravel(), np.repeat(np.arange(environments), each))


def test_a_cell_by_itself_is_what_the_rule_of_core_says() -> None:
    groups = cell(np.random.default_rng(1), 5, 6, 0.1, 0.1)
    (found,) = moderated([spread(groups, 0)])
    (plain,) = uncertainties(groups)
    assert found.error * groups.values.mean() == pytest.approx(plain.error)
    assert found.degrees == pytest.approx(plain.degrees)


def test_few_cells_lend_nothing() -> None:
    rng = np.random.default_rng(2)
    cells = [spread(cell(rng, 3, 4, 0.1, 0.1), 0) for _ in range(MIN_CELLS - 1)]
    assert [each.degrees for each in moderated(cells)] == pytest.approx([2.0] * len(cells))


def test_cells_alike_are_worth_many_degrees_of_freedom() -> None:
    rng = np.random.default_rng(3)
    cells = [spread(cell(rng, 3, 4, 0.1, 0.1), 0) for _ in range(60)]
    found = moderated(cells)
    assert min(each.degrees for each in found) > 20
    errors = np.array([each.error for each in found])
    assert errors == pytest.approx(np.full(60, np.sqrt((0.1**2 + 0.1**2 / 4) / 3)), rel=0.4)


def test_a_cell_of_other_hosts_keeps_most_of_its_own_spread() -> None:
    """Many environments, and cells that differ by more than chance: little is lent."""
    rng = np.random.default_rng(4)
    hosts = np.geomspace(0.005, 0.5, 20)
    cells = [cell(rng, 12, 5, host, 0.02) for host in hosts]
    found = moderated([spread(each, 0) for each in cells])
    for each, groups in zip(found, cells, strict=True):
        own = uncertainties(groups)[0].error / groups.values.mean()
        assert each.error == pytest.approx(own, rel=0.35)


def test_noisy_cells_are_compared_with_noisy_ones() -> None:
    """Alike hosts, noise from 0.5 to 40 %: what is usual follows the noise."""
    rng = np.random.default_rng(5)
    noise = np.geomspace(0.005, 0.4, 120)
    found = moderated([spread(cell(rng, 3, 4, 0.0, each), 0) for each in noise])
    ratios = np.array([each.error for each in found]) / (noise / np.sqrt(12))
    assert np.median(ratios) == pytest.approx(1, abs=0.25)
    assert ratios.min() > 0.4


def test_constant_cells_stay_certain_and_break_nothing() -> None:
    rng = np.random.default_rng(6)
    still = clusters(np.full(12, 3.0), np.repeat(np.arange(3), 4))
    cells = [spread(still, 0), *(spread(cell(rng, 3, 4, 0.1, 0.1), 0) for _ in range(9))]
    assert moderated(cells)[0].error == 0
    assert all(each == Uncertainty(0, 2) for each in moderated([spread(still, 0)] * 9))


def test_cells_of_too_few_environments_borrow_or_are_left_out() -> None:
    rng = np.random.default_rng(7)
    few = {"one": cell(rng, 1, 4, 0.1, 0.1), "two": cell(rng, 2, 4, 0.1, 0.1)}
    others = {str(n): cell(rng, 3, 4, 0.1, 0.1) for n in range(8)}
    assert set(of_cells(few | others)) == {*few, *others}
    known = of_cells(few | others)["one"][0]
    assert known.error == pytest.approx(np.sqrt(0.1**2 + 0.1**2 / 4), rel=0.5)
    assert set(of_cells(few | {"a": others["1"], "b": others["2"]})) == {"a", "b"}


@pytest.mark.parametrize("host", [0.0, 0.1])
def test_three_environments_hold_the_truth_in_a_run_of_many_cells(host: float) -> None:
    """`make bench-intervals` measures this for more designs."""
    rng = np.random.default_rng(8)
    held = []
    for _ in range(30):
        cells = [cell(rng, 3, 3, host, noise) for noise in np.geomspace(0.02, 0.3, 40)]
        for known, groups in zip(moderated([spread(c, 0) for c in cells]), cells, strict=True):
            centre = float(groups.values.mean())
            low, high = limits(centre, Uncertainty(known.error * centre, known.degrees))
            held.append(low <= 1 <= high)
    # 1,200 cells, not independent within a run.
    assert np.mean(held) == pytest.approx(0.95, abs=0.025)


def test_a_run_of_many_cells_has_narrower_intervals_than_its_parts() -> None:
    kinds = [Kind(f"k{n}", 5, 5 * n) for n in range(5)]
    run = synthetic_run(kinds, (128, 512, 1769), environments=3, per_environment=3)
    whole = summarise(run).query("payload == 'k1'")
    alone = summarise(run.select("k1"))
    widths = [
        float(np.log((each["mean_high_ms"] / each["mean_low_ms"]).to_numpy(float)).mean())
        for each in (whole, alone)
    ]
    assert widths[0] < 0.7 * widths[1]


def test_the_gammas_are_those_of_the_tables() -> None:
    """Abramowitz and Stegun, table 6.1."""
    x = np.array([1.0, 1.5, 2.0, 0.1])
    assert digamma(x) == pytest.approx([-0.5772156649, 0.0364899740, 0.4227843351, -10.4237549404])
    assert trigamma(x) == pytest.approx([1.6449340668, 0.9348022005, 0.6449340668, 101.4332991508])


def test_a_spread_is_relative() -> None:
    groups = clusters(np.array([1.0, 3.0, 5.0, 7.0]), np.array([0, 0, 1, 1]))
    found = spread(groups, 0)
    assert isinstance(found, Spread)
    assert found.between == pytest.approx(8 / 16)  # variance of means 2 and 6, over 4 squared
    assert found.within == pytest.approx(2 / 4 / 16 * 2)
    assert found.share == 0.5


def test_a_cell_that_few_environments_served_lives_on_what_others_lend() -> None:
    """Chains race for environments: one payload type may meet two of a size's three, or one."""
    kinds = [Kind(f"k{n}", 5, 5 * n) for n in range(4)]
    run = synthetic_run(kinds, (128, 512, 1769), environments=3, per_environment=4)
    samples = run.samples
    last = samples["environment"].astype(str).str[-1]
    at = samples["memory_mb"] == 512
    gone = at & (
        ((samples["payload"] == "k1") & (last == "2"))
        | ((samples["payload"] == "k2") & (last != "0"))
    )
    torn = Run(run.manifest, samples[~gone])
    summary = summarise(torn)
    cell = summary.query("memory_mb == 512").set_index("payload")
    assert cell["environments"].tolist() == [3, 2, 1, 3]
    assert summary["mean_low_ms"].notna().all()
    whole = summarise(run).query("memory_mb == 512").set_index("payload")
    torn_ms, whole_ms = (
        each.loc[["k2"], ["mean_low_ms", "mean_high_ms"]].to_numpy(float)[0]
        for each in (cell, whole)
    )
    assert np.ptp(np.log(torn_ms)) > np.ptp(np.log(whole_ms))
    assert recommend(torn, "cost")["sure"].notna().all()


def test_a_size_that_two_environments_served_borrows_nothing() -> None:
    kinds = [Kind(f"k{n}", 5, 5 * n) for n in range(4)]
    run = synthetic_run(kinds, (128, 512, 1769), environments=3, per_environment=4)
    last = run.samples["environment"].astype(str).str[-1]
    torn = run.samples[~((run.samples["memory_mb"] == 512) & (last == "2"))]
    summary = summarise(torn)
    unknown = summary["mean_low_ms"].isna()
    assert unknown.tolist() == (summary["memory_mb"] == 512).tolist()
