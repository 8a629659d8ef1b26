import json
from pathlib import Path

import pytest

from lambdatuning.core.decision import Decision
from lambdatuning.core.tuning.manifest import (
    SCHEMA,
    Manifest,
    PriceBookName,
    TunerTime,
    read_manifest,
)
from lambdatuning.core.wire import camel, snake

RECORDED = sorted(Path("data/recorded").rglob("_manifest.json"))
WHOLE = Manifest(
    run_id="1",
    function="shop",
    code_sha256="abc=",
    endpoint={"kind": "embedded", "measuring_cores": 1.25},
    execution_arns=("arn:1", "arn:2"),
    sizes=(128, 256),
    price_book=PriceBookName("2026-09", "here"),
    tuner_ms=TunerTime(1, 2),
    failed_sizes={"128": "too slow"},
    warnings=("w",),
    output={"power": 128, "stateMachine": {"lambdaCost": 1}},
    exploration={"answers": [{"memory_mb": 128, "within_5": 0.9}], "steps": [{"gb_s": 1.0}]},
    decision=Decision(128, "cost", 0.9, 512, 0.5, 2.0, 128, notes=("a note",)),
    parts=(Manifest(run_id="0"),),
)


def test_a_manifest_comes_back_as_it_was() -> None:
    stored = json.loads(json.dumps(WHOLE.to_json()))
    assert Manifest.from_json(stored) == WHOLE
    assert stored["codeSha256"] == "abc="
    assert stored["exploration"]["answers"] == [{"memoryMb": 128, "within5": 0.9}]
    assert stored["output"]["stateMachine"] == {"lambdaCost": 1}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.parent.name)
def test_a_store_of_the_first_schema_still_loads(path: Path) -> None:
    raw = json.loads(path.read_bytes())
    found = read_manifest(path.read_bytes())
    assert (found.schema, found.extra, found.decision) == (1, {}, None)
    assert found.execution_arn == raw["execution_arn"]
    assert found.tuner_ms == TunerTime(**raw["tuner_ms"])
    assert [payload.weight for payload in found.payloads] == [p["weight"] for p in raw["payloads"]]
    assert (found.output, found.input, found.endpoint) == (
        raw["output"],
        raw["input"],
        raw["endpoint"],
    )


def test_what_a_newer_version_added_survives_with_a_warning() -> None:
    newer = {"runId": "1", "function": "f", "schema": SCHEMA + 1, "futureThing": {"a_b": 1}}
    with pytest.warns(UserWarning, match="newer lambdatuning"):
        found = read_manifest(json.dumps(newer))
    assert found.to_json() == {**newer, "kind": "lambdatuning", "warnings": []}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"function": "f"}'])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting value|not the manifest"):
        read_manifest(text)


def test_names_are_spelled_one_way_outside_and_one_way_inside() -> None:
    names = ["run_id", "code_sha256", "billed_ms_critical_path", "within_5", "gb_s", "usd"]
    assert [snake(camel(name)) for name in names] == names
