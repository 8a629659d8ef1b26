"""Running one notebook by papermill, in a kernel of this very interpreter."""

import logging
import sys
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillException, PapermillExecutionError
from papermill.execute import remove_error_markers
from papermill.iorw import papermill_io
from papermill.translators import PythonTranslator, papermill_translators

from ..core.errors import RunFailedError, UsageError, closest
from ..core.format import one_line
from .parameters import SourceText, tags
from .progress import METADATA

NAME = "lambdatuning"
"""Of the engine, and of the kernel for which parameters are written as Python."""


def read_notebook(source: str) -> Any:
    """A notebook (nbformat 4) from a path, or from an address that papermill reads.

    Raises:
        UsageError: there is none, or it is no notebook.
    """
    text = read_address(source) if "://" in source else _read_path(Path(source))
    try:
        with warnings.catch_warnings():
            # Cells without an id, as older notebooks have them.
            warnings.simplefilter("ignore")
            # Notebooks of version 3 come as records of that version's.
            older = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
            notebook = nbformat.from_dict(older)  # type: ignore[no-untyped-call]
        if all("source" in cell for cell in notebook.cells):
            return notebook
        reason = "it has cells without source"
    except Exception as exc:
        reason = one_line(exc)
    raise UsageError(f"{source} is not a notebook: {reason}")


