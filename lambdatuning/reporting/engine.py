"""Papermill's engine, with two differences: this interpreter's kernel, and its progress told."""

import sys
import weakref
from collections.abc import Callable
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from .progress import METADATA

NAME = "lambdatuning"

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
    """The engine that `execute` names; cells may take as long as they need."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Run the cells; `options` are those of the client."""
        wanted = ("on_line", "on_cell_executed", "resources")
        chosen = {name: options[name] for name in wanted}
        return Client(nb_man, kernel_name=kernel_name, startup_timeout=60, **chosen).execute()


papermill_engines.register(NAME, Engine)
