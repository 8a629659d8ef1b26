"""Which sizes one host cannot tell apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.sizes import (
    MAX_MB,
    MIN_MB,
    Host,
    beyond_cores,
    beyond_note,
    host_of,
    vcpus,
)

EMBEDDED = {"kind": "embedded", "cores": 2}
SIZES = st.lists(st.integers(MIN_MB, MAX_MB))


@given(SIZES, st.integers(1, 8))
def test_what_a_host_can_tell_apart_has_its_vcpus(sizes: list[int], cores: int) -> None:
    host = Host(cores)
    beyond = host.beyond(sizes)
    assert list(beyond) == sorted(set(beyond))
    assert set(beyond) == {size for size in sizes if size > host.largest_mb}
    assert all(vcpus(size) > cores for size in beyond)
    assert vcpus(host.largest_mb) <= cores


@given(SIZES)
def test_six_cores_are_enough_for_every_size_and_aws_for_all(sizes: list[int]) -> None:
    assert Host(6).beyond(sizes) == ()
    assert beyond_cores({"kind": "aws", "cores": 2}, sizes) == ()


@pytest.mark.parametrize(
    "endpoint",
    [None, {}, "embedded", {"kind": "embedded"}, {"kind": "embedded", "cores": "two"}, ["a"]],
)
def test_where_no_host_is_known_nothing_is_marked(endpoint: object) -> None:
    assert host_of(endpoint) is None
    assert beyond_cores(endpoint, [10_240]) == ()
    assert beyond_note(endpoint, [10_240]) == ""


def test_the_remark_names_sizes_and_cores() -> None:
    assert beyond_note(EMBEDDED, [128, 3538]) == ""
    assert beyond_note(EMBEDDED, [10_240, 128, 4096]) == (
        "4,096, 10,240 MB: more vCPUs than this host's 2 cores, so measured as 2 cores; "
        "only AWS can tell such sizes apart"
    )
    assert "this host's 1 core, so" in beyond_note({"kind": "embedded", "cores": 1}, [3008])
