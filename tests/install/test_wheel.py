"""The built wheel in a fresh environment and an empty folder: everything works without a checkout.

The fresh environment has exactly what the wheel requires with its extra `local`, and nothing else
of the environment that runs the tests: links to what pip installed there.
"""

import csv
import email
import json
import os
import re
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lambdatuning.cloud.parquet import packed
from lambdatuning.cloud.run_store import FolderStore, save, stored_runs
from lambdatuning.local import endpoint
from lambdatuning.workspace.extras import EXTRAS

from .conftest import ROOT, build, run

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel and nothing of the checkout."""
    fresh = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(fresh)
    python = fresh / "bin" / "python"
    quiet = ("--quiet", "--no-compile", "--disable-pip-version-check", "--no-deps")
    pip = (sys.executable, "-m", "pip", "--python", python)
    done = run(*pip, "install", *quiet, wheel, folder=fresh)
    assert done.returncode == 0, done.stderr
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(fresh)}))
    (ours,) = metadata.distributions(name="lambdatuning", path=[str(packages)])
    link(required(ours, "local"), packages)
    return fresh / "bin"


def required(distribution: metadata.Distribution, *extras: str) -> list[metadata.Distribution]:
    """What a distribution requires with these extras, as it is installed here."""
    names: dict[str, metadata.Distribution] = {distribution.name: distribution}
    visited: set[tuple[str, str]] = set()
    waiting = [(distribution.name, extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in visited:
            continue
        visited.add((name, extra))
        for text in names[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            there = names.setdefault(requirement.name, metadata.distribution(requirement.name))
            assert requirement.specifier.contains(there.version, prereleases=True), text
            waiting += [(requirement.name, more) for more in ("", *requirement.extras)]
    return [other for other in names.values() if other is not distribution]


def link(distributions: Sequence[metadata.Distribution], packages: Path) -> None:
    """What distributions put into their environment, also in another one: symbolic links to their
    folders, or to each file in those that several share. Programs name theirs, so not those."""
    files = [recorded(distribution) for distribution in distributions]
    owners = Counter(top for names in files for top in {top_of(name) for name in names})
    shared = {top for top, count in owners.items() if count > 1} | {"..", "__pycache__"}
    for distribution, names in zip(distributions, files, strict=True):
        for name in {name if top_of(name) in shared else top_of(name) for name in names}:
            source, target = Path(str(distribution.locate_file(name))), packages / name
            if source.parent.name != "bin" and source.exists() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)


def recorded(distribution: metadata.Distribution) -> list[str]:
    """The names of its files. As text: to make a path of each would take a second."""
    return [row[0] for row in csv.reader((distribution.read_text("RECORD") or "").splitlines())]


def top_of(name: str) -> str:
    return name.partition("/")[0]


def test_the_wheel_has_all_that_a_user_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = "lambdatuning/resources/"
    there = [
        "template.yaml",
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("notebooks/*.ipynb")),
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("data/payloads/*.json")),
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("data/policies/*.json")),
        *(str(path.relative_to(ROOT)) for path in ROOT.glob("data/recorded/**/*.csv.gz")),
    ]
    assert {f"{inside}{name}" for name in there} <= names
    assert {"lambdatuning/py.typed", "lambdatuning/core/prices.json"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", f"{inside}data/runs"))]
    assert not [name for name in names if name.endswith(".md")]


def test_an_index_shows_the_readme_without_links_that_lead_nowhere(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        message = email.message_from_bytes(archive.read(name))
    assert message["Description-Content-Type"] == "text/markdown"
    shown = message.get_payload()
    assert isinstance(shown, str)
    assert "# lambdatuning\n" in shown
    addresses = re.findall(r"\]\(([^)]*)\)", shown)
    assert addresses
    assert [address for address in addresses if not address.startswith("https://")] == []


def test_every_pinned_version_is_one_for_the_oldest_python() -> None:
    """Debian 12 has Python 3.11.2: a pin that asks for more ends its `make report`."""
    oldest = f"{metadata.metadata('lambdatuning')['Requires-Python'].removeprefix('>=')}.0"
    for line in (ROOT / ".ci" / "constraints.txt").read_text("utf-8").splitlines():
        name, _, version = line.partition("==")
        if version and (asks := required_python(name, version)):
            assert oldest in SpecifierSet(asks), f"{line} asks for Python {asks}"


def required_python(name: str, version: str) -> str:
    """As the installed distribution says; "" where that version is not the one installed."""
    try:
        there = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return ""
    same = there.version == version and "Requires-Python" in there.metadata
    return there.metadata["Requires-Python"] if same else ""


def test_an_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert build(source, tmp_path / "dist", "-t", "wheel").read_bytes() == wheel.read_bytes()


def test_an_empty_folder_gets_its_reports(bin_folder: Path, empty: Path) -> None:
    """An embedded AWS, a deployment, a benchmark and a notebook, in one command."""
    few = ("-p", "num=1", "-p", "sizes=256,1024", "-p", "payload_types=echo")
    name = "01_benchmark.ipynb"
    done = run(bin_folder / "lambdatuning", "report", name, "--local", *few, folder=empty)
    assert done.returncode == 0, done.stderr
    (page,) = done.stdout.splitlines()
    assert page.endswith("01_benchmark.html")
    assert (empty / page).is_file()
    assert sorted(path.name for path in empty.iterdir()) == ["lambdatuning-runs", "reports"]


@pytest.fixture(scope="module")
def running() -> Iterator[endpoint.LocalEndpoint]:
    """One embedded AWS for all that deploy and measure."""
    with endpoint.start() as started:
        yield started


TOUR = r"""
set -euo pipefail
lambdatuning deploy --yes --quiet --json > deployed.json
lambdatuning init project > /dev/null
cd project/notebooks
sed -i.bak -e "s/num: int = 10/num: int = 1/" -e "s/128,256,512,1024,1536,3008/256/" \
    -e 's/payload_types: str = \\"\\"/payload_types: str = \\"ping\\"/' 01*
