"""How `tune` and `benchmark` measure if nothing is said of it."""

from pathlib import Path

import pytest

import lambdatuning as lt

from .conftest import Shell

SMALL = ("--payload", "ping", "--no-current", "--yes", "--quiet")

ONE = ("--powers", "256")


@pytest.fixture(scope="module")
def name(deployed: Shell) -> str:
    """The function of the stack."""
    return deployed("status", "--output", "FunctionName").out.strip()


@pytest.mark.parametrize(
    ("given", "explored"),
    [
        (("--powers", "256,512"), "adaptive"),
        (("--explore", "adaptive", "--num", "4", *ONE), "adaptive"),
        (("--num", "3", *ONE), "grid"),
    ],
)
def test_tune_explores_unless_the_grid_is_asked_for(
    deployed: Shell, name: str, tmp_path: Path, given: tuple[str, ...], explored: str
) -> None:
    done = deployed("tune", name, *SMALL, *given, "--store", str(tmp_path))
    assert done.code == 0, done.err
    assert list(lt.runs(tmp_path).frame["explored"]) == [explored]
    assert list(lt.load(tmp_path).payloads) == ["ping"]


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("tune", ("--explore", "grid", *ONE)),
        ("tune", ("--cold", "1", *ONE)),
        ("benchmark", ONE),
    ],
)
def test_a_grid_is_declined_for_its_price_before_it_is_measured(
    deployed: Shell, name: str, tmp_path: Path, command: str, given: tuple[str, ...]
) -> None:
    """An adaptive run would start, and end by its price itself."""
    words = [command, *([name] if command == "tune" else []), *SMALL, *given]
    done = deployed(*words, "--max-usd", "1e-9", "--store", str(tmp_path))
    assert done.code == 4, done.err
    assert "the run is estimated at $0.000" in done.complaint
    assert "explore adaptively, or allow more" in done.complaint
    assert lt.runs(tmp_path).frame.empty
