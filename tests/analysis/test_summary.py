import numpy as np
import pandas as pd
import pytest

from lambdatuning.analysis.summary import COLUMNS, summarise
from lambdatuning.core.statistics import quantile
from lambdatuning.core.statistics import summarise as core_summarise

from .synthetic import KINDS, SIZES, Kind, synthetic_run

RUN = synthetic_run()


def row(payload: str, memory_mb: int) -> "pd.Series[float]":
    summary = summarise(RUN)
    found = summary[(summary["payload"] == payload) & (summary["memory_mb"] == memory_mb)]
    return found.iloc[0]


def test_has_one_row_for_each_payload_type_and_size() -> None:
    summary = summarise(RUN)
    assert tuple(summary.columns) == COLUMNS
    assert len(summary) == len(KINDS) * len(SIZES)
    assert not summary.duplicated(["payload", "memory_mb"]).any()


def test_statistics_are_those_of_warm_successes() -> None:
    samples = RUN.samples
    cell = samples[(samples["payload"] == "hash") & (samples["memory_mb"] == 512)]
    warm = cell[~cell["cold"] & (cell["error"] == "")]
    found = row("hash", 512)
    assert found["n"] == len(warm) == 15
    assert found["cold"] == int(cell["cold"].sum())
    assert found["mean_ms"] == pytest.approx(warm["duration_ms"].mean())
    assert found["p95_ms"] == pytest.approx(quantile(warm["duration_ms"].tolist(), 0.95))
    assert found["cost_per_million_usd"] == pytest.approx(warm["cost_usd"].mean() * 1e6)
    assert found["mean_low_ms"] < found["mean_ms"] < found["mean_high_ms"]


def test_a_size_that_always_fails_is_shown_without_statistics() -> None:
    found = row("list-1mb", 128)
    assert found["n"] == 0
    assert found["failed"] >= 15
    assert np.isnan(found["mean_ms"])
    assert np.isnan(found["cost_usd"])


def test_relative_cost_is_one_at_the_cheapest_size() -> None:
    summary = summarise(RUN)
    assert (summary.groupby("payload", observed=True)["relative_cost"].min() == 1).all()


def test_fewer_than_three_environments_have_no_interval() -> None:
    summary = summarise(synthetic_run(environments=2, per_environment=10))
    assert summary["mean_low_ms"].isna().all()
    assert summary["cost_high_usd"].isna().all()
    assert (summary["environments"] <= 2).all()


def test_agrees_with_the_interval_of_the_tuner() -> None:
    """Two implementations (numpy here, standard library in Lambda) of one idea."""
    run = synthetic_run((Kind("x", 5, 50),), (512,), environments=6, per_environment=30)
    warm = run.samples[~run.samples["cold"]]
    theirs = core_summarise(warm["duration_ms"].tolist(), warm["environment"].tolist())
    ours = summarise(run).iloc[0]
    assert theirs is not None
    assert theirs.mean_low is not None
    assert ours["mean_ms"] == pytest.approx(theirs.mean)
    width, their_width = ours["mean_ms"] - ours["mean_low_ms"], theirs.mean - theirs.mean_low
    assert width == pytest.approx(their_width, rel=0.35)


def test_is_reproducible_and_takes_bare_samples() -> None:
    pd.testing.assert_frame_equal(summarise(RUN), summarise(RUN.samples))
    other = summarise(RUN, seed=1)
    assert not np.array_equal(other["mean_low_ms"], summarise(RUN)["mean_low_ms"])


def test_a_narrower_confidence_has_a_narrower_interval() -> None:
    wide, narrow = summarise(RUN), summarise(RUN, confidence=0.5)
    known = wide["n"] > 0
    assert (narrow["mean_high_ms"] < wide["mean_high_ms"])[known].all()


def test_no_warm_sample_at_all() -> None:
    samples = RUN.samples.assign(cold=True)
    summary = summarise(samples)
    assert (summary["n"] == 0).all()
    assert summary["mean_ms"].isna().all()
