"""`lambdatuning compare`: words or data, and exit code 3 for what got worse."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ..analysis.synthetic import KINDS, store_synthetic_run
from .conftest import Shell

BEFORE, AFTER = "20261121T090500-aaaaaa", "20261122T090500-bbbbbb"
URL = "https://lambda-power-tuning.show/#gAAAAQ==;AADIQgAASEI=;XHxhNFx84TQ="


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run, and one after a change that made CPU-bound work a third slower."""
    folder = tmp_path_factory.mktemp("runs")
    slower = [replace(kind, cpu_ms=kind.cpu_ms * 1.33) for kind in KINDS[-2:]]
    for run_id, kinds, seed in ((BEFORE, KINDS[-2:], 1), (AFTER, slower, 2)):
        store_synthetic_run(folder, kinds, (128, 512), seed=seed, about={"run_id": run_id})
    return str(folder)


def test_a_regression_ends_with_3_and_says_what(nobody: Shell, store: str) -> None:
    done = nobody("compare", "--store", store)
    assert done.code == 3
    assert done.out.startswith("After against before: slower by 3")
    assert done.complaint.startswith("lambdatuning: regression: ")
    assert "hash is slower by 33 %" in done.complaint
    assert "egression" not in done.out  # said once


def test_no_regression_says_why(nobody: Shell, store: str) -> None:
    done = nobody("compare", AFTER, BEFORE, "--store", store, "--history", "all")
    assert (done.code, done.err) == (0, "")
    reason = "No regression: nothing got significantly slower or more expensive by more than 5 %."
    assert done.out.strip().splitlines()[-1] == reason


def test_the_recorded_runs_of_the_same_code_pass(nobody: Shell) -> None:
    done = nobody("compare", "--store", "data/recorded", "--json")
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert (data["regressions"], data["max_regression"]) == ([], 0.05)
    assert data["same_code"] == {"sd": 0.025, "degrees": 3.0}


def test_what_got_better_or_is_allowed_is_no_regression(nobody: Shell, store: str) -> None:
    assert nobody("compare", "--store", store, "--max-regression", "60").code == 0
    better = nobody("compare", AFTER, BEFORE, "--store", store, "--json", "--memory", "512")
    assert better.code == 0, better.err
    data = json.loads(better.out)
    assert data["regressions"] == []
    assert {row["memory_mb"] for row in data["by_size"]} == {512}
    assert data["changes"][0]["duration_high_change"] < 0


def test_what_cannot_be_told_ends_with_5(nobody: Shell, store: str) -> None:
    done = nobody("compare", BEFORE, URL, "--store", store, "--payload", "hash")
    assert done.code == 5, done.err
    assert "no interval" in done.out
    assert done.complaint.startswith("lambdatuning: cannot tell: ")


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ([BEFORE], 2, "only 20261121T090500-aaaaaa is there of LambdaFunctionOverHttps; name two"),
        ([BEFORE, AFTER[:-1]], 1, f'did you mean "{AFTER}"'),
        ([BEFORE, "http://x/#a"], 2, "not a visualization URL"),
        (["--payload", "hsh"], 2, 'no payload type "hsh"'),
        (["--memory", "777"], 2, "777 MB was not measured"),
        (
            ["--max-regression", "-1"],
            2,
            "--max-regression (per cent) must be a number, 0 or more; not '-1'",
        ),
    ],
)
def test_refusals(nobody: Shell, store: str, words: list[str], code: int, complaint: str) -> None:
    done = nobody("compare", *words, "--store", store)
    assert (done.code, done.out) == (code, "")
    assert complaint in done.complaint


@pytest.mark.parametrize("name", [AFTER, "latest", "latest 1"])
def test_one_name_is_compared_with_the_run_before(nobody: Shell, store: str, name: str) -> None:
    """So that `-p runs latest`, or an id, goes to every notebook, the comparison, too."""
    both = nobody("compare", BEFORE, AFTER, "--store", store, "--json")
    alone = nobody("compare", name, "--store", store, "--json")
    assert (alone.code, json.loads(alone.out)) == (both.code, json.loads(both.out))


def test_one_run_of_a_place_cannot_be_told(nobody: Shell, tmp_path: Path) -> None:
    """What was measured last is never compared with another function, architecture or region."""
    for number, about in enumerate(
        ({}, {"architecture": "arm64"}, {"region": "us-east-1"}, {"function": "other"})
    ):
        run_id = f"2026112{number + 1}T090500-aaaaaa"
        store_synthetic_run(tmp_path, KINDS[-1:], (128,), about={"run_id": run_id, **about})
        done = nobody("compare", "--store", str(tmp_path), "--json")
        assert done.code == 5
        assert f"cannot tell: only {run_id} is there of " in done.complaint
        verdict = json.loads(done.out)["verdict"]
        assert (verdict["schema"], verdict["kind"], verdict["exit_code"]) == (1, "unknown", 5)
    named = nobody("compare", "20261121T090500-aaaaaa", run_id, "--store", str(tmp_path))
    assert named.code == 0, named.err


def test_yuan_are_compared_with_dollars_at_a_rate_alone(nobody: Shell) -> None:
    yuan = URL.replace("/#", "/?currency=CNY#")
    done = nobody("compare", URL, yuan)
    assert (done.code, done.out) == (2, "")
    assert "costs are in CNY and USD: say what a dollar costs, with --rate CNY=" in done.complaint
    done = nobody("compare", URL, yuan, "--rate", "cny=10", "--json")
    assert done.code in (0, 5), done.err
    (change,) = {row["cost_change"] for row in json.loads(done.out)["by_size"]}
    assert change == pytest.approx(-0.9)


def test_yuan_are_shown_as_such(nobody: Shell) -> None:
    yuan = URL.replace("/#", "/?currency=CNY#")
    done = nobody("show", yuan)
    assert done.out.splitlines()[0].split() == ["memory_mb", "duration_ms", "cost"]
    assert done.out.splitlines()[1].split() == ["128", "100", "¥0.000000210"]
    (first, _) = json.loads(nobody("show", yuan, "--json").out)
    assert (first["currency"], first["cost_usd"]) == ("CNY", None)
    assert first["cost"] == pytest.approx(2.1e-7)
    assert "$0.000000210" in nobody("show", URL).out
