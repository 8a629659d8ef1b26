"""Airflow itself runs the printed DAG: `make airflow` installs it apart (800 MB)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambdatuning.schedules import printed
from lambdatuning.schedules.schedule import Schedule

AIRFLOW = Path(sys.prefix) / "airflow" / "bin" / "airflow"
STUB = f"""#!{sys.executable}
import os, sys
with open(os.environ["RECORD"], "w") as file:
    file.write(os.getcwd() + chr(0) + "".join(word + chr(0) for word in sys.argv[1:]))
sys.exit(int(os.environ["CODE"]))
"""
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not AIRFLOW.exists(), reason="`make airflow` installs Airflow apart"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Airflow with the DAG; it calls a stub that records how it is called."""
    folder = tmp_path_factory.mktemp("airflow")
    stub = folder / "lambdatuning"
    stub.write_text(STUB)
    stub.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printed, "command", lambda: str(stub))
        ((name, text),) = printed.render("airflow", schedule(folder)).items()
    (folder / "dags").mkdir()
    (folder / "dags" / name).write_text(text)
    migrated = airflow(folder, 0, "db", "migrate")
    assert migrated.returncode == 0, migrated.stderr[-2000:]
    return folder


def schedule(folder: Path) -> Schedule:
    return Schedule(function="check {{ out }}'s", payloads=("a b.json",), folder=folder)


def airflow(folder: Path, code: int, *words: str) -> subprocess.CompletedProcess[str]:
    given = {
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PATH": f"{AIRFLOW.parent}:{os.environ['PATH']}",
        "RECORD": str(folder / "record"),
        "CODE": str(code),
    }
    return subprocess.run(
        [AIRFLOW, *words], cwd=folder, env=given, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("code", "failed"), [(0, False), (3, True), (5, False)])
def test_airflow_runs_the_night_with_the_day_of_the_run(
    home: Path, code: int, failed: bool
) -> None:
    """3 (worse) fails the run; 5 (cannot tell) does not."""
    done = airflow(home, code, "dags", "test", schedule(home).name, f"2026-11-{20 + code}")
    folder, *words = (home / "record").read_text().split("\0")[:-1]
    assert folder == str(home)
    assert words == schedule(home).words(f"--day=2026-11-{20 + code}")
    output = done.stdout + done.stderr
    assert ("state=failed" in output.replace("'", "").lower()) is failed, output[-3000:]
