"""Which sizes one host cannot tell apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.sizes import MAX_MB, MIN_MB, Host, vcpus
from lambdatuning.core.tuning.endpoint import Endpoint

EMBEDDED = Endpoint("embedded", cores=2)
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
    assert Endpoint("aws", cores=2).beyond_cores(sizes) == ()


@pytest.mark.parametrize(
    "stored",
    [None, {}, "embedded", {"kind": "embedded"}, {"kind": "embedded", "cores": "two"}, ["a"]],
)
def test_where_no_host_is_known_nothing_is_marked(stored: object) -> None:
    endpoint = Endpoint.from_json(stored)
    assert endpoint.host is None
    assert endpoint.beyond_cores([10_240]) == ()
    assert endpoint.beyond_note([10_240]) == ""


def test_the_remark_names_sizes_and_cores() -> None:
    assert EMBEDDED.beyond_note([128, 3538]) == ""
    assert EMBEDDED.beyond_note([10_240, 128, 4096]) == (
        "4,096 and 10,240 MB: more vCPUs than this host's 2 cores, so measured as 2 cores; "
        "only AWS can tell such sizes apart"
    )
    assert "this host's 1 core, so" in Endpoint("embedded", cores=1).beyond_note([3008])
