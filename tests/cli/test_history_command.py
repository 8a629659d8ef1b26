"""`lambdatuning history`: the gate of a nightly run, accepted levels, outputs for machines."""

import json
import re
from csv import DictReader
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from statistics import mean

import pandas as pd
import pytest

import lambdatuning as lt
from lambdatuning.analysis.run import Run
from lambdatuning.cloud.run_store import FolderStore, StoredRun, save, stored_runs
from lambdatuning.core.tuning.manifest import Manifest

from ..analysis.synthetic import KINDS, changed, store_synthetic_run
from .conftest import Shell

FEW = KINDS[2:6]


def night(n: int) -> str:
    return f"{datetime(2026, 11, 1, 3) + timedelta(days=n):%Y%m%dT%H%M%S}-aaaaaa"


def store_night(folder: Path, n: int, factor: float = 1.0, calls: int = 3) -> None:
    kinds = [
        replace(kind, cpu_ms=kind.cpu_ms * factor, wait_ms=kind.wait_ms * factor)
        if kind.name == "read"
        else kind
        for kind in FEW
    ]
    started = (datetime(2026, 11, 1, 3) + timedelta(days=n)).isoformat() + "+00:00"
    about = {"run_id": night(n), "started_at": started, "code_sha256": f"code {factor}"}
    store_synthetic_run(folder, kinds, (128, 512, 1024), seed=n, per_environment=calls, about=about)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten nights, and two of code that makes reads 30 % slower."""
    folder = tmp_path_factory.mktemp("nights")
    for n in range(12):
        store_night(folder, n, 1.0 if n < 10 else 1.3)
    return folder


def test_a_planted_regression_ends_with_3_on_every_channel(
    nobody: Shell, nights: Path, tmp_path: Path
) -> None:
    store = ("--store", str(nights))
    written = [str(tmp_path / name) for name in ("v.xml", "v.md", "v.svg")]
    outputs = ("--junit", written[0], "--comment", written[1], "--badge", written[2])
    done = nobody("history", *store, *outputs, "--json")
    assert done.code == 3
    assert "read is slower than the rest by " in done.complaint
    assert "the code changed" in done.complaint
    data = json.loads(done.out)
    (change,) = data["changes"]
    assert (change["payload"], change["since"]) == ("read", night(10))
    assert change["low"] < 0.3 < change["high"]
    assert all("read" in Path(file).read_text() for file in written[:2])
    assert (nights / "_index.jsonl").exists()
    accepted = nobody("history", *store, "--accept", night(10), "--why", "more to read")
    assert accepted.code == 5
    assert f"Accepted from {night(10)}: more to read." in accepted.out
    assert "2 of the 5 runs that a level needs are there, 3 more are needed" in accepted.complaint


def test_few_runs_are_told_what_is_missing(nobody: Shell, tmp_path: Path) -> None:
    store_night(tmp_path, 0)
    done = nobody("history", "--store", str(tmp_path))
    assert done.code == 5
    assert "1 of the 5 runs that a level needs are there, 4 more are needed" in done.complaint


def test_a_function_is_not_found_in_an_empty_store(nobody: Shell, tmp_path: Path) -> None:
    done = nobody("history", "nothing", "--store", str(tmp_path))
    assert (done.code, done.out) == (1, "")
    assert done.complaint.endswith("it has none: `lambdatuning tune` makes one")


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("nothing",), 1, "no run of nothing in "),
        (("--why", "because"), 2, "--why goes with --accept RUN"),
        (("--accept", "x"), 2, "say why the new level is accepted"),
        (("--accept", "x", "--why", "y"), 1, "no run x to accept"),
    ],
)
def test_refusals(
    nobody: Shell, tmp_path: Path, words: tuple[str, ...], code: int, complaint: str
) -> None:
    store_night(tmp_path, 0)
    done = nobody("history", *words, "--store", str(tmp_path))
    assert (done.code, done.out) == (code, "")
    assert complaint in done.complaint


@pytest.fixture(scope="module")
def ten_per_cent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten nights, and two of code that makes reads 10 % slower."""
    folder = tmp_path_factory.mktemp("ten-per-cent")
    for n in range(12):
        store_night(folder, n, 1.0 if n < 10 else 1.1, calls=20)
    return folder


