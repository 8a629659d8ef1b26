"""Stored runs, listed and loaded."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pandas import DataFrame

from ..analysis.samples.run import Run, to_run
from ..analysis.samples.several import merge
from ..cloud.run_store import LATEST, StoredRun, find_run, open_store, stored_runs
from ..cloud.session import Cloud
from ..core.errors import NotFoundError, closest
from .sources import Source, Wanted, cached_source, newest_of, published_runs, read_time

STORE = "data/runs"

_NEWEST = re.compile(r"(all|latest)(?: (\d+))?")

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
    "explored",
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
    store: str | Path = STORE,
    runs: str | Sequence[str] = "all",
    *,
    function: str = "",
    region: str = "",
    since: str = "",
    until: str = "",
    state_machine: str = "",
    cloud: Cloud | None = None,
) -> list[Run]:
    """Several runs: "all", "latest" (of each function), "latest 2", or ids and visualization URLs.

    Names are in a list or in one string with commas; runs come in the order in which they are
    named, others oldest first. `function` (or a part of its name), `region`, and `since` and
    `until` (ISO dates or times, UTC) narrow what "all" and "latest" mean. With `state_machine` (an
    ARN) they mean its executions, whoever's tuner it is; AWS Lambda Power Tuning keeps means only.
    A session is opened for a store in S3 or a state machine unless `cloud` is given.

    Raises:
        UsageError: a number or time that cannot be read.
        NotFoundError: nothing there, naming the closest id.
    """
    wanted = Wanted(function, region, read_time("since", since), read_time("until", until))
    known = cached_source(store, state_machine, region, cloud)
    names = _names(runs)
    if len(names) == 1 and (found := _NEWEST.fullmatch(names[0])):
        newest = newest_of(known(), wanted, 0 if found[1] == "all" else int(found[2] or 1))
        return [each.load() for each in newest]
    return [run for name in names for run in _named(name, known)]


def load(
    store: str | Path = STORE,
    runs: str | Sequence[str] = LATEST,
    *,
    payload_types: str | Sequence[str] = "",
    **narrowed: Any,
) -> Run:
    """The runs that `load_runs` finds, as one: what the notebooks look at.

    Runs of one function pool their samples. `payload_types` keeps those named (with commas).
    """
    return merge(load_runs(store, runs, **narrowed)).select(payload_types)


def loaded(stored: StoredRun) -> Run:
    """A stored run with its samples."""
    return to_run(stored.manifest, stored.parts())


def _names(runs: str | Sequence[str]) -> list[str]:
    names = runs.split(",") if isinstance(runs, str) else runs
    return [name.strip() for name in names if name.strip()] or ["all"]


def _named(name: str, known: Callable[[], Sequence[Source]]) -> list[Run]:
    """The runs of one name: an id, or a visualization URL, which needs no store."""
    if "#" in name or name.startswith("http"):
        return published_runs(name)
    sources = {each.run_id: each for each in known()}
    if name == LATEST and sources:
        return [list(sources.values())[-1].load()]
    if name not in sources:
        hint = closest(name, sources) if sources else "there is none; `lambdatuning benchmark`"
        raise NotFoundError(f"no run {name}; {hint}")
    return [sources[name].load()]


def _row(run: StoredRun) -> dict[str, object]:
    manifest = run.manifest
    output = manifest.get("output") or {}
    return {
        **{name: manifest.get(name) for name in _COLUMNS},
        "endpoint": manifest.get("endpoint", {}).get("kind"),
        "payloads": [payload["name"] for payload in manifest["payloads"]],
        "explored": "adaptive" if manifest.get("exploration") else "grid",
        "power": output.get("power"),
        "url": f"{run.store.url}/{run.prefix}",
    }
