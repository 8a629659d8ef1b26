"""Reports: notebooks run with the user's parameters, one HTML file each, and their index."""

import asyncio
import json
import re
import string
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import nbformat

from ..cloud.aws_errors import explain
from ..core.errors import RunFailedError, UsageError, closest
from ..core.progress import OnProgress, ignore
from ..core.validation import checked
from .destination import Destination, Folder, destination
from .execution import NotebookFailedError, end_kernels, execute, is_python, read_notebook
from .html import Page, PageContext, answer_of, render
from .index import NAME as INDEX
from .index import describe_change, read_entry, write_index
from .parameters import TAG, NotebookParameter, check_names, declared, mentioned, tags
from .progress import Board, Line
from .values import as_code, as_data, convert

MEASURES = "measures"
"""Tag of a cell that measures: its notebook runs before the others, and alone."""

_NAME = "{notebook}"


@dataclass(frozen=True)
class Report:
    """One finished report; `address` is the path of its HTML file, or its address elsewhere."""

    notebook: Path
    address: str
    elapsed_s: float

    @property
    def html(self) -> Path:
        """The HTML file of a report in a folder."""
        return Path(self.address)


@dataclass(frozen=True)
class Job:
    """A notebook with the values that it will run with; `alone` where it measures.

    `name` is the report's, which no other report of the run has; `parameters` are all that it has.
    """

    notebook: Path
    content: Any
    values: Mapping[str, object]
    name: str
    folder: Path
    alone: bool = False
    parameters: tuple[NotebookParameter, ...] = ()

    @property
    def cells(self) -> int:
        """Code cells; papermill adds one with the given values."""
        code = [cell for cell in self.content["cells"] if cell["cell_type"] == "code"]
        return len(code) + bool(self.values)


