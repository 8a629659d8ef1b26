"""The history of a function: what its runs say over time, accepted levels, confirming runs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..analysis.history.history import History
from ..analysis.history.history import history as history_of
from ..analysis.history.summary import SCHEMA, RunSummary, summarise
from ..analysis.run import Run
from ..cloud.aws_errors import explaining
from ..cloud.run_index import Accepted, accept, accepted, indexed
from ..cloud.run_store import Store, StoredRun, find_run, open_store
from ..cloud.session import Cloud, connect
from ..core.address import is_s3
from ..core.errors import NotFoundError, UsageError, closest
from ..core.tuning.manifest import Manifest
from ..core.validation import checked
from .runs import hint, loaded, store_address
from .stack import usable_outputs
from .tuning import benchmark, tune

Measure = Callable[[Manifest], Run]
"""Measures once more what a run measured, into the same store."""


@explaining()
@checked
def history(
    function: str = "",
    *,
    store: str | Path = "",
    accept_run: str = "",
    why: str = "",
    confirm: Measure | None = None,
    cloud: Cloud | None = None,
) -> History:
    """What the runs of a function say over time: changes, since when, by how much, and why.

    `function` is a name or a part of one; "" is the function that was measured last. The runs are
    those of `store` ("": the project's; a folder or s3://), whose other functions teach how much
    runs differ. `accept_run` makes the level from that run on the baseline, `why` says for whom
    comes later. Where the newest run is suspect, `confirm` (see `measuring`) measures once more at
    once, and the history is that with the new run.

    Raises:
        NotFoundError: no run of that function, or not the one to accept.
        UsageError: several functions have that in their name; a level accepted without a reason.
    """
    address = store_address(store)
    if is_s3(address) and cloud is None:
        cloud = connect()
    place = open_store(address, cloud)
    runs = summaries(place)
    name = _named(function, runs, place.url)
    if accept_run:
        _accept(place, runs, accept_run, why)
    judged = _history(place, runs, name)
    if confirm is None or not judged.suspect:
        return judged
    confirm(find_run(place, judged.newest.run_id).manifest)
    return _history(place, summaries(place), judged.function)


def measuring(
    cloud: Cloud, store: str | Path = "", *, stack: str = "", payload: Any = (), **options: Any
) -> Measure:
    """Measures what a run measured once more, at the same sizes and with as many invocations.

    Events are not stored, so that payload types that are not the project's must be given as `tune`
    takes them. `options` go to `tune` or `benchmark`: `max_usd`, `confirm`, `payloads` ...

    Raises:
        UsageError: a store in S3, where runs are not written by clients.
    """
    if is_s3(store_address(store)):
        raise UsageError("to confirm a suspect at once, runs must be stored in a folder")

    def measure(manifest: Manifest) -> Run:
        arguments = {**_as_measured(manifest), **options, "store": store, "stack": stack}
        types = payload or [kind.name for kind in manifest.payloads]
        try:
            own = usable_outputs(cloud, stack)["FunctionName"] == manifest.function
        except NotFoundError:
            own = False
        if own:
            return benchmark(cloud, payload=types, **arguments)
        return tune(cloud, manifest.function_arn or manifest.function, types, **arguments)

    return measure


def summaries(store: Store) -> list[RunSummary]:
    """One summary a run of a store, from its index where that is still true."""
    lines = indexed(store, _line, version=str(SCHEMA)).lines.values()
    return [run for run in map(RunSummary.from_json, lines) if run]


def _line(stored: StoredRun) -> Mapping[str, Any]:
    return summarise(loaded(stored)).to_json()


def _history(store: Store, runs: list[RunSummary], function: str) -> History:
    newest = function or (max(runs, key=lambda run: run.run_id).function if runs else "")
    levels = {level.run_id: level.why for level in accepted(store, newest)} if newest else {}
    return history_of(runs, newest, levels)


def _as_measured(manifest: Manifest) -> dict[str, object]:
    """The options with which a run is measured as that one was."""
    explored = {"explore": "adaptive"} if manifest.exploration else {"num": manifest.num}
    return {
        "powers": list(manifest.sizes) or None,
        "current": not manifest.sizes,
        "environments": manifest.environments,
        "strategy": manifest.strategy or "cost",
        "labels": {**manifest.labels, "confirms": manifest.run_id},
        **explored,
    }


def _named(function: str, runs: list[RunSummary], where: str) -> str:
    """The function meant; "" for that of the newest run."""
    names = sorted({run.function for run in runs})
    if not function or function in names:
        return function
    candidates = [name for name in names if function in name]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise UsageError(f"{function} is in the names of {', '.join(candidates)}: give more of one")
    raise NotFoundError(f"no run of {function} in {where}; {hint(function, names)}")


def _accept(store: Store, runs: list[RunSummary], run_id: str, why: str) -> None:
    if not why.strip():
        raise UsageError("say why the new level is accepted: --why TEXT, or why=")
    by_id = {run.run_id: run for run in runs}
    if run_id not in by_id:
        raise NotFoundError(f"no run {run_id} to accept; {closest(run_id, by_id)}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    accept(store, by_id[run_id].function, Accepted(run_id, " ".join(why.split()), now))
