"""Running one notebook by papermill, in a kernel of this very interpreter."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import RunFailedError


def execute(
    notebook: Path,
    output: Path,
    values: Mapping[str, object],
    on_cell: Callable[[int, int], None],
    on_line: Callable[[str], None],
) -> Any:
    """Run the notebook with these parameter values; the executed one is written to `output`.

    The kernel starts in the notebook's folder, as it does in JupyterLab, and inherits the
    environment (credentials, endpoint). `on_cell` hears how many cells of how many are done,
    `on_line` what a running cell shows as its progress.

    Raises:
        RunFailedError: a cell failed, or the kernel died; `output` keeps what was reached.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from .engine import NAME

    try:
        with _quiet("papermill"):
            return papermill.execute_notebook(
                str(notebook),
                str(output),
                parameters=dict(values),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                engine_name=NAME,
                resources={"metadata": {"path": str(notebook.resolve().parent)}},
                on_cell_executed=_counter(on_cell, notebook, extra=bool(values)),
                on_line=on_line,
            )
    except PapermillExecutionError as exc:
        raise RunFailedError(
            f"{notebook.name}, cell {exc.exec_count}: {exc.ename}: {_one_line(exc.evalue)} "
            f"(the notebook as far as it got: {output})"
        ) from exc
    except DeadKernelError as exc:
        raise RunFailedError(
            f"{notebook.name}: its kernel died, perhaps for lack of memory "
            f"(the notebook as far as it got: {output})"
        ) from exc


def _counter(
    on_cell: Callable[[int, int], None], notebook: Path, *, extra: bool
) -> Callable[..., None]:
    """Counts executed code cells; papermill adds one with the given values (`extra`)."""
    import nbformat

    text = notebook.read_text(encoding="utf-8")
    cells = nbformat.reads(text, as_version=4).cells  # type: ignore[no-untyped-call]
    total = sum(cell.cell_type == "code" for cell in cells) + extra
    done = 0

    def executed(**_: Any) -> None:
        nonlocal done
        done += 1
        on_cell(min(done, total), total)

    return executed


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Papermill logs what is raised anyway, and warns of parameters whose type it cannot read."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
