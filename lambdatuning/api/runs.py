"""Stored runs, executions and published curves: listed and loaded."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, overload

from pandas import DataFrame, Series

from ..analysis.run import Run, means_run, merge, to_run
from ..analysis.text.tables import table
from ..cloud.aws_errors import explaining
from ..cloud.executions import Execution, describe, has_answer, list_executions
from ..cloud.run_store import (
    LATEST,
    FolderStore,
    Skipped,
    StoredRun,
    absolute_address,
    open_store,
    read_run,
    refuse_skipped,
    stored_runs,
    survey,
    warn_of_skipped,
)
from ..cloud.session import Cloud, connect
from ..core.address import checked_address, is_s3
from ..core.arn import function_name
from ..core.errors import NotFoundError, RunFailedError, UsageError, closest
from ..core.power_tuning.answer import TunerAnswer
from ..core.power_tuning.visualization import decode_visualization
from ..core.tuning.manifest import Manifest
from ..core.validation import checked, whole_number
from ..workspace.resources import recorded
from ..workspace.settings import read_settings

EXECUTIONS = 100
"""Executions of a state machine that are looked at, newest first."""


@dataclass(frozen=True)
class LoadableRun:
    """A run that can be loaded; its manifest is read already. `url` is where it lies."""

    run_id: str
    manifest: Manifest
    load: Callable[[], Run]
    url: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Function, architecture, region and kind of endpoint: what runs must share."""
        manifest = self.manifest
        return manifest.function, manifest.architecture, manifest.region, manifest.endpoint.kind


@dataclass(frozen=True)
class Filter:
    """Which runs are meant; "" and None leave it open. `function` is a name, or a part of names
    where no function has just that one."""

    function: str = ""
    region: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def among(self, sources: Sequence[LoadableRun]) -> list[LoadableRun]:
        """The runs that are meant, in their order."""
        names = {source.manifest.function for source in sources}
        exact = bool(self.function) and self.function in names
        functions = {self.function} if exact else {name for name in names if self.function in name}
        return [
            source
            for source in sources
            if source.manifest.function in functions and self._holds(source)
        ]

    def _holds(self, source: LoadableRun) -> bool:
        """Whether region and time are meant; a run that does not say when it started is in no time
        range."""
        manifest = source.manifest
        if self.region and manifest.region != self.region:
            return False
        if not (self.since or self.until):
            return True
        started = read_time("started_at", manifest.started_at)
        return started is not None and not (
            (self.since and started < self.since) or (self.until and started > self.until)
        )