@checked
def report(
    notebooks: str | Path | Sequence[str | Path],
    parameters: Mapping[str, object] | None = None,
    *,
    out: str | Path = "reports",
    name: str = _NAME,
    workers: int = 2,
    keep_notebooks: bool = False,
    on_progress: OnProgress = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> list[Report]:
    """Run the notebooks and write `out`/NAME.html for each, and `out`/index.html of all there.

    `notebooks` is one, or a sequence; of a folder all are meant. `out` is a folder,
    `s3://bucket/prefix`, or another address that papermill writes to. `name` may hold {notebook},
    {date}, {time} (UTC) and the notebook's parameters; reports that would have one name are told
    apart by folder or number.

    Beside each report, in `out`/NAME/, lie its tables as CSV and JSON. A notebook with a cell
    tagged `measures` runs first and alone, so that nothing disturbs it and the others see what it
    measured; of the others, `workers` run at once. Every name and value is checked before
    anything runs. A parameter goes to each notebook that declares it; at least one must. A
    notebook that fails, or whose report cannot be written, is kept as `out`/NAME.failed.ipynb;
    the others are finished. With `keep_notebooks` the executed notebook, as papermill would leave
    it, lies beside each report as NAME.ipynb.

    Raises:
        UsageError: no such notebook, an unknown parameter, a value of the wrong type.
        RunFailedError: a notebook failed.
    """
    jobs = plan(notebooks, parameters or {}, folder=Path.cwd(), name=name)
    place = _prepared(out)
    board = Board([(job.name, job.cells) for job in jobs], on_progress, clock)
    # A notebook that is not run now may have a report there from before.
    links = {f"{Path(page).stem}.ipynb": quote(page) for page in place.pages()}
    links |= {job.notebook.name: quote(f"{job.name}.html") for job in reversed(jobs)}

    def run(job: Job) -> Report:
        return _run(job, place, board, links, keep_notebook=keep_notebooks)

    return run_all(jobs, run, workers)


def _prepared(out: str | Path) -> Destination:
    """The destination, tried before anything runs; UsageError where it cannot be written to.

    Elsewhere than in a folder the index of what lies there is written: the one write that leaves
    nothing else behind.
    """
    place = destination(out)
    place.prepare()
    if not isinstance(place, Folder):
        write_index(place)
    return place


def plan(
    notebooks: str | Path | Sequence[str | Path],
    parameters: Mapping[str, object],
    *,
    folder: Path,
    name: str = _NAME,
    now: datetime | None = None,
) -> list[Job]:
    """What will run with which values; relative paths among the values are relative to `folder`."""
    listed = [notebooks] if isinstance(notebooks, str | Path) else notebooks
    sources = [_read(str(path), parameters) for named in listed for path in _within(named)]
    if not sources:
        raise UsageError("no notebook is named")
    where = sources[0].path.name if len(sources) == 1 else "these notebooks"
    check_names(
        parameters, [parameter for source in sources for parameter in source.parameters], where
    )
    values = [source.values(parameters, folder) for source in sources]
    moment = now or datetime.now(UTC)
    patterns = [
        _file_name(name, _facts(source, arguments, moment))
        for source, arguments in zip(sources, values, strict=True)
    ]
    names = _distinct(patterns, [source.home.name for source in sources])
    return [
        Job(
            source.path,
            source.content,
            arguments,
            chosen,
            source.home,
            _measures(source.content),
            source.parameters,
        )
        for source, arguments, chosen in zip(sources, values, names, strict=True)
    ]


@dataclass(frozen=True)
class _Source:
    """A notebook as it was read, its parameters, and where its kernel starts."""

    path: Path
    content: Any
    parameters: tuple[NotebookParameter, ...]
    home: Path

    def values(self, arguments: Mapping[str, object], folder: Path) -> dict[str, object]:
        """The arguments for its parameters, as they are written into it."""
        written = as_code if is_python(self.content) else as_data
        return {
            parameter.name: written(convert(parameter, arguments[parameter.name], folder=folder))
            for parameter in self.parameters
            if parameter.name in arguments
        }


def _within(named: str | Path) -> Sequence[str | Path]:
    """The notebooks of a folder, else the one that is named."""
    folder = Path(named)
    if "://" in str(named) or not folder.is_dir():
        return [named]
    inside = sorted(folder.glob("*.ipynb"))
    if not inside:
        raise UsageError(f"there is no notebook in {folder.resolve()}")
    return inside


def _read(address: str, arguments: Mapping[str, object]) -> _Source:
    content = read_notebook(address)
    home = Path.cwd() if "://" in address else Path(address).resolve().parent
    return _Source(Path(address), content, _parameters(content, address, arguments), home)


def _parameters(
    content: Any, source: str, arguments: Mapping[str, object]
) -> tuple[NotebookParameter, ...]:
    """The parameters that a notebook has.

    Without a parameters cell, and in languages other than Python, papermill gives any; they are
    the given ones that the code mentions, or all of them.
    """
    if not is_python(content):
        return tuple(NotebookParameter(name, "", None) for name in arguments)
    if any(TAG in tags(cell) for cell in content["cells"]):
        return declared(content, source)
    read = mentioned(content)
    return tuple(NotebookParameter(name, "", None) for name in arguments if name in read)


def _measures(content: Any) -> bool:
    return any(MEASURES in tags(cell) for cell in content["cells"])


# ---- Names of reports


def _facts(source: _Source, values: Mapping[str, object], now: datetime) -> Mapping[str, object]:
    """What a report's name may hold."""
    return {
        **{
            parameter.name: values.get(parameter.name, parameter.default)
            for parameter in source.parameters
        },
        "notebook": source.path.stem,
        "date": _Moment(now, "%Y-%m-%d"),
        "time": _Moment(now, "%H%M%S"),
    }


@dataclass(frozen=True)
class _Moment:
    """A time that writes itself in a form of its own, or as it is asked: {date:%Y%m}."""

    moment: datetime
    form: str

    def __format__(self, form: str) -> str:
        return self.moment.strftime(form or self.form)


def _file_name(pattern: str, facts: Mapping[str, object]) -> str:
    """The pattern filled in, as a file name of any system.

    >>> _file_name("{notebook}: {date}", {"notebook": "a", "date": "2026-11-28"})
    'a- 2026-11-28'
    """
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(pattern) if field]
        for field in fields:
            if field not in facts:
                hint = closest(field, facts)
                raise UsageError(f'--name {pattern}: it has an unknown "{field}"; {hint}')
        text = pattern.format_map(facts)
    except (ValueError, IndexError, KeyError, AttributeError, TypeError) as exc:
        raise UsageError(
            f"--name {pattern}: {exc}; write it like {{notebook}}-{{date}}, without paths"
        ) from exc
    return _safe(text, 150) or "report"


def _safe(text: str, limit: int) -> str:
    """So much of a text as fits into `limit` bytes of a file's name, which has 255 at most."""
    safe = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]+', "-", text).strip(". ")
    return safe.encode()[:limit].decode(errors="ignore").strip(". ")


