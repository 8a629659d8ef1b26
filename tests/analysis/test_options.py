"""A study's options are held to their types, whoever gives them."""

from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.cloud.session import Cloud
from lambdatuning.core.errors import UsageError
from lambdatuning.core.tuning.endpoint import Endpoint

from .synthetic import KINDS, synthetic_run

RUN = synthetic_run(KINDS[:1], (128, 512))
CLOUD = Cloud("us-east-1", "111122223333", "arn", None, Endpoint("aws"), session=None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"cold_share": 5},
            r"cold_share must be a share from 0 to 1; not 5 \(for 5 % write 0.05\)",
        ),
        ({"weight": -1}, "weight must be a weight from 0 to 1; not -1"),
        ({"weight": float("nan")}, "weight must be a weight from 0 to 1; not nan"),
        ({"monthly_invocations": -1}, "monthly_invocations must be an amount, 0 or more; not -1"),
        ({"monthly_invocations": float("inf")}, "must be an amount, 0 or more; not inf"),
        ({"deadline_ms": -5}, "deadline_ms must be an amount, 0 or more"),
        ({"deadline_ms": "soon"}, "deadline_ms must be an amount, 0 or more; not 'soon'"),
        ({"quantile": 95}, r"quantile must be a share between 0 and 1; not 95 \(for 95 % write"),
        ({"budget_usd_per_million": float("nan")}, "budget_usd_per_million must be an amount"),
        ({"today_mb": 0}, "today_mb must be a whole number, 1 or more; not 0"),
        ({"confidence": 1}, "confidence must be a share between 0 and 1; not 1"),
        ({"tolerance": 5}, "tolerance must be a share from 0 to 1"),
        ({"max_failed": -0.1}, "max_failed must be a share from 0 to 1; not -0.1"),
        ({"seed": 1.5}, "seed must be a whole number, 0 or more; not 1.5"),
        ({"weights": {"cpu": -1}}, r"weights\['cpu'\] must be an amount, 0 or more; not -1"),
        ({"weights": "cpu"}, "weights must be weights by payload type; not 'cpu'"),
        ({"weights": {"other": 1}}, 'weights: no payload type "other" in this run; known are: '),
        ({"currency": 5}, "currency 5 must have {} once"),
        ({"speed_worth": 1000}, "speed_worth must be an amount from 0 to 50; not 1000"),
        ({"weight": None}, "weight must be a weight from 0 to 1; not None"),
        ({"confidence": None}, "confidence must be a share between 0 and 1; not None"),
        ({"strategy": 5}, "strategy must be a name, or a list of names; not 5"),
        ({"strategy": ["cost", None]}, "strategy must be a name, or a list of names; not "),
        ({"per_usd": None}, "per_usd must be an amount above 0; not None"),
        ({"per_usd": 0}, "per_usd must be an amount above 0; not 0"),
        ({"per_usd": float("nan")}, "per_usd must be an amount above 0; not nan"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        lt.Study(RUN, **options)


@pytest.mark.parametrize("run", [None, "latest", 5, [], RUN.manifest])
def test_what_is_no_run_is_not_studied(run: Any) -> None:
    with pytest.raises(UsageError, match=r"^run must be a run, as load returns it, or its samples"):
        lt.Study(run)


def test_samples_that_lack_a_column_are_not_studied() -> None:
    with pytest.raises(UsageError, match=r"^run: these samples have no column 'billed_ms'"):
        lt.Study(RUN.samples.drop(columns="billed_ms"))


@pytest.mark.parametrize(
    ("call", "options", "words"),
    [
        (lt.compare, {"payload_types": 5}, "payload_types must be a name, or a list of names"),
        (lt.compare, {"max_regression": None}, "max_regression must be an amount, 0 or more"),
        (lt.history, {"function": 5}, "function must be text; not 5"),
        (lt.history, {"store": 5}, "store must be a path, or s3://bucket/prefix; not 5"),
        (lt.load, {"store": "a\0b"}, "store must be a path, or s3://bucket/prefix; not "),
        (lt.load, {"since": 5}, "since must be text; not 5"),
        (lt.load, {"payload_types": [5]}, "payload_types must be a name, or a list of names"),
        (lt.runs, {"function": None}, "function must be text; not None"),
        (lt.runs, {"until": 2026}, "until must be text; not 2026"),
        (lt.report, {"notebooks": 5}, "notebooks must be a path, or s3://bucket/prefix; not 5"),
        (lt.report, {"notebooks": [None, 5]}, "notebooks must be a path, or s3://bucket/prefix"),
        (lt.report, {"notebooks": "a.ipynb", "name": 5}, "name must be text; not 5"),
        (lt.import_logs, {"files": 5}, "files must be a path, or s3://bucket/prefix; not 5"),
        (lt.import_logs, {"files": "a.txt", "region": []}, "region must be text; not "),
        (lt.tune, {"cloud": CLOUD, "function": 5}, "function must be text; not 5"),
        (
            lt.tune,
            {"cloud": CLOUD, "function": "f", "auto_optimize": "no"},
            "auto_optimize must be True or False; not 'no'",
        ),
        (lt.benchmark, {"cloud": CLOUD, "yes": 1}, "yes must be True or False; not 1"),
        (lt.deploy, {"cloud": CLOUD, "stack": 5}, "stack must be text; not 5"),
        (lt.destroy, {"cloud": CLOUD, "stack": None}, "stack must be text; not None"),
        (lt.status, {"cloud": CLOUD, "stack": 5}, "stack must be text; not 5"),
        (lt.connect, {"region": 5}, "region must be text; not 5"),
        (lt.tune, {"cloud": None, "function": "f"}, "cloud must be what connect returns; not None"),
        (lt.benchmark, {"cloud": "us-east-1"}, "cloud must be what connect returns; not 'us-east"),
        (lt.deploy, {"cloud": None}, "cloud must be what connect returns; not None"),
        (lt.destroy, {"cloud": lt.connect}, "cloud must be what connect returns; not <function"),
        (lt.status, {"cloud": 5}, "cloud must be what connect returns; not 5"),
        (lt.runs, {"cloud": 5}, "cloud must be what connect returns; not 5"),
    ],
)
def test_options_of_every_public_function_are_held_to_their_types(
    call: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=rf"^{words}"):
        call(**options)


@pytest.mark.parametrize("wrong", ["all sizes", [0], [512, "large"], 5])
def test_what_is_no_size_is_not_predicted(wrong: Any) -> None:
    with pytest.raises(UsageError, match="size"):
        lt.Study(RUN).predict(wrong)


@pytest.mark.parametrize("wrong", ["cpu", 1, -1, None])
def test_a_pair_that_is_not_there_is_not_drawn(wrong: Any) -> None:
    plot = lt.compare(RUN, RUN).plot
    for figure in (plot.by_size, plot.changes):
        with pytest.raises(UsageError, match="pair must be a whole number from 0 to 0; not "):
            figure(wrong)


def test_whole_weights_answer_as_any_others() -> None:
    two = synthetic_run(KINDS[:2], (128, 512))
    first, second = two.payloads
    whole, parts = (
        lt.Study(two, strategy="deadline", deadline_ms=40, weights=weights)
        for weights in ({first: 1, second: 3}, {first: 1.0, second: 3.0})
    )
    assert whole.decision == parts.decision


def test_text_of_a_command_line_is_read() -> None:
    given: Any = {"weight": "0.25", "monthly_invocations": "1e6", "today_mb": "512"}
    options = lt.Study(RUN, **given).options
    assert (options.weight, options.monthly_invocations, options.today_mb) == (0.25, 1e6, 512)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_regression": -0.1}, "max_regression must be an amount, 0 or more; not -0.1"),
        ({"confidence": 95}, r"confidence must be .*for 95 % write 0.95"),
        ({"memory_mb": "many"}, "memory_mb must be a whole number, 1 or more; not 'many'"),
        ({"monthly_invocations": float("nan")}, "monthly_invocations must be an amount"),
        ({"per_usd": -1}, "per_usd must be an amount above 0"),
        ({"rates": 5}, "rates must be amounts by currency, as in .*; not 5"),
        ({"rates": {"CNY": float("nan")}}, "rate CNY must be a number; not nan"),
        ({"rates": {"CNY": "much"}}, "rate CNY must be a number; not 'much'"),
        ({"max_regresion": 0.1}, 'compare: unknown option "max_regresion"; did you mean "max_reg'),
    ],
)
def test_a_comparison_is_held_to_the_same_types(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        lt.compare(RUN, RUN, **options)


@pytest.mark.parametrize("runs", [None, 5, 1.5])
def test_what_is_no_run_is_not_compared(runs: Any) -> None:
    with pytest.raises(UsageError, match=r"^runs must be loaded runs, or their names; not "):
        lt.compare(runs)
    with pytest.raises(UsageError, match=r"^runs must be ids, or a word such as 'latest'; not "):
        lt.load("none", runs)


def test_runs_are_compared_one_by_one_or_as_a_list() -> None:
    before, after = RUN, synthetic_run(KINDS[:1], (128, 512), seed=2)
    text = str(lt.compare(before, after))
    assert text == str(lt.compare([before, after]))
    assert text == str(lt.compare((before,), after))
    assert "No significant difference" in text
