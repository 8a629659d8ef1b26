"""Weighted mixes and S3 paths."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lambdatuning.core.address import parse_s3_path
from lambdatuning.core.errors import UsageError
from lambdatuning.core.tuning.payloads import WeightedPayload, event_of, shares, weighted_mix

WEIGHTS = st.lists(st.floats(0.01, 100), min_size=1, max_size=10)


@given(WEIGHTS, st.integers(1, 500))
def test_shares_add_up_and_follow_the_weights(weights: list[float], num: int) -> None:
    total = sum(weights)
    assume(all(weight * num / total >= 1.001 for weight in weights))
    counts = shares(weights, num)
    assert sum(counts) == num
    assert min(counts) >= 1
    for weight, share in zip(weights[:-1], counts, strict=False):
        assert share <= weight * num / total + 1e-9
        assert share > weight * num / total - 1.001


@pytest.mark.parametrize(
    ("weights", "num", "reason"),
    [
        ([1, 1], 1, "You have 2 payloads"),
        ([99, 1], 10, "too small"),
        ([1, -1], 9, "too small"),
        ([1e308, 1e308], 10, "too large"),
        ([1e308], 10, "too large"),
    ],
)
def test_mixes_that_do_not_fit(weights: list[float], num: int, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        shares(weights, num)


def test_what_is_a_mix() -> None:
    mix = weighted_mix([{"payload": '{"a": 1}', "weight": 2}, {"payload": {}, "weight": "3"}])
    assert mix == (WeightedPayload({"a": 1}, 2), WeightedPayload({}, 3.0))
    for single in (None, [], [1], [{"payload": 0, "weight": 1}], {"payload": 1, "weight": 1},
                   [{"payload": 1}], "text"):  # fmt: skip
        assert weighted_mix(single) == ()
    with pytest.raises(UsageError, match="payload weight 'heavy' is not a number"):
        weighted_mix([{"payload": 1, "weight": "heavy"}])


def test_a_number_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(UsageError, match="-1E400 in a payload is too large"):
        event_of('{"a": [-1E400]}')
    assert event_of('{"a": 1e308}') == {"a": 1e308}


def test_texts_that_are_json_are_events() -> None:
    assert [event_of(text) for text in ("5", "NaN", "a", '"a"')] == [5, "NaN", "a", "a"]
    assert event_of({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        ("s3://b/k", "b", "k"),
        ("s3://My-Bucket/Key", "my-bucket", "Key"),
        ("s3://b/a/b c%2B.json", "b", "a/b c+.json"),
        ("s3://b/k?versionId=1", "b", "k"),
        ("s3://b/k#part", "b", "k"),
        ("s3://b/what%3F", "b", "what?"),
        ("s3://b//k", "b", "/k"),
        ("s3://me@b:80/k", "b", "k"),
        ("\ufeff s3://b/k\u00a0", "b", "k"),
    ],
)
def test_s3_paths(path: str, bucket: str, key: str) -> None:
    assert parse_s3_path(path) == (bucket, key)


@pytest.mark.parametrize(
    "path", [None, 5, "", "b/k", "S3://b/k", "s3://", "s3://b", "s3://b/", "s3:///k", "s3://b/%zz",
             "s3://b/%ff", "see s3://b/k", "file:s3://b/k", "javascript:s3://b/k", "s3://b[1]/k",
             "s3://b\u2003c/k"],
)  # fmt: skip
def test_what_is_no_s3_path(path: object) -> None:
    with pytest.raises(UsageError):
        parse_s3_path(path)


def test_a_path_without_a_bucket_says_so() -> None:
    with pytest.raises(UsageError, match=r"bucket: null, key: ee s3://b/k"):
        parse_s3_path("see s3://b/k?x")
    with pytest.raises(UsageError, match=r"bucket: , key: k"):
        parse_s3_path("s3:///k")
