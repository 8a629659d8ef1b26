"""Cells of a run lend each other what few environments cannot tell."""

import numpy as np

from lambdatuning.analysis.run import Run

from .studies import recommend, summarise
from .synthetic import Kind, synthetic_run


def test_a_run_of_many_cells_has_narrower_intervals_than_its_parts() -> None:
    kinds = [Kind(f"k{n}", 5, 5 * n) for n in range(5)]
    run = synthetic_run(kinds, (128, 512, 1769), environments=3, per_environment=3)
    whole = summarise(run).query("payload == 'k1'")
    alone = summarise(Run(run.manifest, run.samples.query("payload == 'k1'")))
    widths = [
        float(np.log((cell["mean_high_ms"] / cell["mean_low_ms"]).to_numpy(float)).mean())
        for cell in (whole, alone)
    ]
    assert widths[0] < 0.7 * widths[1]


def test_a_cell_with_few_environments_borrows_the_spread_of_others() -> None:
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
        rows.loc[["k2"], ["mean_low_ms", "mean_high_ms"]].to_numpy(float)[0]
        for rows in (cell, whole)
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
