"""Running one notebook by papermill, in a kernel of this very interpreter."""

import logging
import sys
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from ..core.errors import RunFailedError
from .progress import METADATA

ENGINE = "lambdatuning"


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
    _quieten("papermill")
    try:
        return papermill.execute_notebook(
            str(notebook),
            str(output),
            parameters=dict(values),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            engine_name=ENGINE,
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


_DISPLAYS = frozenset({"display_data", "update_display_data"})


class ThisInterpreter(KernelSpecManager):
    """Knows one kernel: this interpreter.

    Kernels are found by name in folders of the user and the system, where "python3" may be another
    Python, without this package.
    """

    def get_kernel_spec(self, kernel_name: str) -> Any:  # noqa: ARG002
        """The same for every name."""
        # Its warnings (loopback without encryption, parent gone) are not for our user.
        quiet = ["-f", "{connection_file}", "--log-level=CRITICAL"]
        argv = [sys.executable, "-m", "ipykernel_launcher", *quiet]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class ThisKernel(AsyncKernelManager):
    """Starts, and shuts down, a kernel of this interpreter."""

    def __init__(self, **options: Any) -> None:
        super().__init__(kernel_spec_manager=ThisInterpreter(), **options)
        _RUNNING.add(self)


_RUNNING: "weakref.WeakSet[ThisKernel]" = weakref.WeakSet()


def end_kernels() -> None:
    """Kill every kernel that runs: their notebooks fail at once, in whatever thread they are."""
    for manager in list(_RUNNING):
        process = getattr(manager.provisioner, "process", None)
        if process is not None and process.poll() is None:
            process.kill()


class Client(PapermillNotebookClient):  # type: ignore[misc]
    """Tells what a running cell shows as its progress (see `progress.notebook_progress`)."""

    def __init__(self, nb_man: Any, *, on_line: Callable[[str], None], **options: Any) -> None:
        super().__init__(nb_man, kernel_manager_class=ThisKernel, **options)
        self._on_line = on_line

    def process_message(self, msg: dict[str, Any], *args: Any, **options: Any) -> Any:
        """As papermill does, and progress lines are passed on."""
        content = msg["content"]
        ours = content.get("metadata", {}).get("lambdatuning") == METADATA["lambdatuning"]
        if ours and msg["msg_type"] in _DISPLAYS:
            self._on_line(content["data"]["text/plain"])
        return super().process_message(msg, *args, **options)


class Engine(NBClientEngine):  # type: ignore[misc]
    """Papermill's, but for the client; cells may take as long as they need."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Run the cells; `options` are those of the client."""
        wanted = ("on_line", "on_cell_executed", "resources")
        chosen = {name: options[name] for name in wanted}
        return Client(nb_man, kernel_name=kernel_name, startup_timeout=60, **chosen).execute()


papermill_engines.register(ENGINE, Engine)
