"""The built wheel in a fresh environment and an empty folder: everything works without a checkout.

In CI the wheel's dependencies are installed by pip, as a user's are; elsewhere those of the
environment that runs the tests serve, which takes a tenth of the time.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from lambdatuning.cloud.parquet import packed
from lambdatuning.cloud.run_store import FolderStore, save, stored_runs
from lambdatuning.local import endpoint
from lambdatuning.workspace.extras import EXTRAS

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"

pytestmark = pytest.mark.timeout(900)


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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel and nothing of the checkout."""
    fresh = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(fresh, with_pip=True)
    python = fresh / "bin" / "python"
    whole = "CI" in os.environ
    what = (f"{wheel}[local]", "--constraint", CONSTRAINTS) if whole else (wheel, "--no-deps")
    quiet = ("--quiet", "--no-compile", "--disable-pip-version-check")
    done = run(python, "-m", "pip", "install", *quiet, *what, folder=fresh)
    assert done.returncode == 0, done.stderr
    if not whole:
        ours, theirs = (sysconfig.get_path("purelib", vars=v) for v in (_base(fresh), None))
        Path(ours, "dependencies.pth").write_text(f"{theirs}\n")
    return fresh / "bin"


def _base(folder: Path) -> dict[str, str]:
    return {"base": str(folder), "platbase": str(folder)}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_the_wheel_has_all_that_a_user_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = "lambdatuning/resources/"
    there = [
        "template.yaml",
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("notebooks/*.ipynb")),
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("data/payloads/*.json")),
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("data/policies/*")),
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("data/recorded/**/*.csv.gz")),
    ]
    assert {f"{inside}{name}" for name in there} <= names
    assert {"lambdatuning/py.typed", "lambdatuning/core/prices.json"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", f"{inside}data/runs"))]


def test_an_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert build(source, tmp_path / "dist", "-t", "wheel").read_bytes() == wheel.read_bytes()


def test_an_empty_folder_gets_its_reports(bin_folder: Path, empty: Path) -> None:
    """An embedded AWS, a deployment, a benchmark and the notebooks, in one command."""
    few = ("-p", "num=2", "-p", "sizes=256,1024", "-p", "payload_types=echo,digest")
    names = ("01_benchmark.ipynb", "02_payload_types.ipynb")
    done = run(bin_folder / "lambdatuning", "report", *names, "--local", *few, folder=empty)
    assert done.returncode == 0, done.stderr
    pages = [Path(line).name for line in done.stdout.splitlines()]
    assert pages == ["01_benchmark.html", "02_payload_types.html"]
    assert all((empty / "reports" / name).is_file() for name in pages)
    assert sorted(path.name for path in empty.iterdir()) == ["lambdatuning-runs", "reports"]


TOUR = """
set -euo pipefail
lambdatuning deploy --yes --quiet --json > deployed.json
few="--powers 256,1024 --no-current --num 2 --yes --quiet --json"
lambdatuning benchmark --payload ping $few > benchmark.json
lambdatuning tune "$(lambdatuning status --output FunctionName)" --payload digest $few > tune.json
python -c '
import lambdatuning as lt
run = lt.benchmark(lt.connect(), payload="echo", powers="256", current=False, num=2)
print(run.payloads)
'
lambdatuning runs --json > runs.json
lambdatuning init project > /dev/null
cd project/notebooks
sed -i.bak -e "s/num: int = 10/num: int = 1/" -e "s/128,256,512,1024,1536,3008/256,1024/" 01*
python -m nbconvert --log-level ERROR --to notebook --execute --stdout 01*.ipynb > ../done.ipynb
"""


def test_every_way_to_measure_works_in_an_empty_folder(bin_folder: Path, empty: Path) -> None:
    """Deploy, benchmark, tune, the library, a notebook of a new project, on one embedded AWS."""
    words = ("local", "--port", "0", "--run", "bash", "-c", TOUR)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    done = run(bin_folder / "lambdatuning", *words, folder=empty, PATH=path)
    assert done.returncode == 0, done.stderr[-3000:]
    read = {path.stem: json.loads(path.read_text()) for path in empty.glob("*.json")}
    assert "StateMachineArn" in read["deployed"]
    assert read["benchmark"]["stored_in"].startswith(str(empty / "lambdatuning-runs"))
    assert [run["payloads"] for run in read["runs"]] == [["ping"], ["digest"], ["echo"]]
    assert done.stdout == "('echo',)\n"
    assert "template.yaml of the lambdatuning package" not in done.stderr  # --quiet
    # The notebook of the project measured into the project's store, not beside the notebook.
    assert list((empty / "project" / "lambdatuning-runs").rglob("_manifest.json"))


def test_errors_name_the_folder_that_was_searched(bin_folder: Path, empty: Path) -> None:
    program = bin_folder / "lambdatuning"
    done = run(program, "runs", folder=empty)
    assert str(empty / "lambdatuning-runs") in done.stdout
    done = run(program, "compare", folder=empty)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(empty / "lambdatuning-runs") in done.stderr


def test_the_module_and_the_version(bin_folder: Path, empty: Path) -> None:
    done = run(bin_folder / "python", "-m", "lambdatuning", "--version", folder=empty)
    assert done.stdout.startswith("lambdatuning 0.")
    code = "import lambdatuning, sys; print(lambdatuning.__file__)"
    assert str(bin_folder.parent) in run(bin_folder / "python", "-c", code, folder=empty).stdout


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """Variables of an installation without any extra: modules of extras are hidden."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {sorted(sum(EXTRAS.values(), ()))}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("report",), "report"),
        (("status", "--local"), "local"),
        (("local",), "local"),
        (("logs", "x.log"), "logs"),
    ],
)
def test_a_missing_extra_is_one_line(
    bare: dict[str, str], empty: Path, words: tuple[str, ...], extra: str
) -> None:
    done = run(sys.executable, "-m", "lambdatuning", *words, folder=empty, **bare)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert f'of the extra "{extra}": pip install ' in done.stderr


def test_without_pyarrow_a_run_that_needs_it_says_so(bare: dict[str, str], empty: Path) -> None:
    for run_ in stored_runs(FolderStore(ROOT / "data" / "recorded")):
        parts = ((f"samples-{number}.csv.gz", part) for number, part in enumerate(run_.parts()))
        save(FolderStore(empty / "lambdatuning-runs"), run_.manifest, packed(parts))
    done = run(sys.executable, "-m", "lambdatuning", "compare", folder=empty, **bare)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'this needs pyarrow, of the extra "parquet": pip install ' in done.stderr


def test_without_any_extra_one_deploys_tunes_lists_and_compares(
    bare: dict[str, str], empty: Path
) -> None:
    few = ("--powers", "256,1024", "--no-current", "--payload", "ping", "--yes", "--quiet")
    with endpoint.start() as running:
        given = {**running.environment, **bare}

        def command(*words: str) -> str:
            done = run(sys.executable, "-m", "lambdatuning", *words, folder=empty, **given)
            assert done.returncode in (0, 5), done.stderr
            return done.stdout

        command("deploy", "--yes", "--quiet")
        name = command("status", "--output", "FunctionName").strip()
        assert "MB" in command("tune", name, *few)
        assert "MB" in command("tune", name, *few, "--num", "2")
        assert len(json.loads(command("runs", "--json"))) == 2
        assert "changes" in json.loads(command("compare", "--json"))
