"""Reports: notebooks run with the user's parameters, one HTML file each, and their index."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ..core.errors import UsageError, closest
from ..core.progress import OnProgress, ignore
from .execution import end_kernels, execute
from .html import Made, Page, answer_of, render
from .index import describe_change, read_entry, write_index
from .parameters import Parameter, check_names, convert, declared, tags
from .progress import Board

MEASURES = "measures"
"""Tag of a cell that measures: its notebook runs before the others, and alone."""


@dataclass(frozen=True)
class Report:
    """One finished report."""

    notebook: Path
    html: Path
    elapsed_s: float


@dataclass(frozen=True)
class Job:
    """A notebook with the values that it will run with; `alone` where it measures."""

    notebook: Path
    values: Mapping[str, object]
    cells: int = 0
    alone: bool = False


def report(
    notebooks: Sequence[str | Path],
    parameters: Mapping[str, object] | None = None,
    *,
    out: str | Path = "reports",
    workers: int = 2,
    on_progress: OnProgress = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> list[Report]:
    """Run the notebooks and write `out`/NAME.html for each, and `out`/index.html of all there.

    Beside each report, in `out`/NAME/, lie its tables as CSV and JSON. A notebook with a cell
    tagged `measures` runs first and alone, so that nothing disturbs it and the others see what it
    measured; of the others, `workers` run at once. Every name and value is checked before
    anything runs. A parameter goes to each notebook that declares it; at least one must. A
    notebook that fails is kept as `out`/NAME.failed.ipynb; the others are finished.

    Raises:
        UsageError: no such notebook, an unknown parameter, a value of the wrong type.
        RunFailedError: a notebook failed.
    """
    jobs = plan(notebooks, parameters or {}, folder=Path.cwd())
    folder = Path(out)
    _make_ready(folder)
    board = Board([(job.notebook.stem, job.cells) for job in jobs], on_progress, clock)
    try:
        return run_all(jobs, lambda job: _run(job, folder, board), workers)
    finally:
        write_index(folder)


def _make_ready(folder: Path) -> None:
    """There and open to writing, before anything is measured for it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        raise UsageError(
            f"{folder}: no report can be written there ({exc.strerror}); name another folder"
        ) from exc


def plan(
    notebooks: Sequence[str | Path], parameters: Mapping[str, object], *, folder: Path
) -> list[Job]:
    """What will run with which values; relative paths among the values are relative to `folder`."""
    read = [(Path(each), _read(Path(each))) for each in notebooks]
    found = [(path, notebook, declared(notebook)) for path, notebook in read]
    known = {each.name: each for *_, each_known in found for each in each_known}
    where = found[0][0].name if len(found) == 1 else "these notebooks"
    check_names(parameters, known.values(), where)
    return [
        _job(path, notebook, dict(_values(own, parameters, folder)))
        for path, notebook, own in found
    ]


def _job(path: Path, notebook: Mapping[str, Any], values: Mapping[str, object]) -> Job:
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    # Papermill adds a cell with the given values.
    return Job(path, values, len(code) + bool(values), any(MEASURES in tags(cell) for cell in code))


def _values(
    own: Sequence[Parameter], parameters: Mapping[str, object], folder: Path
) -> Iterator[tuple[str, object]]:
    for parameter in own:
        if parameter.name in parameters:
            yield parameter.name, convert(parameter, parameters[parameter.name], folder=folder)


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        there = sorted(each.name for each in path.parent.glob("*.ipynb"))
        hint = closest(path.name, there) if there else "there is no notebook in that folder"
        raise UsageError(f"no notebook {path}; {hint}")
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise UsageError(f"{path} is not a notebook: {exc}") from exc
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise UsageError(f"{path} is not a notebook of version 4: open and save it in JupyterLab")
    return notebook


def _run(job: Job, folder: Path, board: Board) -> Report:
    stem = job.notebook.stem
    line = board.line(stem)
    failed = folder / f"{stem}.failed.ipynb"
    notebook = execute(job.notebook, failed, job.values, line.cell, line.tell)
    html = folder / f"{stem}.html"
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    change = describe_change(read_entry(html), str(answer_of(notebook).get("headline", "")))
    made = Made(job.notebook.name, made_at, stem, change, linked=True)
    page = render(notebook, made)
    _write_tables(page, folder / stem)
    html.write_text(page.html, encoding="utf-8")
    failed.unlink()
    return Report(job.notebook, html, line.elapsed_s())


def _write_tables(page: Page, folder: Path) -> None:
    """The tables of this report, and none that an earlier one left."""
    for old in (*folder.glob("*.csv"), *folder.glob("*.json")):
        old.unlink()
    if page.tables:
        folder.mkdir(exist_ok=True)
    for each in page.tables:
        (folder / f"{each.name}.csv").write_text(each.csv(), encoding="utf-8")
        (folder / f"{each.name}.json").write_text(each.json(), encoding="utf-8")


def run_all(jobs: Sequence[Job], run: Callable[[Job], Report], workers: int) -> list[Report]:
    """The results in the order of the jobs.

    Those that measure come first, since others read what they measured: if one fails, nothing
    else runs. Of the others each is finished before the first failure is raised. When stopped,
    no kernel stays behind.
    """
    results = {n: run(job) for n, job in enumerate(jobs) if job.alone}
    rest = {n: job for n, job in enumerate(jobs) if not job.alone}
    if len(rest) <= 1 or workers <= 1:
        results |= {n: run(job) for n, job in rest.items()}
    else:
        results |= _at_once(rest, run, workers)
    return [results[n] for n in range(len(jobs))]


def _at_once(jobs: dict[int, Job], run: Callable[[Job], Report], workers: int) -> dict[int, Report]:
    with ThreadPoolExecutor(workers) as pool:
        running = {n: pool.submit(_closing, run, job) for n, job in jobs.items()}
        try:
            wait(running.values())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_kernels()
            raise
    return {n: each.result() for n, each in running.items()}


def _closing(run: Callable[[Job], Report], job: Job) -> Report:
    """Run in a thread; the event loop that Jupyter makes for it goes with the job."""
    try:
        return run(job)
    finally:
        with suppress(RuntimeError):
            asyncio.get_event_loop().close()
