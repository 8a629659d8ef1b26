"""Runs found by name, by what they are of and when, in a state machine's history, in a URL."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.api.runs import load_runs, read_time
from lambdatuning.cloud.run_store import find_run, open_store
from lambdatuning.core.errors import NotFoundError, UsageError

from ..analysis.synthetic import KINDS, store_synthetic_run
from .conftest import fake_cloud
from .test_executions import ARN, MACHINE, OUTPUT, STARTED, URL, FakeStepFunctions

IDS = ["20261121T090500-aaaaaa", "20261122T090500-bbbbbb", "20261123T090500-cccccc"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs on three days, the second of another function in another region."""
    folder = tmp_path_factory.mktemp("runs")
    for n, run_id in enumerate(IDS):
        about = {"run_id": run_id, "started_at": f"2026-11-2{n + 1}T09:05:00Z"}
        if n == 1:
            about |= {"function": "shop-orders", "region": "us-east-1"}
        store_synthetic_run(folder, KINDS[:2], (128, 512), seed=n, about=about)
    return folder


def ids(store: Path, runs: str = "all", **narrowed: Any) -> list[str]:
    return [run.run_id for run in load_runs(store, runs, **narrowed)]


def test_runs_are_named_or_the_newest(store: Path) -> None:
    assert ids(store) == IDS
    assert ids(store, "latest") == IDS[1:]  # of each function
    assert ids(store, "latest 2", function="LambdaFunction") == [IDS[0], IDS[2]]
    assert ids(store, f"{IDS[2]}, {IDS[0]}") == [IDS[2], IDS[0]]
    assert ids(store, f"{IDS[0]},latest") == [IDS[0], IDS[2]]


def test_runs_are_narrowed_by_function_region_and_time(store: Path) -> None:
    assert ids(store, function="orders") == [IDS[1]]
    assert ids(store, region="eu-west-1") == [IDS[0], IDS[2]]
    assert ids(store, since="2026-11-22") == IDS[1:]
    assert ids(store, until="2026-11-22T09:05:00Z") == IDS[:2]
    assert ids(store, since="2026-11-22", until="2026-11-23") == [IDS[1]]


def test_a_function_is_not_taken_for_another_with_the_same_prefix(tmp_path: Path) -> None:
    for n, name in enumerate(("shop", "shop-v2")):
        about = {"function": name, "run_id": IDS[n]}
        store_synthetic_run(tmp_path, KINDS[:1], (128, 512), about=about)
    assert ids(tmp_path, "latest", function="shop") == IDS[:1]
    assert ids(tmp_path, "latest", function="sho") == IDS[:2]
    assert list(lt.runs(tmp_path, function="shop").frame["run_id"]) == IDS[:1]
    assert lt.compare("latest 2", store=tmp_path, function="shop").alone[0].run_id == IDS[0]


def test_a_missing_source_is_reported(store: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=f"no such run in {store}; 3 others are there"):
        load_runs(store, function="nobody")
    with pytest.raises(NotFoundError, match=f'did you mean "{IDS[0]}"'):
        load_runs(store, IDS[0][:-2])
    with pytest.raises(NotFoundError, match="lambdatuning benchmark"):
        load_runs(tmp_path / "none", "latest")
    for number in ("0", "-1", "x", "1.5"):
        with pytest.raises(UsageError, match=r'runs "latest N" must be a whole number, 1 or more'):
            load_runs(store, f"latest {number}")
    for name in ("latest1", "latest 2,latest 1"):
        with pytest.raises(NotFoundError, match=f"^no run {name[:8].strip()}"):
            lt.compare(name, store=store)
    with pytest.raises(UsageError, match="since must be an ISO date"):
        load_runs(store, since="yesterday")


def test_what_narrows_names_is_refused_where_it_would_say_nothing(store: Path) -> None:
    with pytest.raises(UsageError, match=f"leave it out where runs are named: {IDS[0]}"):
        load_runs(store, IDS[0], since="2026-11-22")
    run = lt.load(store, IDS[0])
    with pytest.raises(UsageError, match=r"since narrows .*; leave out since, or name runs"):
        lt.compare(run, run, since="yesterday")
    assert len(lt.compare(run, run, since="", function="").pairs) == 1


def test_the_folder_that_was_searched_is_named_whole(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.parent)
    with pytest.raises(NotFoundError, match=f"no such run in {store}; 3 others"):
        load_runs(store.name, function="nobody")
    with pytest.raises(NotFoundError, match=f"no run none in {store}; "):
        load_runs(store.name, "none")
    with pytest.raises(NotFoundError, match=f"no run in {store.parent / 'empty'}; "):
        find_run(open_store("empty"), "latest")


def test_several_runs_load_as_one_with_the_payload_types_named(store: Path) -> None:
    whole = lt.load(store, "all", function="LambdaFunction")
    assert len(whole.samples) == 2 * len(lt.load(store, IDS[0]).samples)
    assert lt.load(store, payload_types=KINDS[0].name).payloads == (KINDS[0].name,)


def test_a_visualization_url_is_a_run_of_means(tmp_path: Path) -> None:
    run = lt.load(tmp_path, URL)
    assert run.sizes == (128, 256)
    assert list(run.samples["duration_ms"]) == [100.0, 50.0]
    assert "published means" in lt.Study(run).answer.notice
    assert lt.Study(run).recommend()["sure"].isna().all()


def test_the_history_of_power_tuning_is_runs_of_means() -> None:
    failed = ARN + "2"
    states = FakeStepFunctions(
        {ARN: {"status": "SUCCEEDED", "output": json.dumps(OUTPUT)}, failed: {"status": "FAILED"}}
    )
    cloud = fake_cloud(stepfunctions=states)
    (run,) = load_runs(state_machine=MACHINE, cloud=cloud)
    assert run.run_id == "e1"
    assert run.function == "shop"
    assert run.sizes == (128, 256)
    assert run.manifest.started_at == STARTED.isoformat()
    assert load_runs(runs="e1", state_machine=MACHINE, cloud=cloud)[0].run_id == "e1"
    with pytest.raises(NotFoundError, match="no such run"):
        load_runs(state_machine=MACHINE, cloud=cloud, since="2027-01-01")


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert read_time("since", "2026-11-23T09:00") == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert read_time("since", "2026-11-23T09:00+02:00") == datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert read_time("since", "") is None


def test_a_column_of_the_list_is_had_by_its_name(store: Path) -> None:
    listed: Any = lt.runs(store)
    assert list(listed["run_id"]) == list(listed.frame["run_id"]) == [run.run_id for run in listed]
    assert listed["power"].equals(listed.frame["power"])
