"""Adaptive runs on the embedded AWS: a real answer for few invocations, and every way to end."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.analysis.questions.adaptive import predictions
from lambdatuning.core.errors import DeclinedError, UsageError
from lambdatuning.core.progress import Progress
from lambdatuning.functions.tuner import lock
from lambdatuning.functions.tuner.function import settled

from .conftest import Place
from .functions import NAP

PING = {"operation": "ping"}


@pytest.mark.usefixtures("untouched")
def test_two_payload_types_from_the_first_round_to_the_report(place: Place, tmp_path: Path) -> None:
    prices: list[str] = []
    lines: list[Progress] = []
    run = place.tune(
        NAP, "ping", powers="512,1024,1769", num=6, explore="adaptive", store=tmp_path,
        strategy="speed", environments=None, confirm=lambda talk, _: prices.append(talk),
        on_progress=lines.append,
    )  # fmt: skip
    grid = 3 * (2 * 6 + (run.manifest.environments or 0))
    assert f"at most {grid} invocations" in prices[0]
    assert "the grid would be about $" in prices[0]
    assert any(re.match(r"step \d+: .* MB x \d+ of \w+", line.detail) for line in lines)
    assert run.adaptive
    assert run.manifest.output["power"] in run.sizes
    assert run.exploration is not None
    assert run.exploration.spent.invocations == len(run.samples) <= grid
    assert (run.samples["environment"] != "").all()
    study = lt.Study(run)
    steps = study.steps()
    assert steps["stopped"].iloc[-1] in {"sure", "price", "budget", "grid"}
    assert set(steps["memory_mb"].dropna()) == set(run.sizes)
    assert set(predictions(run)["payload"]) == {"nap", "ping", "weighted mix"}
    assert "fewer GB-seconds" in str(study.answer)
    chart = study.plot.exploration()
    assert chart is not None
    assert "nap" in chart.alt
    assert "measured in this order" in chart.alt


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("limit", "stopped"), [({"maxUsd": 1e-7}, "budget"), ({"maxSeconds": 0.01}, "time")]
)
def test_a_limit_ends_it_with_an_answer(
    place: Place, limit: dict[str, float], stopped: str
) -> None:
    execution = place.run(exploration="adaptive", payload=PING, **limit)
    output = json.loads(execution["output"])
    assert output["exploration"]["stopped"] == stopped
    assert output["power"] in (256, 512)
    assert 0 < output["exploration"]["answers"][-1]["within5"] <= 1
    assert {"cost", "duration", "stateMachine", "results", "runId"} <= {*output}


def test_the_winner_is_set_on_request(place: Place) -> None:
    """Of an adaptive run, too, only a size that was measured."""
    output = json.loads(place.run(exploration="adaptive", autoOptimize=True)["output"])
    client = place.client("lambda")
    now = client.get_function_configuration(FunctionName=place.function)
    assert now["MemorySize"] == output["power"] == output["applied"]["power"]
    assert output["power"] in {row["value"] for row in output["results"]}
    client.update_function_configuration(FunctionName=place.function, MemorySize=128)
    settled(client, place.function, None, time.sleep)


@pytest.mark.usefixtures("untouched")
def test_all_sizes_failing_is_a_failure_with_its_cause(place: Place) -> None:
    execution = place.run(exploration="adaptive", payload={"operation": "x"})
    assert execution["status"] == "FAILED"
    assert "of payload failed: ValueError" in json.loads(execution["cause"])["errorMessage"]


@pytest.mark.usefixtures("untouched")
def test_ctrl_c_undoes_it(place: Place, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.detail.startswith("step"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.tune(NAP, explore="adaptive", on_progress=interrupt, store=tmp_path)
    assert lock.read(place.client("lambda"), place.function) is None


def test_impossible_requests_are_refused_before_anything_starts(
    place: Place, tmp_path: Path
) -> None:
    for kind, given, message in (
        (UsageError, {"explore": "adaptiv"}, "adaptive"),
        (UsageError, {"max_minutes": 3}, "explore adaptive"),
        (UsageError, {"explore": "adaptive", "cold": 2}, '"cold" needs'),
        (DeclinedError, {"explore": "adaptive", "max_usd": 1e-9}, r"a limit of \$0\.000000001"),
    ):
        with pytest.raises(kind, match=message):
            place.tune("ping", store=tmp_path, **given)
    assert lock.read(place.client("lambda"), place.function) is None


def test_a_run_that_others_are_compared_with_has_intervals(place: Place, tmp_path: Path) -> None:
    """Today's size and the answer are measured in three environments at least."""
    options: dict[str, Any] = {
        "powers": "256,512,1024",
        "num": 10,
        "explore": "adaptive",
        "environments": None,
        "store": tmp_path,
    }
    run = place.tune(NAP, for_compare=True, labels=["team=shop"], **options)
    assert run.manifest.input["forCompare"] is True
    assert run.manifest.labels == {"team": "shop"}
    assert run.decision is not None
    warm = run.samples[~run.samples["cold"] & run.samples["error"].eq("")]
    compared = {run.decision.memory_mb, run.current_memory_mb or 0} & set(run.sizes)
    wide = warm.groupby("memory_mb")["environment"].nunique().to_dict()
    assert all(wide[size] >= 3 for size in compared)
    assert not lt.compare(run, run).overall.filter(regex="low|high").isna().any(axis=None)
