"""What earlier runs say of a function's durations: the base of an estimate."""

from collections.abc import Mapping
from typing import Any

from pandas import DataFrame

from ..analysis.samples.frames import failed, warm
from ..cloud.run_store import FolderStore, StoredRun, stored_runs
from ..cloud.session import Cloud
from ..core.estimate import Known, Overhead, Work, learnt
from .runs import loaded

_RUNS = 5
"""Runs that are looked at, newest last: older ones tell of older code."""


def known(store: FolderStore, cloud: Cloud, function: str) -> Known:
    """Mean billed times of a function's latest runs on the same kind of endpoint, and the tuner's.

    The newest run that has a payload type at a size counts for it.
    """
    name = function.rpartition(":function:")[2].partition(":")[0] or function
    earlier = [run for run in stored_runs(store) if _comparable(run, cloud, name)]
    found = Known({}, {})
    for run in earlier[-_RUNS:]:
        samples = loaded(run).samples
        cold = samples[samples["cold"] & ~failed(samples)]
        own = Known(_means(warm(samples), ["payload", "memory_mb"]), _means(cold, ["memory_mb"]))
        found = Known(
            {**found.warm_ms, **own.warm_ms},
            {**found.cold_ms, **own.cold_ms},
            _overhead(run.manifest, own) or found.overhead,
        )
    return found


def _overhead(manifest: Mapping[str, Any], own: Known) -> Overhead | None:
    """What the tuner itself took in a run of a grid; None where the manifest does not tell."""
    took, given = manifest.get("tuner_ms"), manifest.get("input") or {}
    if not took or given.get("exploration", "grid") != "grid":
        return None
    work = Work(
        sizes=manifest["sizes"],
        counts={payload["name"]: int(manifest["num"]) for payload in manifest["payloads"]},
        environments=int(manifest["environments"]),
        cold=int(given.get("cold") or 0),
        timeout_s=float(manifest["timeout_s"]),
    )
    return learnt(work, own, float(took["control"]), float(took["measure"]))


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
