import importlib.util
import os
from pathlib import Path

import pytest

from lambdatuning.reporting.kernels import KernelServer
from lambdatuning.reporting.report import OURS, report
from tests.waiting import until

from .notebooks import write_notebook

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="kernels are forked on Linux alone"
)


def test_kernels_share_imports_but_neither_random_numbers_nor_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write_notebook(
        tmp_path / "a.ipynb",
        "import os, sys\nprint('imported', 'lambdatuning.study' in sys.modules)",
        "import random, numpy\nprint('name', os.environ['NAME'], 'of', os.getppid(), 'drew',"
        " random.random(), numpy.random.rand())",
    )
    shown = []
    for name in ("one", "two"):
        monkeypatch.setenv("NAME", name)
        (made,) = report(notebook, out=tmp_path / "out")
        text = made.html.read_text()
        assert "imported True" in text
        shown.append(text.partition(f"name {name} of ")[2].split()[:4])
    (parent, drew, *numbers), (other_parent, _, *other_numbers) = shown
    assert drew == "drew"
    assert parent == other_parent
    assert not set(numbers) & set(other_numbers)


def test_kernels_end_with_their_server_and_are_then_started_otherwise(tmp_path: Path) -> None:
    server = KernelServer(())
    ports = tmp_path / "kernel.json"
    arguments = ["-f", str(ports), "--log-level=CRITICAL"]
    kernel = server.fork(arguments, os.environ, str(tmp_path))
    assert kernel is not None
    until(ports.exists, "a kernel")
    assert kernel.poll() is None
    # The interpreter reads such variables when it starts, and has.
    assert server.fork(arguments, {**os.environ, "PYTHONHASHSEED": "7"}, str(tmp_path)) is None
    server.close()
    assert kernel.poll() == kernel.wait() == 1
    kernel.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(kernel.pid, 0)
    assert server.fork(arguments, os.environ, str(tmp_path)) is None


def test_what_is_imported_for_notebooks_of_this_package_is_there() -> None:
    assert all(importlib.util.find_spec(name) for name in OURS)