def read_time(name: str, text: str) -> datetime | None:
    """An ISO date or time, UTC unless it says otherwise; None for "".

    >>> read_time("since", "2026-11-23")
    datetime.datetime(2026, 11, 23, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(
            f"{name} must be an ISO date or time, such as 2026-11-23 or 2026-11-23T09:00; "
            f"not {text!r}"
        ) from exc
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def cached_source(
    store: str | Path, state_machine: str, region: str, cloud: Cloud | None
) -> Callable[[], Sequence[LoadableRun]]:
    """Lists the runs of a store or a state machine, oldest first, once it is asked to."""

    @cache
    def listed() -> Sequence[LoadableRun]:
        remote = bool(state_machine) or is_s3(store)
        session = connect(region=region or None) if remote and cloud is None else cloud
        if state_machine and session:
            return sorted(_executed(session, state_machine), key=_started)
        return [_stored(run) for run in stored_runs(open_store(store, session))]

    return listed


def _stored(run: StoredRun) -> LoadableRun:
    url = f"{run.store.url}/{run.prefix}"
    return LoadableRun(run.run_id, run.manifest, lambda: to_run(run.manifest, run.parts()), url)


def newest_of(
    sources: Sequence[LoadableRun], narrowed: Filter, where: str, number: int
) -> list[Run]:
    """The newest runs that are meant, oldest first: `number` of each function, 0 for all.

    One whose samples are damaged or missing is left out with a warning, and an older one taken in
    its place. NotFoundError where there is none.
    """
    selected = narrowed.among(sources)
    read: list[Run] = []
    skipped: list[Skipped] = []
    loaded: Counter[str] = Counter()
    for source in reversed(selected):
        name = source.manifest.function
        if number and loaded[name] >= number:
            continue
        try:
            read.insert(0, source.load())
        except RunFailedError as exc:
            skipped.append(Skipped(source.run_id, str(exc)))
        else:
            loaded[name] += 1
    warn_of_skipped(skipped)
    if not read:
        others = len(sources) - len(skipped)
        there = f"; {others} others are there" if others else ""
        raise NotFoundError(f"no such run in {where}{there}; `lambdatuning benchmark` makes one")
    return read


def published_runs(url: str) -> list[Run]:
    """The runs of a visualization URL, two if it compares; they have means only."""
    curves = decode_visualization(url)
    names = [curve.name or "published curve" for curve in curves]
    return [
        means_run(
            curve.points,
            Manifest(function=name, currency="" if curve.currency == "USD" else curve.currency),
        )
        for curve, name in zip(curves, names, strict=True)
    ]


def _executed(cloud: Cloud, state_machine: str) -> Iterator[LoadableRun]:
    """The executions that gave an answer: ours with their samples, others with means."""
    for arn in list_executions(cloud, state_machine, EXECUTIONS):
        execution = describe(cloud, arn)
        if not has_answer(execution):
            continue
        answer = TunerAnswer.of(execution.output)
        if is_s3(answer.samples):
            # Samples expire before the history of executions does.
            with suppress(cloud.client("s3").exceptions.NoSuchKey):
                try:
                    yield _in_folder(answer.samples, cloud)
                except RunFailedError as exc:
                    warn_of_skipped([Skipped(arn, str(exc))])
        elif answer.visualization:
            try:
                yield _with_means(execution, answer)
            except (UsageError, TypeError, ValueError) as exc:
                warn_of_skipped([Skipped(arn, f"its visualization URL cannot be read: {exc}")])


_RUN_FOLDER = re.compile(r"(?P<store>.*?)(?P<prefix>function=[^/]+/run=[^/]+)/?")


def _in_folder(address: str, cloud: Cloud | None) -> LoadableRun:
    """The run whose folder lies there: `PLACE/function=NAME/run=ID`, the place also in S3."""
    match = _RUN_FOLDER.fullmatch(address)
    if match is None:
        raise UsageError(f"{address} is not the folder of a run, PLACE/function=NAME/run=ID")
    if is_s3(address) and cloud is None:
        cloud = connect()
    store = open_store(match["store"] or ".", cloud)
    run = read_run(store, f"{match['prefix']}/")
    if isinstance(run, str):
        raise RunFailedError(f"{address} {run}")
    return _stored(run)


def _with_means(execution: Execution, answer: TunerAnswer) -> LoadableRun:
    manifest = Manifest(
        run_id=execution.name,
        function=function_name(execution.function_arn) or "unnamed",
        function_arn=execution.function_arn,
        region=execution.arn.split(":")[3],
        num=execution.input.get("num"),
        started_at=execution.started_at.isoformat(),
        execution_arns=(execution.arn,),
        usd=answer.run_usd,
    )
    (curve,) = decode_visualization(answer.visualization)
    run = means_run(curve.points, manifest, "the tuned payload")
    return LoadableRun(manifest.run_id, run.manifest, lambda: run)


def _started(source: LoadableRun) -> str:
    return source.manifest.started_at


# Stored runs, listed and loaded.


def _run_names(_: str, value: Any) -> Any:
    """A name of runs, or a list of names."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(name, str) for name in value):
        return value
    raise UsageError(f"runs must be ids, or a word such as {LATEST!r}; not {value!r}")


RunNames = Annotated[str | Sequence[str], _run_names]
"""Which runs are meant: as `load_runs` takes them."""

