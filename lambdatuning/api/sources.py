"""Where runs come from: a store, the history of a state machine, or a visualization URL."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ..analysis.samples.published import means_run
from ..analysis.samples.run import Run, to_run
from ..cloud.executions import Execution, describe, has_answer, list_executions
from ..cloud.run_store import StoredRun, open_store, stored_runs
from ..cloud.session import Cloud, connect
from ..core.errors import NotFoundError, UsageError
from ..core.run import MANIFEST_NAME
from ..core.visualization import decode_visualization

EXECUTIONS = 100
"""Executions of a state machine that are looked at, newest first."""


@dataclass(frozen=True)
class Source:
    """A run that can be loaded; `manifest` is what is known before."""

    run_id: str
    manifest: Mapping[str, Any]
    load: Callable[[], Run]


@dataclass(frozen=True)
class Wanted:
    """Which runs are meant; "" and None leave it open."""

    function: str = ""
    region: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def __call__(self, source: Source) -> bool:
        """Whether a run is meant; one that does not say when it began is in no time range."""
        manifest = source.manifest
        if self.function not in str(manifest.get("function", "")):
            return False
        if self.region and manifest.get("region") != self.region:
            return False
        if not (self.since or self.until):
            return True
        begun = read_time("started_at", str(manifest.get("started_at") or ""))
        return begun is not None and not (
            (self.since and begun < self.since) or (self.until and begun > self.until)
        )


def read_time(name: str, text: str) -> datetime | None:
    """An ISO date or time, UTC unless it says otherwise; None for "".

    >>> read_time("since", "2026-11-23")
    datetime.datetime(2026, 11, 23, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(
            f"{name} must be an ISO date or time, such as 2026-11-23 or 2026-11-23T09:00; "
            f"not {text!r}"
        ) from exc
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def cached_source(
    store: str | Path, state_machine: str, region: str, cloud: Cloud | None
) -> Callable[[], Sequence[Source]]:
    """Lists the runs of a store or a state machine, oldest first, once it is asked to."""

    @cache
    def listed() -> Sequence[Source]:
        remote = bool(state_machine) or str(store).startswith("s3://")
        session = connect(region=region or None) if remote and cloud is None else cloud
        if state_machine and session:
            return sorted(_executed(session, state_machine), key=_begun)
        return [_stored(each) for each in stored_runs(open_store(store, session))]

    return listed


def _stored(run: StoredRun) -> Source:
    return Source(run.run_id, run.manifest, lambda: to_run(run.manifest, run.parts()))


def newest_of(sources: Sequence[Source], wanted: Wanted, number: int) -> list[Source]:
    """The newest runs that are meant, oldest first: `number` of each function, 0 for all.

    NotFoundError where there is none, or fewer than 2 where several are asked for.
    """
    meant = [each for each in sources if wanted(each)]
    if not meant:
        there = f"; {len(sources)} others are there" if sources else ""
        raise NotFoundError(f"no such run{there}; `lambdatuning benchmark` makes one")
    if not number:
        return meant
    functions = dict.fromkeys(str(each.manifest.get("function")) for each in meant)
    kept = [
        own
        for name in functions
        for own in [e for e in meant if str(e.manifest.get("function")) == name][-number:]
    ]
    return [each for each in meant if each in kept]


def published_runs(url: str) -> list[Run]:
    """The runs of a visualization URL, two if it compares; they have means only."""
    curves = decode_visualization(url)
    names = [curve.name or "published curve" for curve in curves]
    return [
        means_run(curve.points, function=name) for curve, name in zip(curves, names, strict=True)
    ]


def _executed(cloud: Cloud, state_machine: str) -> Iterator[Source]:
    """The executions that gave an answer: ours with their samples, others with means."""
    for arn in list_executions(cloud, state_machine, EXECUTIONS):
        execution = describe(cloud, arn)
        if not has_answer(execution):
            continue
        output = execution.output
        if isinstance(output, dict) and str(output.get("samples", "")).startswith("s3://"):
            # Samples expire before the history of executions does.
            with suppress(cloud.client("s3").exceptions.NoSuchKey):
                yield _with_samples(cloud, str(output["samples"]))
        elif isinstance(output, dict) and (output.get("stateMachine") or {}).get("visualization"):
            yield _with_means(execution)


def _with_samples(cloud: Cloud, address: str) -> Source:
    """The run whose folder lies there, `s3://BUCKET/.../function=NAME/run=ID/`."""
    root, key, rest = address.rpartition("function=")
    store = open_store(root, cloud)
    manifest = json.loads(store.read(f"{key}{rest}{MANIFEST_NAME}"))
    return _stored(StoredRun(store, key + rest, manifest))


def _with_means(execution: Execution) -> Source:
    given = execution.input if isinstance(execution.input, dict) else {}
    arn = str(given.get("lambdaARN", ""))
    about = {
        "run_id": execution.arn.rpartition(":")[2],
        "function": arn.rpartition(":function:")[2].partition(":")[0] or "unnamed",
        "function_arn": arn,
        "region": execution.arn.split(":")[3],
        "num": given.get("num"),
        "started_at": execution.started_at.isoformat(),
        "execution_arn": execution.arn,
        "usd": execution.output["stateMachine"].get("lambdaCost"),
    }
    (curve,) = decode_visualization(execution.output["stateMachine"]["visualization"])
    run = means_run(curve.points, payload="the tuned payload", **about)
    return Source(str(about["run_id"]), run.manifest, lambda: run)


def _begun(source: Source) -> str:
    return str(source.manifest.get("started_at", ""))