def _read_path(path: Path) -> str:
    if not path.is_file():
        folder = path.parent.resolve()
        near = _notebooks_near(path.name, folder)
        raise UsageError(f"no notebook {path.name} in {folder}; {near}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise UsageError(f"{path} is not a notebook: {exc}") from exc


def _notebooks_near(name: str, folder: Path) -> str:
    """Which notebook may be meant: of the folder, or else of the folder `notebooks` in it."""
    for place in ("", "notebooks/"):
        if paths := [f"{place}{path.name}" for path in (folder / place).glob("*.ipynb")]:
            return closest(f"{place}{name}", paths)
    return "there is no notebook in that folder"


def read_address(address: str) -> str:
    """The text behind an address, as papermill reads it; UsageError where it cannot."""
    try:
        return str(papermill_io.read(address, extensions=None))
    except Exception as exc:
        raise UsageError(f"{address} cannot be read: {one_line(exc)}") from exc


def language(notebook: Mapping[str, Any]) -> str:
    """The programming language that a notebook, or else its kernel, says it is in; Python where
    neither does."""
    about = notebook.get("metadata", {})
    kernel = about.get("kernelspec", {})
    name = kernel.get("language") or about.get("language_info", {}).get("name")
    if not name and kernel.get("name"):
        with suppress(NoSuchKernel):
            name = KernelSpecManager().get_kernel_spec(kernel["name"]).language
    return str(name or "python")


def is_python(notebook: Mapping[str, Any]) -> bool:
    """Whether a notebook runs in this interpreter."""
    return language(notebook).lower() in {"python", "ipython"}


class NotebookFailedError(RunFailedError):
    """A cell failed or the kernel died; `notebook` is as far as it got."""

    def __init__(self, message: str, notebook: Any) -> None:
        super().__init__(message)
        self.notebook = notebook


def execute(
    notebook: Any,
    values: Mapping[str, object],
    *,
    name: str,
    folder: Path,
    on_cell: Callable[[Any], None],
    on_line: Callable[[str], None],
) -> Any:
    """Run a notebook with these parameter values; the executed one.

    The kernel starts in `folder`, as it does in JupyterLab, and inherits the environment
    (credentials, endpoint). Python runs in this interpreter, another language in the kernel that
    the notebook names. `on_cell` is called with the notebook as far as it got after each code
    cell, `on_line` with what a running cell shows as its progress.

    Raises:
        NotebookFailedError: a cell failed, or the kernel died.
        UsageError: a kernel that is not installed.
    """
    _quieten("papermill")
    running = [notebook]
    options = {
        "parameters": dict(values),
        "resources": {"metadata": {"path": str(folder)}},
        "name": name,
        "running": running,
        "on_cell": on_cell,
        "on_line": on_line,
    }
    try:
        return _by_papermill(notebook, options)
    except PapermillExecutionError as exc:
        if _all_expected(running[-1]):
            return remove_error_markers(running[-1])
        reason = f": {one_line(exc.evalue)}" if exc.evalue else ""
        message = f"{name}, cell {exc.exec_count}: {exc.ename}{reason}"
        raise NotebookFailedError(message, running[-1]) from exc
    except DeadKernelError as exc:
        message = f"{name}: its kernel died, perhaps for lack of memory"
        raise NotebookFailedError(message, running[-1]) from exc
    except NoSuchKernel as exc:
        installed = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
        message = f'{name} needs the kernel "{exc.name}", installed are: {installed}'
        raise UsageError(message) from exc
    except (PapermillException, RuntimeError, ValueError) as exc:
        raise NotebookFailedError(f"{name}: {one_line(exc)}", running[-1]) from exc


def _by_papermill(notebook: Any, options: Mapping[str, Any]) -> Any:
    """The executed notebook; `options` go to papermill and, beyond what it knows, to `Engine`."""
    python = is_python(notebook)
    return papermill.execute_notebook(
        notebook,
        None,
        kernel_name=NAME if python else None,
        language="python" if python else language(notebook),
        progress_bar=False,
        engine_name=NAME,
        **options,
    )


def _all_expected(notebook: Mapping[str, Any]) -> bool:
    """Whether errors are in cells alone that are tagged as Jupyter does where one is meant to be.

    Papermill runs such notebooks to their end and fails then.
    """
    return all(
        "raises-exception" in tags(cell)
        for cell in notebook["cells"]
        if any(output["output_type"] == "error" for output in cell.get("outputs", ()))
    )


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
    """Starts, and shuts down, a kernel: of this interpreter for Python, else by its name."""

    def __init__(self, **options: Any) -> None:
        if options.get("kernel_name") == NAME:
            options["kernel_spec_manager"] = ThisInterpreter()
        super().__init__(**options)
        self.ended_by_us = False
        _RUNNING.add(self)


_RUNNING: "weakref.WeakSet[ThisKernel]" = weakref.WeakSet()


def end_kernels() -> None:
    """Kill every kernel that runs: their notebooks fail at once, in whatever thread they are."""
    for manager in list(_RUNNING):
        manager.ended_by_us = True
        process = getattr(manager.provisioner, "process", None)
        if process is not None and process.poll() is None:
            process.kill()


_STARTS = 3
"""Of a kernel that dies before it answers."""


class Client(PapermillNotebookClient):  # type: ignore[misc]
    """Passes on what a running cell shows as its progress (see `progress.notebook_progress`)."""

    km: Any

    def __init__(self, nb_man: Any, *, on_line: Callable[[str], None], **options: Any) -> None:
        super().__init__(nb_man, kernel_manager_class=ThisKernel, **options)
        self._on_line = on_line

    def start_new_kernel_client(self) -> Any:
        """Wait until the kernel answers; one that dies before that is started again.

        Its ports were free when they were chosen, and another program may take them before the
        kernel does: it then ends at once, and nothing of the notebook has run.
        """
        for _ in range(_STARTS - 1):
            manager = self.km
            try:
                return super().start_new_kernel_client()
            except RuntimeError as exc:
                if manager.ended_by_us or not str(exc).startswith("Kernel died"):
                    raise
            self.km = self.create_kernel_manager()
            self.start_new_kernel()
        return super().start_new_kernel_client()

    def process_message(self, msg: dict[str, Any], *args: Any, **options: Any) -> Any:
        """As papermill does, and progress lines are passed on."""
        content = msg["content"]
        ours = content.get("metadata", {}).get("lambdatuning") == METADATA["lambdatuning"]
        if ours and msg["msg_type"] in {"display_data", "update_display_data"}:
            self._on_line(content["data"]["text/plain"])
        return super().process_message(msg, *args, **options)


class Engine(NBClientEngine):  # type: ignore[misc]
    """Papermill's, but for the client; cells may take as long as they need."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Run the cells; the notebook that they change is appended to `running`."""
        # Papermill was given the notebook itself, and would keep it whole within itself.
        nb_man.nb.metadata.papermill["input_path"] = options["name"]
        options["running"].append(nb_man.nb)
        client = Client(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=60,
            on_line=options["on_line"],
            resources=options["resources"],
            on_cell_executed=lambda **_: options["on_cell"](nb_man.nb),
        )
        return client.execute()


class Translator(PythonTranslator):  # type: ignore[misc]
    """Papermill's, which can write JSON, and code as it is."""

    @classmethod
    def translate(cls, val: object) -> str:
        """The source of a value."""
        return str(val) if isinstance(val, SourceText) else str(super().translate(val))


papermill_engines.register(NAME, Engine)
papermill_translators.register(NAME, Translator)


def _quieten(name: str) -> None:
    """Papermill logs what is raised anyway, and warns of parameters whose type it cannot read."""
    logging.getLogger(name).setLevel(logging.CRITICAL)
