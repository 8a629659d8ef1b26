import numpy as np
import pandas as pd
import pytest

from lambdatuning.analysis.intervals import interval
from lambdatuning.analysis.summary import COLUMNS, QUANTILES
from lambdatuning.core.statistics.mean_intervals import summarise as core_summarise
from lambdatuning.core.statistics.means import quantile
from tests.oracle.statistics import quantile_interval

from .studies import study_of, summarise
from .synthetic import KINDS, SIZES, Kind, synthetic_run

RUN = synthetic_run()
SUMMARY = summarise(RUN)


def row(payload: str, memory_mb: int, **options: int) -> "pd.Series[float]":
    summary = summarise(RUN, **options) if options else SUMMARY
    rows = summary[(summary["payload"] == payload) & (summary["memory_mb"] == memory_mb)]
    return rows.iloc[0]


def test_has_one_row_for_each_payload_type_and_size() -> None:
    summary = summarise(RUN)
    assert tuple(summary.columns) == COLUMNS
    assert len(summary) == len(KINDS) * len(SIZES)
    assert not summary.duplicated(["payload", "memory_mb"]).any()


def test_statistics_are_those_of_warm_successes() -> None:
    samples = RUN.samples
    cell = samples[(samples["payload"] == "hash") & (samples["memory_mb"] == 512)]
    warm = cell[~cell["cold"] & (cell["error"] == "")]
    shown = row("hash", 512)
    assert shown["n"] == len(warm) == 15
    assert shown["cold"] == int(cell["cold"].sum())
    assert shown["mean_ms"] == pytest.approx(warm["duration_ms"].mean())
    assert shown["p95_ms"] == pytest.approx(quantile(warm["duration_ms"].tolist(), 0.95))
    assert shown["cost_per_million_usd"] == pytest.approx(warm["cost_usd"].mean() * 1e6)
    assert shown["mean_low_ms"] < shown["mean_ms"] < shown["mean_high_ms"]


def test_a_size_that_always_fails_is_shown_without_statistics() -> None:
    cell = row("list-1mb", 128)
    assert cell["n"] == 0
    assert cell["failed"] >= 15
    assert np.isnan(cell["mean_ms"])
    assert np.isnan(cell["cost_usd"])


def test_relative_cost_is_one_at_the_cheapest_size() -> None:
    summary = summarise(RUN)
    assert (summary.groupby("payload", observed=True)["relative_cost"].min() == 1).all()


def test_fewer_than_three_environments_have_no_interval() -> None:
    summary = summarise(synthetic_run(environments=2, per_environment=10))
    assert summary["mean_low_ms"].isna().all()
    assert summary["cost_high_usd"].isna().all()
    assert (summary["environments"] <= 2).all()


@pytest.mark.parametrize(("environments", "per_environment"), [(3, 2), (6, 30), (5, 120)])
def test_every_interval_is_that_of_the_tuner(environments: int, per_environment: int) -> None:
    """One rule: numpy computes what it needs here, the standard library in Lambda."""
    run = synthetic_run(
        (Kind("x", 5, 50),), (512,), environments=environments, per_environment=per_environment
    )
    warm = run.samples[~run.samples["cold"]]
    values, groups = warm["duration_ms"].tolist(), warm["environment"].tolist()
    by_core = core_summarise(values, groups)
    ours = summarise(run).iloc[0]
    assert by_core is not None
    assert by_core.mean_low is not None
    assert (ours["mean_low_ms"], ours["mean_high_ms"]) == pytest.approx(
        (by_core.mean_low, by_core.mean_high)
    )
    for name, q in QUANTILES.items():
        expected = quantile_interval(values, groups, q)
        ends = (ours[f"{name}_low_ms"], ours[f"{name}_high_ms"])
        assert ends == pytest.approx(expected or (np.nan, np.nan), nan_ok=True)


def test_resamples_say_the_same_as_the_interval() -> None:
    for (_, _, payload, memory_mb), means in study_of(RUN).resampled.items():
        shown = row(payload, memory_mb)
        low, high = interval(means[:, 0])
        width = np.log(shown["mean_high_ms"] / shown["mean_low_ms"])
        assert np.log(high / low) == pytest.approx(width, rel=0.2)


def test_gains_against_the_current_size_and_the_next_smaller_one() -> None:
    small, current, large = (row("hash", size, today_mb=512) for size in (256, 512, 1024))
    assert (current["saving"], current["speedup"]) == (0, 1)
    assert small["saving"] == pytest.approx(1 - small["cost_usd"] / current["cost_usd"])
    assert large["speedup"] == pytest.approx(current["mean_ms"] / large["mean_ms"])
    assert current["step_speedup"] == pytest.approx(small["mean_ms"] / current["mean_ms"])
    assert np.isnan(row("hash", 128)["step_saving"])
    assert summarise(RUN.samples)["saving"].isna().all()


def test_is_reproducible_and_takes_bare_samples() -> None:
    bare = summarise(RUN.samples, today_mb=RUN.current_memory_mb)
    pd.testing.assert_frame_equal(summarise(RUN), bare)


def test_a_narrower_confidence_has_a_narrower_interval() -> None:
    wide, narrow = summarise(RUN), summarise(RUN, confidence=0.5)
    with_samples = wide["n"] > 0
    assert (narrow["mean_high_ms"] < wide["mean_high_ms"])[with_samples].all()


def test_no_successful_sample_at_all() -> None:
    samples = RUN.samples.assign(error="Boom")
    summary = summarise(samples)
    assert (summary["n"] == 0).all()
    assert summary["mean_ms"].isna().all()