def _distinct(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Names of which no two are the same file, nor the index.

    Notebooks of one name in two folders get their folders' names, what is still alike a number.
    """
    times = Counter(name.casefold() for name in names)
    named = [
        f"{_safe(folder, 50)}-{name}" if times[name.casefold()] > 1 else name
        for name, folder in zip(names, folders, strict=True)
    ]
    used = {INDEX.partition(".")[0]}
    distinct = []
    for name in named:
        chosen, number = name, 2
        while chosen.casefold() in used:
            chosen, number = f"{name}-{number}", number + 1
        used.add(chosen.casefold())
        distinct.append(chosen)
    return distinct


# ---- Running


def run_all(jobs: Sequence[Job], run: Callable[[Job], Report], workers: int) -> list[Report]:
    """The results in the order of the jobs.

    Those that measure come first, since others read what they measured: if one fails, nothing
    else runs. Of the others each is finished before the first failure is raised. When stopped,
    no kernel stays behind.
    """
    results = {n: run(job) for n, job in enumerate(jobs) if job.alone}
    rest = {n: job for n, job in enumerate(jobs) if not job.alone}
    if len(rest) <= 1 or workers <= 1:
        results |= _in_turn(rest, run)
    else:
        results |= _at_once(rest, run, workers)
    return [results[n] for n in range(len(jobs))]


def _in_turn(jobs: Mapping[int, Job], run: Callable[[Job], Report]) -> dict[int, Report]:
    results, failures = {}, []
    for n, job in jobs.items():
        try:
            results[n] = run(job)
        except Exception as exc:
            failures.append(exc)
    if failures:
        raise failures[0]
    return results


def _at_once(
    jobs: Mapping[int, Job], run: Callable[[Job], Report], workers: int
) -> dict[int, Report]:
    with ThreadPoolExecutor(workers) as pool:
        running = {n: pool.submit(_closing, run, job) for n, job in jobs.items()}
        try:
            wait(running.values())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_kernels()
            raise
    return {n: future.result() for n, future in running.items()}


def _closing(run: Callable[[Job], Report], job: Job) -> Report:
    """Run in a thread; the event loop that Jupyter makes for it goes with the job."""
    try:
        return run(job)
    finally:
        with suppress(RuntimeError):
            asyncio.get_event_loop().close()


def _run(
    job: Job,
    place: Destination,
    board: Board,
    links: Mapping[str, str],
    *,
    keep_notebook: bool = False,
) -> Report:
    line = board.line(job.name)
    draft = Draft(place, job.name)
    notebook = _executed(job, draft, line)
    try:
        page = _publish(job, notebook, place, links)
        if keep_notebook:
            place.write(f"{job.name}.ipynb", _written(notebook))
    except Exception as exc:
        raise RunFailedError(
            f"{job.notebook.name} ran to its end, but its report could not be written: "
            f"{explain(exc)} (the executed notebook: {draft.keep()})"
        ) from exc
    draft.drop()
    return Report(job.notebook, place.address(page), line.elapsed_s())


def _executed(job: Job, draft: "Draft", line: Line) -> Any:
    """The executed notebook; one that fails or is stopped is kept as far as it got."""

    def after_cell(notebook: Any) -> None:
        draft.save(notebook)
        line.cell()

    try:
        notebook = execute(
            job.content,
            job.values,
            name=job.notebook.name,
            folder=job.folder,
            on_cell=after_cell,
            on_line=line.show,
        )
        draft.save(notebook)
    except NotebookFailedError as exc:
        draft.save(exc.notebook)
        raise RunFailedError(f"{exc} (the notebook as far as it got: {draft.keep()})") from exc
    except BaseException:
        draft.keep()
        raise
    return notebook


def _publish(job: Job, notebook: Any, place: Destination, links: Mapping[str, str]) -> str:
    """Write report, tables and index; the name of the report's file."""
    file = f"{job.name}.html"
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    with place.publishing():
        change = describe_change(
            read_entry(place, file), str(answer_of(notebook).get("headline", ""))
        )
        folder = None if "://" in str(job.notebook) else job.folder
        context = PageContext(
            job.notebook.name, made_at, job.name, change, linked=True, folder=folder, links=links
        )
        page = render(notebook, context)
        _write_tables(page, job.name, place)
        place.write(file, page.html)
        write_index(place)
    return file


def _write_tables(page: Page, folder: str, place: Destination) -> None:
    """The tables of this report, and none that an earlier one left."""
    files = {f"{table.name}.csv": table.csv() for table in page.tables}
    files |= {f"{table.name}.json": table.json() for table in page.tables}
    for name, text in files.items():
        place.write(f"{folder}/{name}", text)
    place.remove_others(folder, frozenset(files))


_HALF = re.compile("[\ud800-\udfff]")
"""Halves of characters, which JSON writes as escapes and no file can hold otherwise."""


def _written(notebook: Any) -> str:
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    return _HALF.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class Draft:
    """An executed notebook as it grows, on this machine: what a run costs is never lost."""

    def __init__(self, place: Destination, name: str) -> None:
        self._place = place
        self._name = name
        self._file = f"{name}.running-{uuid4().hex[:8]}.ipynb"
        self._path: Path | None = None
        self._notebook: Any = None

    def save(self, notebook: Any) -> None:
        """Write it beside the reports, or, where that fails, among the temporary files.

        In one line: indenting takes many times as long, and this is done after each cell.
        """
        self._notebook = notebook
        text = json.dumps(notebook)
        beside = [self._place.path] if isinstance(self._place, Folder) else []
        for folder in (*beside, Path(tempfile.gettempdir())):
            path = folder / self._file
            try:
                path.write_text(text, encoding="utf-8")
            except OSError:
                continue
            if self._path is not None and self._path != path:
                self._path.unlink(missing_ok=True)
            self._path = path
            return

    def keep(self) -> str:
        """Keep it as NAME.failed.ipynb, and say where it lies."""
        if self._path is None:
            return "nowhere"
        final = f"{self._name}.failed.ipynb"
        try:
            self._place.write(final, _written(self._notebook))
        except Exception:
            return str(self._path)
        self._path.unlink(missing_ok=True)
        return self._place.address(final)

    def drop(self) -> None:
        """Its report is written: neither it nor an earlier failure is needed."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if isinstance(self._place, Folder):
            (self._place.path / f"{self._name}.failed.ipynb").unlink(missing_ok=True)