python -c '
import nbclient, nbformat
notebook = nbformat.read("01_benchmark.ipynb", 4)
measuring = next(n for n, cell in enumerate(notebook.cells) if "lt.benchmark" in cell.source)
del notebook.cells[measuring + 1:]  # figures and tables are drawn by the report above
nbclient.execute(notebook)
'
cd ..
lambdatuning runs --json > ../runs.json
"""


def test_commands_and_a_notebook_measure_in_an_empty_folder(
    bin_folder: Path, empty: Path, running: endpoint.LocalEndpoint
) -> None:
    """Deploy, and a notebook of a new project, which uses the library, and its run."""
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    done = run("bash", "-c", TOUR, folder=empty, PATH=path, **running.environment)
    assert done.returncode == 0, done.stderr[-3000:]
    read = {path.stem: json.loads(path.read_text()) for path in empty.glob("*.json")}
    assert "StateMachineArn" in read["deployed"]
    assert done.stdout == ""
    assert "template.yaml of the lambdatuning package" not in done.stderr  # --quiet
    # The notebook of the project measured into the project's store, not beside the notebook.
    assert len([*(empty / "project" / "lambdatuning-runs").rglob("_manifest.json")]) == 1
    assert [run["payloads"] for run in read["runs"]] == [["ping"]]


def test_errors_name_the_folder_that_was_searched(bin_folder: Path, empty: Path) -> None:
    code = (
        "from lambdatuning.cli.app import main\nmain(['runs'])\nraise SystemExit(main(['compare']))"
    )
    done = run(bin_folder / "python", "-c", code, folder=empty)
    (listed,) = done.stdout.splitlines()
    assert str(empty / "lambdatuning-runs") in listed
    assert done.returncode == 1
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


BARE = """
import contextlib, io, json
from lambdatuning.cli.app import main

def command(*words):
    with io.TextIOWrapper(io.BytesIO(), encoding="utf-8") as out:
        with contextlib.redirect_stdout(out):
            code = main(words)
        assert code in (0, 5), f"{words}: {code}"
        out.flush()
        return out.buffer.getvalue().decode("utf-8")

name = json.loads(command("deploy", "--yes", "--quiet", "--json", *STACK))["FunctionName"]
few = ("--no-current", "--payload", "ping", "--yes", "--quiet", *STACK[:2])
answers = [
    command("tune", name, *few, "--powers", "256,1024"),
    command("tune", name, *few, "--powers", "256", "--num", "2"),
]
print(json.dumps([answers, *(json.loads(command(word, "--json")) for word in ("runs", "compare"))]))
"""
"""Commands one after the other in one process, as all of them import the same."""


def test_without_any_extra_one_deploys_tunes_lists_and_compares(
    bare: dict[str, str], empty: Path, running: endpoint.LocalEndpoint
) -> None:
    # A stack of its own, so that this installation is the one that creates it.
    code = f"STACK = ('--stack', 'bare', '--parameter', 'TableName=bare')\n{BARE}"
    done = run(sys.executable, "-c", code, folder=empty, **running.environment, **bare)
    assert done.returncode == 0, done.stderr
    answers, listed, compared = json.loads(done.stdout)
    assert all("MB" in answer for answer in answers)
    assert len(listed) == 2
    assert "changes" in compared