COLUMNS = (
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


def store_address(store: str | Path | None = "") -> str | Path:
    """The store named, else the project's: `store` of its settings, else ./lambdatuning-runs.

    Raises `UsageError` for what is neither a folder nor `s3://bucket/prefix`.
    """
    address = store or str(read_settings()["store"])
    checked_address(address)
    return address


def writable_store(store: str | Path | None = "") -> FolderStore:
    """The folder in which a new run is stored; UsageError where it could not be."""
    folder = open_store(store_address(store))
    if not isinstance(folder, FolderStore):
        raise UsageError(f"{store}: a run is stored in a local folder; copy it to S3 afterwards")
    folder.refuse_unwritable()
    return folder


class Runs(Sequence[Run]):
    """Stored runs, oldest first: listed at once, each read when it is asked for.

    `runs[-1]` or `runs["20261123T141453-46850e"]` is a run with its samples; `frame` has a row
    for each without reading them, and `runs[["run_id", "power"]]` is some of its columns.
    """

    def __init__(self, sources: Sequence["LoadableRun"]) -> None:
        self._sources = {source.run_id: source for source in sources}
        self._ids = [source.run_id for source in sources]

    @property
    def frame(self) -> DataFrame:
        """One row a run: columns as `COLUMNS`."""
        return DataFrame([_row(source) for source in self._sources.values()], columns=list(COLUMNS))

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int | str) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> list[Run]: ...

    @overload
    def __getitem__(self, index: list[str]) -> DataFrame: ...

    def __getitem__(
        self, index: int | str | slice | list[str]
    ) -> "Run | list[Run] | DataFrame | Series[Any]":
        if isinstance(index, list):
            return self._columns(index)
        if index in COLUMNS and index not in self._sources:
            return self.frame[index]
        if isinstance(index, slice):
            return [self[name] for name in self._ids[index]]
        name = index if isinstance(index, str) else self._ids[index]
        if name not in self._sources:
            raise NotFoundError(f"no run {name}; {closest(name, self._ids)}")
        return self._sources[name].load()

    def _columns(self, names: list[str]) -> DataFrame:
        unknown = [name for name in names if name not in COLUMNS]
        if unknown:
            raise NotFoundError(f"no column {unknown[0]}; {closest(unknown[0], list(COLUMNS))}")
        return self.frame[names]

    def _ipython_key_completions_(self) -> list[str]:
        return self._ids

    def __repr__(self) -> str:
        return f"Runs({len(self)} runs{f', the newest {self._ids[-1]}' if self._ids else ''})"

    def _repr_html_(self) -> str:
        columns = ["run_id", "function", "started_at", "payloads", "sizes", "invocations", "usd"]
        shown = self.frame[[*columns, "strategy", "power"]]
        started = shown["started_at"].astype("str").str[:16].str.replace("T", " ")
        return table(shown.assign(started_at=started), "Runs")._repr_html_()


@explaining()
@checked
def runs(
    store: str | Path = "",
    *,
    function: str = "",
    region: str = "",
    since: str = "",
    until: str = "",
    state_machine: str = "",
    cloud: Cloud | None = None,
) -> Runs:
    """Every stored run, oldest first; narrowed as `load` is. `s3://bucket/runs` opens a session
    unless `cloud` is given.

    `store` "" is the project's (see `store_address`), here and in the functions below.
    """
    selection = _selected(store, function, region, since, until, state_machine, cloud)
    return Runs(selection.filter.among(selection.sources()))


@checked
def load_runs(
    store: str | Path = "",
    runs: RunNames = "all",
    *,
    function: str = "",
    region: str = "",
    since: str = "",
    until: str = "",
    state_machine: str = "",
    cloud: Cloud | None = None,
) -> list[Run]:
    """Several runs: "all", "latest" (of each function), "latest 2", or ids, folders of runs
    (`PLACE/function=NAME/run=ID`) and visualization URLs.

    Names are in a list or in one string with commas; runs come in the order in which they are
    named, others oldest first. `function` (its name, or a part of names where none is just that),
    `region`, and `since` and `until` (ISO dates or times, UTC) narrow what "all" and "latest" mean.
    With `state_machine` (an ARN) they mean its executions, of any tuner; AWS Lambda Power Tuning
    keeps means only. A session is opened for a store in S3 or a state machine unless `cloud` is
    given.

    Raises:
        UsageError: a number or time that cannot be read, or a time beside ids.
        NotFoundError: nothing there, naming the closest id.
    """
    selection = _selected(store, function, region, since, until, state_machine, cloud)
    names = _names(runs)
    number = _newest(names[0]) if len(names) == 1 else None
    if number is not None:
        return newest_of(selection.sources(), selection.filter, selection.where, number)
    if since or until:
        raise UsageError(
            f'{"since" if since else "until"} narrows which runs "all" and "latest" mean; leave it '
            f"out where runs are named: {', '.join(names)}"
        )
    try:
        return [run for name in names for run in _named(name, selection, cloud)]
    except NotFoundError:
        address = store_address(store)
        if not state_machine and (cloud or not is_s3(address)):
            _, skipped = survey(open_store(address, cloud))
            for name in names:
                refuse_skipped(skipped, name)
        raise


