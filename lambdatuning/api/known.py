"""What earlier runs say of a function's durations: the base of an estimate."""

from typing import Any

from pandas import DataFrame

from ..analysis.frames import failed, warm
from ..cloud.run_store import FolderStore, StoredRun, stored_runs
from ..cloud.session import Cloud
from ..core.estimate import Known
from .runs import loaded

_RUNS = 5
"""Runs that are looked at, newest last: older ones tell of older code."""


def known(store: FolderStore, cloud: Cloud, function: str) -> Known:
    """Mean billed times of a function's latest runs on the same kind of endpoint.

    The newest run that has a payload type at a size counts for it.
    """
    name = function.rpartition(":function:")[2].partition(":")[0] or function
    earlier = [run for run in stored_runs(store) if _comparable(run, cloud, name)]
    found = Known({}, {})
    for run in earlier[-_RUNS:]:
        samples = loaded(run).samples
        cold = samples[samples["cold"] & ~failed(samples)]
        found = Known(
            {**found.warm_ms, **_means(warm(samples), ["payload", "memory_mb"])},
            {**found.cold_ms, **_means(cold, ["memory_mb"])},
        )
    return found


def _comparable(run: StoredRun, cloud: Cloud, name: str) -> bool:
    manifest = run.manifest
    endpoint = manifest.get("endpoint") or {}
    same = manifest.get("function") == name and endpoint.get("kind") == cloud.kind
    return same and manifest.get("kind") == "lambdatuning"


def _means(samples: DataFrame, keys: list[str]) -> dict[Any, float]:
    means = samples.groupby(keys, observed=True)["billed_ms"].mean().reset_index()
    rows = zip(*(means[key].tolist() for key in keys), strict=True)
    names = [row if len(keys) > 1 else row[0] for row in rows]
    return dict(zip(names, means["billed_ms"].astype(float).tolist(), strict=True))
