"""Running one notebook by papermill, in a kernel of this very interpreter."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import RunFailedError


def execute(
    notebook: Path,
    output: Path,
    values: Mapping[str, object],
    on_cell: Callable[[int, int], None] = lambda _done, _total: None,
) -> Any:
    """Run the notebook with these parameter values; the executed one is written to `output`.

    The kernel starts in the notebook's folder, as it does in JupyterLab, and inherits the
    environment (credentials, endpoint). `on_cell` hears how many cells of how many are done.

    Raises:
        RunFailedError: a cell failed, or the kernel died; `output` keeps what was reached.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    try:
        return papermill.execute_notebook(
            str(notebook),
            str(output),
            parameters=dict(values),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            km=kernel_manager(),
            resources={"metadata": {"path": str(notebook.resolve().parent)}},
            on_cell_executed=_counter(on_cell, notebook, extra=bool(values)),
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


def kernel_manager() -> Any:
    """A kernel manager that knows one kernel: this interpreter.

    Kernels are found by name in folders of the user and the system, where "python3" may be another
    Python, without this package.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> Any:  # noqa: ARG002
            # Its warnings (loopback without encryption, parent gone) are not for our user.
            quiet = ["-f", "{connection_file}", "--log-level=ERROR"]
            argv = [sys.executable, "-m", "ipykernel_launcher", *quiet]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisInterpreter())


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


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
