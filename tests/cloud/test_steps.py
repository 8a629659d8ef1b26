"""The line that tells somebody who watches what an adaptive run does."""

from collections.abc import Sequence

from lambdatuning.cloud.tuning.run import describe_step
from lambdatuning.core.exploration.question import BestSoFar
from lambdatuning.core.tuning.state import Planned, Spending, Step


def step(*batch: Planned, sure: Sequence[float] = (), stopped: str = "", usd: float = 0.0) -> Step:
    answers = tuple(BestSoFar("a", 128, 0.0, within_5, 0.0) for within_5 in sure)
    return Step(stopped, "", answers, batch, 1.0, Spending(9, 0.1, usd))


def test_before_the_first_poll_nothing_is_sure() -> None:
    text = describe_step(1, step(*(Planned(512, name, 2, 1) for name in "abcd")))
    assert text == "step 1: 512 MB x 2 of a, 512 MB x 2 of b and 2 more; spent $0.0000"


def test_the_least_sure_type_speaks_for_all_and_the_end_says_why() -> None:
    text = describe_step(9, step(sure=(0.99, 0.5), stopped="budget", usd=0.25))
    assert describe_step(9, step(usd=0.25), "CNY").endswith("spent ¥0.2500")
    assert text == "step 9: stopped: budget; sure 50 %; spent $0.2500"