def newest_in_one_place(
    runs: str, store: str | Path = "", *, least: int = 1, **narrowed: Any
) -> list[Run]:
    """ "latest 2" of the function, architecture, region and kind of endpoint measured last.

    `least` are as many as are needed, where fewer are named. Arguments as those of `load_runs`.
    """
    number, selection = _newest(runs) or 0, _selected(store, **narrowed)
    kept = selection.filter.among(selection.sources())
    own = [source for source in kept if source.place == kept[-1].place]
    return newest_of(own, selection.filter, selection.where, max(number, least))


def with_previous(name: str, store: str | Path = "", **narrowed: Any) -> list[Run]:
    """The run of one name, after the newest one before it of its own place (none for the first).

    A visualization URL stands for itself. Arguments as those of `load_runs`.
    """
    selection = _selected(store, **narrowed)
    named = load_runs(store, name, **narrowed)
    sources = [] if "#" in name or name.startswith("http") else list(selection.sources())
    at = next((n for n, source in enumerate(sources) if source.run_id == name), 0)
    earlier = [source for source in sources[:at] if source.place == sources[at].place]
    before = newest_of(earlier, Filter(), selection.where, 1) if earlier else []
    return [*before, *named]


@dataclass(frozen=True)
class _Selection:
    """The runs of a store or state machine, which of them are meant, and where they lie."""

    sources: Callable[[], Sequence[LoadableRun]]
    filter: Filter
    where: str


def _selected(
    store: str | Path,
    function: str = "",
    region: str = "",
    since: str = "",
    until: str = "",
    state_machine: str = "",
    cloud: Cloud | None = None,
) -> _Selection:
    narrowed = Filter(function, region, read_time("since", since), read_time("until", until))
    address = store_address(store)
    if not is_s3(address):
        address = recorded(Path(address))
    sources = cached_source(address, state_machine, region, cloud)
    return _Selection(sources, narrowed, state_machine or absolute_address(address))


@explaining()
@checked
def load(
    store: str | Path = "",
    runs: RunNames = LATEST,
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


def _newest(name: str) -> int | None:
    """How many runs of each function "latest 3" means, 0 for "all"; None for an id."""
    word, _, number = name.partition(" ")
    if name == "all":
        return 0
    return whole_number('runs "latest N"', number.strip() or 1) if word == LATEST else None


def names_newest(runs: object) -> bool:
    """Whether "latest" or "latest N" is meant, and not ids.

    >>> [names_newest(each) for each in ("latest 2", "latest,20261123T141453-46850e", "latest1")]
    [True, False, False]
    """
    return isinstance(runs, str) and "," not in runs and runs.strip().partition(" ")[0] == LATEST


def _names(runs: str | Sequence[str]) -> list[str]:
    names = runs.split(",") if isinstance(runs, str) else runs
    return [name.strip() for name in names if name.strip()] or ["all"]


def _named(name: str, selection: _Selection, cloud: Cloud | None) -> list[Run]:
    """The runs of one name: an id; or its folder, or a visualization URL, which need no store."""
    if "#" in name or name.startswith("http"):
        return published_runs(name)
    if _RUN_FOLDER.fullmatch(name):
        return [_in_folder(name, cloud).load()]
    sources = {source.run_id: source for source in selection.sources()}
    if name == LATEST and sources:
        return [list(sources.values())[-1].load()]
    if name not in sources:
        raise NotFoundError(f"no run {name} in {selection.where}; {hint(name, sources)}")
    return [sources[name].load()]


def hint(name: str, names: Collection[str]) -> str:
    """What may be meant by a name that nothing in a store has, which has these."""
    if is_s3(name) or Path(name).is_dir():
        return "it is a place: name it as the store (store=, --store)"
    return closest(name, names) if names else "it has none: `lambdatuning tune` makes one"


def _row(source: LoadableRun) -> dict[str, object]:
    manifest = source.manifest
    own = {name: getattr(manifest, name, None) for name in COLUMNS}
    return {
        **{name: None if value == "" else value for name, value in own.items()},
        "endpoint": manifest.endpoint.kind or None,
        "payloads": [payload.name for payload in manifest.payloads],
        "sizes": list(manifest.sizes),
        "explored": "adaptive" if manifest.exploration else "grid",
        "power": manifest.answer_mb,
        "url": source.url,
    }