def test_a_planted_regression_of_ten_per_cent_is_on_every_channel(
    nobody: Shell, ten_per_cent: Path, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("v.xml", "v.md", "v.svg", "summary", "output")}
    exports = {form: tmp_path / form for form in ("otava", "github-action-benchmark", "bencher")}
    store = ("--store", str(ten_per_cent))
    done = nobody(
        *("history", *store, "--junit", str(files["v.xml"]), "--comment", str(files["v.md"])),
        *("--badge", str(files["v.svg"]), "--github"),
        *(f"--export={form}={path}" for form, path in exports.items()),
        GITHUB_STEP_SUMMARY=str(files["summary"]),
        GITHUB_OUTPUT=str(files["output"]),
    )
    assert done.code == 3, done.err
    match = re.search(r"read is slower than the rest by (10|9\.\d|11) %", done.complaint)
    assert match, done.complaint
    assert f"since {night(10)}; the code changed" in done.complaint
    escaped = done.complaint.removeprefix("lambdatuning: ").replace("%", "%25")
    assert f"::error title=lambdatuning%3A LambdaFunctionOverHttps::R{escaped[1:]}" in done.err
    texts = {name: path.read_text("utf-8") for name, path in files.items()}
    for name in ("v.xml", "v.md", "summary", "output"):
        assert match[0] in texts[name], name
    assert "<!-- lambdatuning verdict: LambdaFunctionOverHttps -->" in texts["v.md"]
    assert re.search(r"LambdaFunctionOverHttps: duration \+(9|10|11)\.\d %", texts["v.svg"])
    assert "verdict<<" in texts["output"]
    before, after = reads(exports["otava"])
    assert after / before == pytest.approx(1.1, abs=0.02)
    points = json.loads(exports["github-action-benchmark"].read_text("utf-8"))
    value = {point["name"]: point["value"] for point in points}
    assert value["LambdaFunctionOverHttps: duration, read 512 MB"] == pytest.approx(after, rel=0.02)
    measures = json.loads(exports["bencher"].read_text("utf-8"))
    latency = measures["LambdaFunctionOverHttps read 512 MB"]["latency"]["value"]
    assert latency / 1e6 == pytest.approx(after, rel=0.02)
    made = nobody("report", "06_history.ipynb", "-p", "store", store[1], "--out", str(tmp_path))
    assert made.code == 0, made.err
    page = (tmp_path / "06_history.html").read_text("utf-8")
    assert len(page) < 1_000_000
    assert match[0] in re.sub(r"&nbsp;|\u202f|\xa0", " ", page)


def reads(csv: Path) -> tuple[float, float]:
    """The mean duration of reads at 512 MB before and after, of a CSV for Otava."""
    rows = list(DictReader(csv.read_text("utf-8").splitlines()))
    values = [float(row["read_512mb_ms"]) for row in rows]
    return mean(values[:10]), mean(values[10:])


@pytest.fixture(scope="module")
def measured(deployed: Shell, tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """A run of three payload types on the embedded AWS."""
    folder = tmp_path_factory.mktemp("measured")
    types = [word for name in ("echo", "ping", "read") for word in ("--payload", name)]
    words = ("--powers", "512", "--no-current", "--num", "6", "--yes", "--store", str(folder))
    done = deployed("benchmark", *types, *words)
    assert done.code == 0, done.err
    (stored,) = stored_runs(FolderStore(folder))
    return stored


def copied(stored: StoredRun, folder: Path, n: int, ping: float) -> None:
    """The run as that of an earlier night, in which pings took `ping` times as long."""
    started = datetime(2026, 11, 1, 3) + timedelta(days=n)
    parts = []
    for number, part in enumerate(stored.parts()):
        rows = pd.read_parquet(BytesIO(part))
        factor = rows["payload"].eq("ping").map({True: ping, False: 1.0}) * (1 + n / 500)
        rows["duration_ms"] = rows["duration_ms"] * factor
        parts.append((f"samples-{number}.parquet", rows.to_parquet(index=False)))
    about = {"run_id": night(n), "started_at": f"{started.isoformat()}+00:00"}
    save(FolderStore(folder), changed(stored.manifest, about), parts)


def test_a_suspect_is_measured_again_at_once_within_its_price_and_confirmed(
    deployed: Shell, measured: StoredRun, tmp_path: Path
) -> None:
    for n in range(10):
        copied(measured, tmp_path, n, 0.2 if n < 9 else 1.0)
    words = ("history", "--store", str(tmp_path), "--json")
    suspect = deployed(*words)
    assert suspect.code == 5
    assert "--confirm measures again at once" in suspect.complaint
    dear = deployed(*words, "--confirm", "--max-usd", "0.0000001", "--yes")
    assert dear.code not in (0, 3, 5)
    assert "$0.0" in dear.complaint
    assert len(list(stored_runs(FolderStore(tmp_path)))) == 10
    done = deployed(*words, "--confirm", "--max-usd", "0.05", "--yes")
    assert done.code == 3, done.err
    data = json.loads(done.out)
    assert (len(data["runs"]), data["runs"][-1]["labels"]) == (11, f"confirms={night(9)}")
    (change,) = [change for change in data["changes"] if change["measure"] == "duration"]
    assert (change["payload"], change["since"]) == ("ping", night(9))


def test_a_suspect_that_was_chance_is_withdrawn(measured: StoredRun, tmp_path: Path) -> None:
    """The next run is as those before, on a machine that nothing else disturbs."""

    def again(manifest: Manifest) -> Run:
        assert manifest.run_id == night(9)
        copied(measured, tmp_path, 10, 1.0)
        return lt.load(tmp_path, night(10))

    for n in range(10):
        copied(measured, tmp_path, n, 1.0 if n < 9 else 5.0)
    assert lt.history(store=tmp_path).verdict.exit_code == 5
    past = lt.history(store=tmp_path, confirm=again)
    assert (len(past.runs), past.suspect, past.changes) == (11, False, ())
    assert (past.verdict.kind, past.verdict.exit_code) == ("fine", 0)
