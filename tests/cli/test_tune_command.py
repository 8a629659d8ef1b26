"""How `tune` and `benchmark` measure if nothing is said of it."""

from pathlib import Path

import pytest

import lambdatuning as lt

from .conftest import Shell

SMALL = ("--payload", "ping", "--powers", "256,512", "--no-current", "--yes", "--quiet")

ONE = ("--powers", "256")


@pytest.mark.parametrize(
    ("command", "given", "explored"),
    [
        ("tune", (), "adaptive"),
        ("tune", ("--explore", "adaptive", "--num", "4"), "adaptive"),
        ("tune", ("--num", "3", *ONE), "grid"),
        ("tune", ("--explore", "grid", *ONE), "grid"),
        ("tune", ("--cold", "1", *ONE), "grid"),
        ("benchmark", ONE, "grid"),
    ],
)
def test_tune_explores_unless_the_grid_is_asked_for(
    deployed: Shell, tmp_path: Path, command: str, given: tuple[str, ...], explored: str
) -> None:
    name = deployed("status", "--output", "FunctionName").out.strip()
    words = [command, *([name] if command == "tune" else []), *SMALL, *given]
    done = deployed(*words, "--store", str(tmp_path))
    assert done.code == 0, done.err
    assert list(lt.runs(tmp_path).frame["explored"]) == [explored]
    assert list(lt.load(tmp_path).payloads) == ["ping"]
