"""Running one notebook by papermill, in a kernel of this very interpreter."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import RunFailedError


def execute(
    notebook: Path,
    output: Path,
    values: Mapping[str, object],
    on_cell: Callable[[], None],
    on_line: Callable[[str], None],
) -> Any:
    """Run the notebook with these parameter values; the executed one is written to `output`.

    The kernel starts in the notebook's folder, as it does in JupyterLab, and inherits the
    environment (credentials, endpoint). `on_cell` is called after each code cell,
    `on_line` with what a running cell shows as its progress.

    Raises:
        RunFailedError: a cell failed, or the kernel died; `output` keeps what was reached.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from .engine import NAME

    _quieten("papermill")
    try:
        return papermill.execute_notebook(
            str(notebook),
            str(output),
            parameters=dict(values),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            engine_name=NAME,
            resources={"metadata": {"path": str(notebook.resolve().parent)}},
            on_cell_executed=lambda **_: on_cell(),
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


def _quieten(name: str) -> None:
    """Papermill logs what is raised anyway, and warns of parameters whose type it cannot read."""
    logging.getLogger(name).setLevel(logging.CRITICAL)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
