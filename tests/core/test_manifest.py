import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.decision import Decision
from lambdatuning.core.exploration.question import Prediction
from lambdatuning.core.tuning.endpoint import Endpoint
from lambdatuning.core.tuning.explored import Explored, ModelAnswer, StepAnswer, TakenStep
from lambdatuning.core.tuning.manifest import (
    SCHEMA,
    LogsRead,
    Manifest,
    PriceBookName,
    TunerTime,
    read_manifest,
)
from lambdatuning.core.tuning.state import Planned, Spending
from lambdatuning.core.wire import camel, misfit, snake

POINT = Prediction(128, 3, 5.0, 4.0, 6.0, 1e-6)
EXPLORED = Explored(
    "sure",
    answers=(ModelAnswer(None, 128, within_5=0.9, curve=(POINT,)),),
    spent=Spending(3, 1.0, 1e-6),
    steps=(TakenStep(1, batch=(Planned(128, "a", 3, 1),), answers=(StepAnswer("a", 128, 0.5),)),),
    extra={"model": {"kind_of": 2}},
)
RECORDED = sorted(Path("data/recorded").rglob("_manifest.json"))
WHOLE = Manifest(
    run_id="1",
    function="shop",
    code_sha256="abc=",
    endpoint=Endpoint("embedded", measuring_cores=1.25, extra={"node": "20"}),
    execution_arns=("arn:1", "arn:2"),
    sizes=(128, 256),
    price_book=PriceBookName("2026-09", "here"),
    tuner_ms=TunerTime(1, 2),
    failed_sizes={"128": "too slow"},
    warnings=("w",),
    output={"power": 128, "stateMachine": {"lambdaCost": 1}},
    exploration=EXPLORED,
    logs=LogsRead(("a.json",), 1, "REPORT", 2),
    decision=Decision(128, "cost", 0.9, 512, 0.5, 2.0, 128, notes=("a note",)),
    parts=(Manifest(run_id="0"),),
)


def test_a_manifest_comes_back_as_it_was() -> None:
    stored = json.loads(json.dumps(WHOLE.to_json()))
    assert Manifest.from_json(stored) == WHOLE
    assert stored["codeSha256"] == "abc="
    answer = stored["exploration"]["answers"][0]
    assert (answer["memoryMb"], answer["within5"], answer["curve"][0]["lowMs"]) == (128, 0.9, 4.0)
    assert stored["endpoint"] == {"kind": "embedded", "measuringCores": 1.25, "node": "20"}
    assert stored["output"]["stateMachine"] == {"lambdaCost": 1}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.parent.name)
def test_a_store_of_the_first_schema_still_loads(path: Path) -> None:
    raw = json.loads(path.read_bytes())
    manifest = read_manifest(path.read_bytes())
    assert (manifest.schema, manifest.extra, manifest.decision) == (1, {}, None)
    assert manifest.execution_arn == raw["execution_arn"]
    assert manifest.tuner_ms == TunerTime(**raw["tuner_ms"])
    assert [payload.weight for payload in manifest.payloads] == [
        p["weight"] for p in raw["payloads"]
    ]
    assert (manifest.output, manifest.input) == (raw["output"], raw["input"])
    about = raw["endpoint"]
    assert (manifest.endpoint.measuring_cores, manifest.endpoint.cores) == (
        about["measuring_cores"],
        about["cores"],
    )
    assert manifest.endpoint.to_json()["node"] == about["node"]
    assert (manifest.exploration, manifest.logs) == (None, None)


def test_what_a_newer_version_added_survives_with_a_warning() -> None:
    newer = {"runId": "1", "function": "f", "schema": SCHEMA + 1, "futureThing": {"a_b": 1}}
    with pytest.warns(UserWarning, match="newer lambdatuning"):
        manifest = read_manifest(json.dumps(newer))
    assert manifest.to_json() == {**newer, "kind": "lambdatuning", "warnings": []}


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("payloads", {"name": "a", "weight": 1.0, "description": ""}),
        ("priceBook", {"version": "2026-09", "source": "here"}),
        ("code", {"commit": "abc", "branch": "", "dirty": False, "url": ""}),
        ("tunerMs", {"control": 1.0, "measure": 2.0}),
        ("decision", Decision(128, "cost").to_json()),
    ],
)
def test_what_a_newer_version_added_to_a_record_survives(name: str, record: dict[str, Any]) -> None:
    own = {camel(key): value for key, value in record.items()} | {"aNewField": {"a_b": 1}}
    stored = {"runId": "1", "schema": SCHEMA, name: [own] if name == "payloads" else own}
    assert Manifest.from_json(stored).to_json()[name] == stored[name]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"function": "f"}'])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting value|not the manifest"):
        read_manifest(text)


