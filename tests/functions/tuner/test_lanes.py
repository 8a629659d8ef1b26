"""Lanes: chains that share the cores of one host take turns, and the critical path says so."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from lambdatuning.core.tuning.plan import Batch, Trial, Work
from lambdatuning.core.tuning.records import RunPlan
from lambdatuning.functions.tuner.batch.invoke import Caller
from lambdatuning.functions.tuner.batch.measure import Lanes, measure_batch
from lambdatuning.functions.tuner.batch.samples import Writer
from lambdatuning.functions.tuner.storage import RunFolder
from tests.fakes.aws_lambda import FakeLogs
from tests.waiting import until

from .plans import Time, make_plan

Make = Callable[[RunPlan], Caller]
BATCH = Batch(Work(128, 0), "1")


@pytest.mark.parametrize("places", [1, 2, 3])
def test_never_more_than_the_places_are_taken(places: int) -> None:
    lanes, lock = Lanes(places), threading.Lock()
    taken, most = 0, 0

    def work(_: int) -> None:
        nonlocal taken, most
        with lanes.place():
            with lock:
                taken += 1
                most = max(most, taken)
            with lock:
                taken -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(400)))
    assert 1 <= most <= places
    with lanes.place():
        pass  # none was lost


def _waits(lanes: Lanes, number: int) -> bool:
    return len(lanes._waiting) > number


def test_a_place_goes_to_who_waited_longest() -> None:
    lanes, came, threads = Lanes(1), [], []

    def work(number: int) -> None:
        with lanes.place():
            came.append(number)

    with lanes.place():
        for number in range(5):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            until(partial(_waits, lanes, number), f"the wait of {number}", every_s=0.001)
    for thread in threads:
        thread.join()
    assert came == [0, 1, 2, 3, 4]


def test_a_place_is_given_back_by_a_failure() -> None:
    lanes = Lanes(1)
    with pytest.raises(ValueError, match="lost"), lanes.place():
        raise ValueError("lost")
    with lanes.place():
        pass


@pytest.mark.parametrize(
    ("cores", "memory_mb", "lanes"),
    [(None, 3008, 5), (1.25, 128, 5), (1.25, 512, 4), (1.25, 1024, 2), (1.25, 1536, 1),
     (1.25, 3008, 1), (7.25, 3008, 4)],
)  # fmt: skip
def test_as_many_lanes_as_have_their_cpu(cores: float | None, memory_mb: int, lanes: int) -> None:
    plan = make_plan(shared_cores=cores, environments=5)
    assert plan.lanes(Batch(Work(memory_mb, 0), "1"), 5) == lanes


def test_what_needs_environments_of_its_own_is_sent_at_once() -> None:
    cold = Batch(Work(3008, 1), "1")
    assert make_plan(shared_cores=1.0).lanes(cold, 5) == 5
    assert make_plan(shared_cores=1.0, mode="first").lanes(BATCH, 5) == 5
    assert (
        make_plan(shared_cores=1.0).lanes(Batch(Work(3008, 4), "1", trial=Trial((), 0, 2)), 2) == 1
    )


@pytest.mark.parametrize(("cores", "critical_ms"), [(None, 110), (0.08, 210)])
def test_the_critical_path_counts_what_took_turns(
    caller: Make,
    logs: FakeLogs,
    store: RunFolder,
    time: Time,
    cores: float | None,
    critical_ms: int,
) -> None:
    """Two chains of ten invocations of 10 ms, each behind a warm-up of 10 ms."""
    plan = make_plan(shared_cores=cores)
    writer = Writer(caller(plan), BATCH, store, logs, "t")
    summary = measure_batch(caller(plan), BATCH, writer, time.clock)
    assert summary.critical_ms == critical_ms
    assert summary.batch.done == (10, 10)
