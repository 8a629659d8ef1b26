"""The wheel run without an installation by hand: uvx, uv run and pipx, in an empty folder.

`make test-tools` installs uv and pipx and runs this; what the wheel requires comes from the index
that they are configured for, in its newest versions.
"""

import json
import os
import sys
from pathlib import Path

import pytest

from .conftest import run

TOOLS = Path(sys.prefix) / "tools" / "runners" / "bin"
SHORT = ("--payload", "ping", "--powers", "256,512", "--no-current", "--num", "1")

pytestmark = [
    pytest.mark.tools,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (TOOLS / "uv").exists(), reason="needs uv and pipx: make test-tools"),
]


def test_uvx_measures_and_reports(wheel: Path, empty: Path) -> None:
    program = (TOOLS / "uvx", "--from", f"lambdatuning[local] @ {wheel.as_uri()}", "lambdatuning")
    done = run(*program, "benchmark", "--local", *SHORT, "--quiet", "--json", folder=empty)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stored_in"].startswith(str(empty / "lambdatuning-runs"))
    done = run(*program, "report", "01_benchmark.ipynb", "-p", "run_id=latest", folder=empty)
    assert done.returncode == 0, done.stderr
    assert (empty / "reports" / "01_benchmark.html").is_file()


def test_uv_run_in_a_project_that_depends_on_it(wheel: Path, empty: Path) -> None:
    (empty / "pyproject.toml").write_text(
        f"""[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["lambdatuning @ {wheel.as_uri()}"]
[tool.lambdatuning]
store = "runs"
"""
    )
    done = run(TOOLS / "uv", "run", "lambdatuning", "config", "--json", folder=empty)
    assert done.returncode == 0, done.stderr
    store = json.loads(done.stdout)["settings"]["store"]
    assert store["origin"].endswith("pyproject.toml")
    assert store["value"] == str(empty / "runs")
    # An extra that is missing there is named, with a way to install it.
    done = run(TOOLS / "uv", "run", "lambdatuning", "report", folder=empty)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'of the extra "report"' in done.stderr


def test_pipx_runs_it(wheel: Path, empty: Path) -> None:
    given = {"PIPX_HOME": str(empty / "pipx"), "PIPX_DEFAULT_PYTHON": sys.executable}
    path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
    words = (TOOLS / "pipx", "run", "--spec", wheel, "lambdatuning", "--version")
    done = run(*words, folder=empty, PATH=path, **given)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("lambdatuning 0.")
