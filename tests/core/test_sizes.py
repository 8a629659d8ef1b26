"""Sizes as users write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.errors import UsageError
from lambdatuning.core.sizes import MAX_MB, MIN_MB, parse_sizes, vcpus


@given(st.lists(st.integers(MIN_MB, MAX_MB), min_size=1, unique=True))
def test_every_way_of_writing_gives_the_same(sizes: list[int]) -> None:
    assert parse_sizes(sizes) == tuple(sizes)
    assert parse_sizes(tuple(map(str, sizes))) == tuple(sizes)
    assert parse_sizes(",".join(map(str, sizes))) == tuple(sizes)
    assert parse_sizes(" ".join(map(str, sizes))) == tuple(sizes)


@pytest.mark.parametrize(
    "value",
    [127, 128.5, True, None, "", [], "128,abc", [64], [10_241], ["1e3"], [128, 128], [[128]],
     "-128", "128.0", {"128": 1}, ["१२८"]],
)  # fmt: skip
def test_what_is_no_list_of_sizes_is_refused(value: object) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sizes(value)
    assert "\n" not in str(caught.value)


def test_all_ends_at_3008_mb() -> None:
    sizes = parse_sizes("all")
    assert (sizes[0], sizes[-1], len(sizes)) == (128, 3008, 46)


def test_vcpus_follow_memory() -> None:
    assert vcpus(1769) == 1
    assert vcpus(3538) == 2
