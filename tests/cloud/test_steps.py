"""The line that tells somebody who watches what an adaptive run does."""

import doctest
from typing import Any

from lambdatuning.cloud.tuning import run
from lambdatuning.cloud.tuning.run import describe_step


def step(**more: Any) -> dict[str, Any]:
    return {"batch": [], "answers": [], "usd": 0.0, "stopped": "", **more}


def test_the_example_holds() -> None:
    assert doctest.testmod(run).failed == 0


def test_before_the_first_look_nothing_is_sure() -> None:
    items = [{"memory_mb": 512, "payload": name, "count": 2} for name in "abcd"]
    told = describe_step(1, step(batch=items))
    assert told == "step 1: 512 MB x 2 of a, 512 MB x 2 of b and 2 more; spent $0.0000"


def test_the_least_sure_type_speaks_for_all_and_the_end_says_why() -> None:
    found = [{"within_5": 0.99}, {"within_5": 0.5}]
    told = describe_step(9, step(answers=found, stopped="budget", usd=0.25))
    assert told == "step 9: stopped: budget; sure 50 %; spent $0.2500"
