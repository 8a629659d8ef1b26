"""The schedule: complete, balanced over environments, repeatable, and shuffled."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.tuning.plan import (
    Batch,
    Work,
    cold_starts,
    schedule,
    seed_number,
    seeds_needed,
    warm_up,
)

COUNTS = st.lists(st.integers(1, 30), min_size=1, max_size=12)


@given(COUNTS, st.integers(1, 8), st.integers(0, 5), st.integers(0, 2**32))
def test_every_invocation_is_planned_once_and_dealt_evenly(
    counts: list[int], environments: int, size_index: int, seed: int
) -> None:
    chains = schedule(counts, environments, size_index=size_index, seed=seed)
    planned = Counter((i.payload, i.n) for chain in chains for i in chain)
    assert planned == Counter(
        (payload, size_index * count + i)
        for payload, count in enumerate(counts)
        for i in range(count)
    )
    for payload, count in enumerate(counts):
        shares = [sum(i.payload == payload for i in chain) for chain in chains]
        assert max(shares) <= -(-count // environments)


def test_the_order_follows_the_seed() -> None:
    one = schedule([5, 5, 5], 3, size_index=0, seed=1)
    assert one == schedule([5, 5, 5], 3, size_index=0, seed=1)
    assert one != schedule([5, 5, 5], 3, size_index=0, seed=2)
    assert one != schedule([5, 5, 5], 3, size_index=1, seed=1)


def test_types_are_spread_over_time() -> None:
    (chain,) = schedule([50, 50], 1, size_index=0, seed=3)
    for tenth in range(10):
        part = [i.payload for i in chain[tenth * 10 : tenth * 10 + 10]]
        assert 3 <= sum(part) <= 7


@given(COUNTS, st.integers(1, 8), st.integers(1, 6), st.integers(0, 9))
def test_no_two_invocations_share_a_seed_item(
    counts: list[int], environments: int, sizes: int, cold: int
) -> None:
    apart = environments + cold
    for payload, count in enumerate(counts):
        numbers = []
        for size_index in range(sizes):
            chains = schedule(counts, environments, size_index=size_index, seed=0)
            woken = [warm_up(chain, w, size_index=size_index) for w, chain in enumerate(chains)]
            starts = cold_starts(len(counts), cold, environments, size_index=size_index)
            calls = [*woken, *starts, *(i for chain in chains for i in chain)]
            numbers += [seed_number(i, count, sizes, apart) for i in calls if i.payload == payload]
        assert len(set(numbers)) == len(numbers)
        assert max(numbers) < seeds_needed(count, sizes, apart)


def test_a_batch_travels_as_json() -> None:
    batch = Batch(Work(128, 0), "7")
    assert Batch.from_json(batch.to_json()) == batch
    assert Batch.from_json(batch.after((3, 2)).to_json()).done == (3, 2)
