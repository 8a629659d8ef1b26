"""Reports: notebooks run with the user's parameters, one HTML file each."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import UsageError, closest
from ..core.progress import OnProgress, Progress, ignore
from .execute import execute
from .html import render
from .parameters import Parameter, check_names, convert, declared


@dataclass(frozen=True)
class Report:
    """One finished report."""

    notebook: Path
    html: Path
    elapsed_s: float


@dataclass(frozen=True)
class Job:
    """A notebook with the values that it will run with."""

    notebook: Path
    values: Mapping[str, object]


def report(
    notebooks: Sequence[str | Path],
    parameters: Mapping[str, object] | None = None,
    *,
    out: str | Path = "reports",
    on_progress: OnProgress = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> list[Report]:
    """Run the notebooks one after the other and write `out`/NAME.html for each.

    Every name and value is checked before anything runs. A parameter goes to each notebook that
    declares it; at least one must. A notebook that fails is kept as `out`/NAME.failed.ipynb.

    Raises:
        UsageError: no such notebook, an unknown parameter, a value of the wrong type.
        RunFailedError: a notebook failed.
    """
    jobs = plan(notebooks, parameters or {}, folder=Path.cwd())
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    return [_run(job, folder, on_progress, clock) for job in jobs]


def plan(
    notebooks: Sequence[str | Path], parameters: Mapping[str, object], *, folder: Path
) -> list[Job]:
    """What will run with which values; relative paths among the values are relative to `folder`."""
    found = [(Path(each), declared(_read(Path(each)))) for each in notebooks]
    known = {each.name: each for _, each_known in found for each in each_known}
    where = found[0][0].name if len(found) == 1 else "these notebooks"
    check_names(parameters, known.values(), where)
    return [Job(path, dict(_values(own, parameters, folder))) for path, own in found]


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


def _run(job: Job, folder: Path, on_progress: OnProgress, clock: Callable[[], float]) -> Report:
    started_s = clock()
    failed = folder / f"{job.notebook.stem}.failed.ipynb"
    cells = (0, 0)

    def tell(detail: str = "") -> None:
        elapsed_s = clock() - started_s
        on_progress(Progress(job.notebook.stem, *cells, elapsed_s, detail=detail))

    def on_cell(done: int, total: int) -> None:
        nonlocal cells
        cells = (done, total)
        tell()

    notebook = execute(job.notebook, failed, job.values, on_cell, tell)
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    html = folder / f"{job.notebook.stem}.html"
    html.write_text(render(notebook, name=job.notebook.name, made_at=made_at), encoding="utf-8")
    failed.unlink()
    return Report(job.notebook, html, clock() - started_s)
