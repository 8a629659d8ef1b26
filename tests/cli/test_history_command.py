"""`lambdatuning history`: the gate of a nightly run, accepted levels, outputs for machines."""

import json
import re
from csv import DictReader
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import mean

import pytest

from ..analysis.synthetic import KINDS, store_synthetic_run
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
    assert "1 of the 5 runs that a level needs is there, 4 more are needed" in done.complaint


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
