"""The recorded cases of Power Tuning pass, and the runner notices when one does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import AREAS, check, load, main, same

FOLDER = Path(__file__).parent / "cases"
CASES, ODD_CASES = FOLDER / "power_tuning.json", FOLDER / "power_tuning_odd.json"
each_case = pytest.mark.parametrize(
    "case",
    [*load(CASES), *load(ODD_CASES)],
    ids=lambda case: f"{case['area']}-{case['name']}",
)


@each_case
def test_case(case: dict[str, Any]) -> None:
    assert check(case).problem == ""


def test_every_area_has_cases() -> None:
    assert {case["area"] for case in load(CASES)} == set(AREAS)


@each_case
def test_a_wrong_expectation_fails(case: dict[str, Any]) -> None:
    wrong = {**case, "expected": {"value": "something else"}}
    if case["area"] == "end_to_end":
        wrong["expected"] = {"value": {"status": "SUCCEEDED", "output": {"power": 1}}}
    assert check(wrong).problem


def test_a_last_bit_counts() -> None:
    assert not same(0.1 + 0.2, 0.3)
    assert same(1, 1.0)
    assert same(float("nan"), float("nan"))
    assert not same(True, 1)
    assert not same({"a": 1}, {"a": 1, "b": None})


def test_the_command_counts_and_exits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {"area": "price", "name": "free", "expected": {"value": 0}}
    given = {"minCost": 1e-9, "minRAM": 128, "value": 128, "duration": 0}
    bad = {"area": "price", "name": "dear", "expected": {"value": 1}}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([{**good, "input": given}, {**bad, "input": given}]))
    assert main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAILED price dear: expected 1, got 0")
    assert lines[-1] == "1 passed, 1 failed"
    assert main([str(path), "average"]) == 0


def test_wrong_use_differs_from_a_failure(tmp_path: Path) -> None:
    assert main([]) == 2
    assert main([str(tmp_path / "missing.json")]) == 2


def test_an_unknown_area_fails() -> None:
    case = {"area": "poetry", "name": "ode", "input": {}, "expected": {"value": 1}}
    assert "unknown area" in check(case).problem


def test_an_error_text_must_match_unless_v8_worded_it() -> None:
    case = {"area": "arn_region", "name": "x", "input": {"arn": "a"}}
    assert check({**case, "expected": {"error": "Invalid ARN: b"}}).problem
    assert not check({**case, "expected": {"error": "arn.split is not a function"}}).problem