def _records(record: type, **others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a record with fields of a newer version beside, which no record has now."""
    newer = st.dictionaries(st.sampled_from(["aNewField", "another"]), st.integers(), max_size=2)
    return st.builds(record, extra=newer, **others)


_REALS = st.floats(0, 1e9)
_COUNTS = st.integers(0, 10_240)
_ANSWERS = _records(
    ModelAnswer,
    payload=st.none() | st.text(),
    memory_mb=_COUNTS,
    within_1=st.none() | _REALS,
    within_5=st.none() | _REALS,
    regret=st.none() | _REALS,
    curve=st.lists(
        st.builds(Prediction, _COUNTS, _COUNTS, _REALS, _REALS, _REALS, _REALS), max_size=2
    ).map(tuple),
)
_SPENDINGS = st.builds(Spending, _COUNTS, _REALS, _REALS)
_STEPS = _records(
    TakenStep,
    step=_COUNTS,
    stopped=st.text(),
    batch=st.lists(st.builds(Planned, _COUNTS, st.text(), _COUNTS, _COUNTS), max_size=2).map(tuple),
    elapsed_s=_REALS,
    reason=st.text(),
)
_EXPLORED = _records(
    Explored,
    stopped=st.text(min_size=1),
    answers=st.lists(_ANSWERS, max_size=2).map(tuple),
    warnings=st.lists(st.text(), max_size=2).map(tuple),
    spent=_SPENDINGS,
    grid=st.none() | _SPENDINGS,
    steps=st.lists(_STEPS, max_size=2).map(tuple),
)
_ENDPOINTS = _records(
    Endpoint,
    kind=st.text(),
    limiter=st.text(),
    cores=st.none() | _COUNTS,
    measuring_cores=st.none() | _REALS,
)
_LOGS = _records(LogsRead, files=st.lists(st.text()).map(tuple), unread=_COUNTS, untold=_COUNTS)


@given(_ENDPOINTS, st.none() | _EXPLORED, st.none() | _LOGS)
def test_records_and_what_a_newer_version_added_to_them_come_back(
    endpoint: Endpoint, explored: Explored | None, logs: LogsRead | None
) -> None:
    manifest = Manifest(run_id="1", endpoint=endpoint, exploration=explored, logs=logs)
    stored = json.loads(json.dumps(manifest.to_json()))
    assert misfit(Manifest, stored) == ""
    assert Manifest.from_json(stored) == manifest


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ({"endpoint": {"cores": "two"}}, "endpoint"),
        ({"exploration": {"reason": "no end is stated"}}, "exploration"),
        ({"exploration": {"stopped": "sure", "answers": [{"memoryMb": 128}]}}, "exploration"),
        ({"exploration": {"stopped": "sure", "steps": [{"step": "1"}]}}, "exploration"),
        ({"logs": {"unread": []}}, "logs"),
        ({"exploration": {"stopped": "sure", "answers": [{"payload": None, "memoryMb": 1}]}}, ""),
        ({"exploration": None, "endpoint": None, "logs": None}, ""),
    ],
)
def test_what_does_not_fit_a_record_is_named(stored: dict[str, Any], name: str) -> None:
    assert misfit(Manifest, stored) == name


@pytest.mark.parametrize("stored", [{}, None])
def test_a_grid_and_a_measured_run_have_neither_steps_nor_logs(stored: object) -> None:
    manifest = Manifest.from_json(
        {"runId": "1", "schema": 1, "exploration": stored, "logs": stored}
    )
    assert (manifest.exploration, manifest.logs) == (None, None)


@pytest.mark.parametrize(
    ("order", "least"),
    [({}, None), ({"minSure": 0.9}, None), ({"autoOptimize": True}, 0.0),
     ({"autoOptimize": True, "minSure": 0.9}, 0.9)],
)  # fmt: skip
def test_how_sure_the_answer_had_to_be(order: dict[str, Any], least: float | None) -> None:
    assert Manifest(input=order).set_if_sure == least


def test_the_answer_is_the_decisions_alone() -> None:
    assert WHOLE.answer_mb == 128
    assert Manifest(output={"power": 512}).answer_mb is None


def test_names_are_spelled_one_way_outside_and_one_way_inside() -> None:
    names = ["run_id", "code_sha256", "billed_ms_critical_path", "within_5", "gb_s", "usd"]
    assert [snake(camel(name)) for name in names] == names
