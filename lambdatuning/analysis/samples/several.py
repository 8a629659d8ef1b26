"""Several runs as one, and one of several functions taken apart again."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pandas import DataFrame

from ...core.errors import UsageError
from .run import MERGED, Run

_SHARED = (
    "kind",
    "function",
    "function_arn",
    "architecture",
    "runtime",
    "code_sha256",
    "current_memory_mb",
    "region",
    "endpoint",
    "price_book",
    "num",
    "seed",
    "strategy",
    "weight",
)


def merge(runs: Sequence[Run]) -> Run:
    """One run with all samples; its manifest says what all agree on.

    Runs of one function pool their samples, which makes its intervals better: each run brings
    execution environments of its own. Runs of several functions or architectures keep them apart
    (see `apart`). UsageError without a run.
    """
    if not runs:
        raise UsageError("no run to look at; `lambdatuning runs` lists those that are stored")
    if len(runs) == 1:
        return runs[0]
    return Run(_manifest(runs), _samples(runs))


def apart(run: Run) -> list[Run]:
    """The run of each function and architecture that is in a run, in order of their names."""
    keys = run.samples[["function", "architecture"]].drop_duplicates().astype(str)
    names = sorted(keys.itertuples(index=False, name=None))
    if len(names) <= 1:
        return [run]
    return [_part(run, *name) for name in names]


def parts(run: Run) -> Sequence[Mapping[str, Any]]:
    """The manifests of the runs that were merged, or the only one."""
    found: Sequence[Mapping[str, Any]] = run.manifest.get(MERGED, [run.manifest])
    return found


def _part(run: Run, function: str, architecture: str) -> Run:
    samples = run.samples
    own = samples[(samples["function"] == function) & (samples["architecture"] == architecture)]
    manifests = [
        manifest
        for manifest in parts(run)
        if manifest.get("function", function) == function
        and manifest.get("architecture", architecture) == architecture
    ]
    return Run(_shared(manifests or [run.manifest]), own)


def _manifest(runs: Sequence[Run]) -> dict[str, Any]:
    flat = [manifest for run in runs for manifest in parts(run)]
    return _shared(sorted(flat, key=lambda manifest: str(manifest.get("run_id", ""))))


def _shared(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the manifests agree on, the payload types of all, and the manifests themselves."""
    if len(manifests) == 1:
        return dict(manifests[0])
    first = manifests[0]
    same = {
        name: first[name]
        for name in _SHARED
        if all(each.get(name) == first.get(name) for each in manifests) and name in first
    }
    payloads = {each["name"]: each for m in manifests for each in m.get("payloads", [])}
    ids = [str(each.get("run_id", "")) for each in manifests]
    return {
        **same,
        "run_id": ", ".join(ids),
        "endpoint": same.get("endpoint") or _endpoint(manifests),
        "payloads": list(payloads.values()),
        "usd": sum(each.get("usd") or 0 for each in manifests),
        "started_at": min(str(each.get("started_at", "")) for each in manifests),
        "finished_at": max(str(each.get("finished_at", "")) for each in manifests),
        "warnings": [text for each in manifests for text in each.get("warnings", [])],
        MERGED: list(manifests),
    }


def _endpoint(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The embedded AWS if any of them was measured there: what it limits, it limits for all."""
    found = [each.get("endpoint", {}) for each in manifests]
    embedded = [each for each in found if each.get("kind") == "embedded"]
    return dict((embedded or found)[0])


def _samples(runs: Sequence[Run]) -> DataFrame:
    """Samples under one another; environments of different runs never share a name."""
    frames = []
    for n, run in enumerate(runs):
        environment = run.samples["environment"].astype(str)
        frames.append(run.samples.assign(environment=environment.map(lambda e, n=n: f"{n}/{e}")))
    whole = pd.concat(frames, ignore_index=True)
    kinds = ("run_id", "function", "architecture", "payload", "environment", "error")
    return whole.astype(dict.fromkeys(kinds, "category"))
