"""The built wheel, and programs that are run without anything of the checkout or of a login."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of this checkout or of a login."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "LAMBDATUNING_")) and name != "PYTHONPATH"
    }
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    return {**kept, **nobody, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, **(more or {})}


def run(*words: str | Path, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=environment(more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def build(source: Path, out: Path, *targets: str) -> Path:
    done = run(sys.executable, "-m", "hatchling", "build", "-d", out, *targets, folder=source)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder
