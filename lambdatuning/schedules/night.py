"""One night: the reports of a run, a verdict on it, and both kept by date."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ..analysis.run import Run
from ..analysis.verdict import UNKNOWN, Verdict
from ..api.compare import compare
from ..api.history import history
from ..cloud.session import Cloud
from ..core.errors import NotFoundError, RunFailedError
from ..core.progress import OnProgress, ignore
from ..publishing.badge import badge
from ..publishing.junit import junit
from ..publishing.markdown import comment
from ..reporting.execution import read_notebook
from ..reporting.parameters import declared
from ..reporting.report import report
from .archive import NightPlaces, keep

HISTORY = "latest 10"
"""Runs from which a verdict, and the notebook that compares, learn how much those of the same code
differ."""


@dataclass(frozen=True)
class NightRequest:
    """What a night is asked for: which run of `store` (a folder, or s3://BUCKET/runs) with which
    notebooks, and where its reports go (`out`: a folder or an address)."""

    run: Run
    store: str
    notebooks: Sequence[str]
    out: str
    day: date
    max_regression: float


@dataclass(frozen=True)
class NightResult:
    """What came of it; `failed` says which notebook failed, "" for none."""

    verdict: Verdict
    places: NightPlaces
    failed: str


def night(
    request: NightRequest, cloud: Cloud | None = None, on_progress: OnProgress = ignore
) -> NightResult:
    """Judge the run, make its reports, and keep all of it below `out`.

    A notebook that fails takes neither the verdict nor the other reports with it.
    """
    verdict = judge(request, cloud)
    files, failed = _reports(request, on_progress)
    outputs = {
        "junit.xml": junit(verdict),
        "badge.svg": badge(verdict),
        "comment.md": comment(verdict),
    }
    places = keep(request.out, verdict, request.day, {**files, **outputs})
    return NightResult(verdict, places, failed)


def judge(request: NightRequest, cloud: Cloud | None = None) -> Verdict:
    """The run against all before it; where these are too few, or others came after it, against the
    one before; unknown where there is none."""
    run = request.run
    try:
        over_time = history(run.function, store=request.store, cloud=cloud)
        if over_time.ready and over_time.newest.run_id == run.run_id:
            return over_time.verdict
        comparison = compare(
            run.run_id,
            store=request.store,
            function=run.function,
            history=HISTORY,
            max_regression=request.max_regression,
            cloud=cloud,
        )
    except NotFoundError as exc:
        verdict = Verdict(source="compare", function=run.function, kind=UNKNOWN, reason=str(exc))
    else:
        verdict = comparison.verdict
    return replace(
        verdict, function=verdict.function or run.function, run_id=verdict.run_id or run.run_id
    )


def _reports(request: NightRequest, on_progress: OnProgress) -> tuple[dict[str, str], str]:
    """The files that the notebooks made, by relative name; and which failed."""
    parameters = {
        "store": request.store,
        "runs": request.run.run_id,
        "function": request.run.function,
        "history": HISTORY,
        "max_regression_percent": request.max_regression * 100,
    }
    names = {
        parameter.name
        for notebook in request.notebooks
        for parameter in declared(read_notebook(notebook), notebook)
    }
    values = {name: value for name, value in parameters.items() if name in names}
    with tempfile.TemporaryDirectory(prefix="lambdatuning-night-") as folder:
        failed = ""
        try:
            report(
                list(request.notebooks),
                values,
                out=folder,
                keep_notebooks=True,
                on_progress=on_progress,
            )
        except RunFailedError as exc:
            failed = str(exc)
        return dict(_texts(Path(folder))), failed


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_text("utf-8")
