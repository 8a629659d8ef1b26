"""Every option is held to its type at one door."""

import doctest
import inspect
from collections.abc import Callable
from typing import Any, TypedDict, Unpack

import numpy as np
import pytest

from lambdatuning.core import validation
from lambdatuning.core.errors import UsageError
from lambdatuning.core.validation import (
    Amount,
    Count,
    InnerShare,
    PositiveAmount,
    Seed,
    Share,
    Weight,
    Weights,
    checked,
)


class Limits(TypedDict, total=False):
    deadline_ms: Amount
    quantile: InnerShare


@checked
def decide(
    run: str,
    weight: Weight = 0.5,
    *,
    cold_share: Share = 0.01,
    monthly: Amount = 0,
    rate: PositiveAmount = 1,
    memory_mb: Count | None = None,
    seed: Seed = 0,
    weights: Weights | None = None,
    **limits: Unpack[Limits],
) -> dict[str, Any]:
    """What arrived."""
    return {"weight": weight, "cold_share": cold_share, "monthly": monthly, "rate": rate,
            "memory_mb": memory_mb, "seed": seed, "weights": weights, **limits}  # fmt: skip


def test_examples() -> None:
    assert doctest.testmod(validation).failed == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cold_share", 5, r"cold_share must be a share from 0 to 1; not 5 \(for 5 % write 0.05\)"),
        ("cold_share", -0.1, "a share from 0 to 1; not -0.1"),
        ("cold_share", 101, "a share from 0 to 1; not 101$"),
        ("cold_share", float("nan"), "a share from 0 to 1; not nan"),
        ("cold_share", True, "a share from 0 to 1; not True"),
        ("cold_share", "a lot", "a share from 0 to 1; not 'a lot'"),
        ("memory_mb", "५", "a whole number, 1 or more; not '५'"),
        ("memory_mb", "1_0", "a whole number, 1 or more; not '1_0'"),
        ("memory_mb", "", "a whole number, 1 or more; not ''"),
        ("memory_mb", "1e400", "a whole number, 1 or more; not '1e400'"),
        ("cold_share", [0.5], "a share"),
        ("weight", -1, "weight must be a weight from 0 to 1; not -1"),
        ("weight", "2", "a weight from 0 to 1; not '2'"),
        ("monthly", -1, "monthly must be an amount, 0 or more; not -1"),
        ("monthly", float("inf"), "an amount, 0 or more; not inf"),
        ("monthly", 10**400, "an amount"),
        ("rate", 0, "rate must be an amount above 0; not 0"),
        ("memory_mb", 0, "memory_mb must be a whole number, 1 or more; not 0"),
        ("memory_mb", 1.5, "a whole number, 1 or more; not 1.5"),
        ("seed", -1, "a whole number, 0 or more; not -1"),
        ("deadline_ms", -5, "deadline_ms must be an amount, 0 or more; not -5"),
        ("quantile", 1, "quantile must be a share between 0 and 1; not 1"),
        ("quantile", 95, r"not 95 \(for 95 % write 0.95\)"),
        ("weights", {"a": -1}, r"weights\['a'\] must be an amount, 0 or more; not -1"),
        ("weights", {"a": 0, "b": 0.0}, "weights must have one above 0"),
        ("weights", 5, "weights must be weights by payload type; not 5"),
    ],
)
def test_what_is_out_of_range_is_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        decide("x", **{name: value})  # type: ignore[arg-type]


def test_positional_options_are_checked_too() -> None:
    with pytest.raises(UsageError, match="weight must be"):
        decide("x", 3)


def test_values_arrive_as_numbers_and_what_is_whole_stays_whole() -> None:
    given: Any = {"weight": "0.25", "cold_share": np.float64(0.5), "monthly": 10_000_000,
                  "memory_mb": "512", "quantile": 0.9, "weights": {"a": "2"}}  # fmt: skip
    decision = decide("x", **given)
    read = {"weight": 0.25, "cold_share": 0.5, "memory_mb": 512, "weights": {"a": 2.0}}
    assert decision == given | read | {"rate": 1, "seed": 0}
    assert isinstance(decision["monthly"], int)
    assert isinstance(decision["memory_mb"], int)
    assert decide("x", memory_mb=None)["memory_mb"] is None


def test_a_wrong_call_is_a_type_error_of_python() -> None:
    call: Any = decide
    with pytest.raises(TypeError, match=r"decide\(\) got multiple values for argument 'run'"):
        call("x", run="y")
    with pytest.raises(TypeError, match=r"decide\(\) missing 1 required"):
        call()
    with pytest.raises(UsageError, match='decide: unknown option "wieght"; did you mean "weight"'):
        call("x", wieght=1)


def public_functions() -> list[Callable[..., Any]]:
    import lambdatuning

    values = [getattr(lambdatuning, name) for name in lambdatuning.__all__]
    return [value for value in values if inspect.isfunction(value)]


NUMBERS = {"weight", "cold_share", "monthly_invocations", "deadline_ms", "quantile", "per_usd",
           "budget_usd_per_million", "max_regression", "confidence", "memory_mb", "weights",
           "current_memory_mb", "max_failed", "limit"}  # fmt: skip
MEASURES = {"tune", "benchmark"}
"""These read their options by the same door, one by one (see `api.tuning`)."""


@pytest.mark.parametrize("function", public_functions(), ids=lambda each: each.__name__)
def test_every_public_function_holds_its_numbers_to_their_types(
    function: Callable[..., Any],
) -> None:
    signature = inspect.signature(function)
    numbers = NUMBERS & set(signature.parameters)
    assert function.__name__ in MEASURES or numbers <= set(dict(validation._rules(signature)))
