"""What an adaptive run may measure: never two sizes that its host cannot tell apart."""

from dataclasses import replace

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.records import RunPlan
from lambdatuning.functions.tuner.decide import terms

from .plans import QUESTION, make_plan

SIZES = (512, 3008, 4096, 8192, 10_240)


def plan(endpoint: object) -> RunPlan:
    return make_plan(sizes=SIZES, question=replace(QUESTION, about={"endpoint": endpoint}))


def sizes(endpoint: object, *without: int) -> tuple[int, ...] | None:
    local_terms = terms(plan(endpoint), load_price_book(), without)
    return local_terms.sizes if local_terms else None


def test_on_aws_every_size_is_measured() -> None:
    assert sizes({"kind": "aws"}) == SIZES
    assert sizes(None) == SIZES


def test_the_smallest_size_beyond_the_cores_stands_for_all() -> None:
    host = {"kind": "embedded", "cores": 2}
    assert sizes(host) == (512, 3008, 4096)
    assert sizes(host, 4096) == (512, 3008, 8192)
    assert sizes({"kind": "embedded", "cores": 6}) == SIZES
    assert sizes(host, *SIZES) is None
