"""Stored runs, listed and loaded."""

from pathlib import Path

from pandas import DataFrame

from ..analysis.run import Run, to_run
from ..cloud.run_store import LATEST, StoredRun, find_run, open_store, stored_runs
from ..cloud.session import Cloud

STORE = "data/runs"

_COLUMNS = (
    "run_id",
    "kind",
    "function",
    "architecture",
    "region",
    "endpoint",
    "payloads",
    "sizes",
    "num",
    "invocations",
    "usd",
    "strategy",
    "power",
    "started_at",
    "url",
)


def runs(store: str | Path = STORE, *, cloud: Cloud | None = None) -> DataFrame:
    """Every stored run, oldest first, one row each; `s3://bucket/runs` needs `cloud`."""
    rows = [_row(run) for run in stored_runs(open_store(store, cloud))]
    return DataFrame(rows, columns=list(_COLUMNS))


def load_run(store: str | Path = STORE, run_id: str = LATEST, *, cloud: Cloud | None = None) -> Run:
    """One run with all of its samples; NotFoundError names the closest id."""
    return loaded(find_run(open_store(store, cloud), run_id))


def load_runs(
    store: str | Path = STORE, run_ids: tuple[str, ...] = (), *, cloud: Cloud | None = None
) -> list[Run]:
    """Several runs, oldest first: those named, else all."""
    opened = open_store(store, cloud)
    if run_ids:
        return [loaded(find_run(opened, run_id)) for run_id in run_ids]
    return [loaded(run) for run in stored_runs(opened)]


def loaded(stored: StoredRun) -> Run:
    """A stored run with its samples."""
    return to_run(stored.manifest, stored.parts())


def _row(run: StoredRun) -> dict[str, object]:
    manifest = run.manifest
    output = manifest.get("output") or {}
    return {
        **{name: manifest.get(name) for name in _COLUMNS},
        "endpoint": manifest.get("endpoint", {}).get("kind"),
        "payloads": [payload["name"] for payload in manifest["payloads"]],
        "power": output.get("power"),
        "url": f"{run.store.url}/{run.prefix}",
    }
