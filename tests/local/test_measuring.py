"""Speed follows memory, whichever limiter enforces it."""

import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambdatuning.core.sizes import vcpus
from lambdatuning.local import endpoint
from lambdatuning.local.admission import Admission
from lambdatuning.local.limiters import choose
from lambdatuning.local.limiters.cores import host_cores
from tests.local.conftest import Cloud

# Other work on the machine would change what is measured.
pytestmark = pytest.mark.alone

BURN = """
    import time
    def handler(event, context):
        end = time.thread_time() + event["cpu_s"]
        while time.thread_time() < end:
            pass
        time.sleep(event.get("sleep_s", 0))
    """


@pytest.fixture(scope="module", params=["auto", "sigstop"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    with endpoint.start(limiter=request.param) as running:
        yield Cloud(running)


@pytest.mark.parametrize("memory_mb", [128, 512, 1769])
def test_cpu_time_is_stretched_by_the_share(cloud: Cloud, memory_mb: int) -> None:
    name = cloud.function(BURN, MemorySize=memory_mb)
    cloud.invoke(name, {"cpu_s": 0})
    ratios, undisturbed = [], []
    for _ in range(5):
        answer = cloud.invoke(name, {"cpu_s": 0.04})
        [facts] = cloud.facts(answer.request_id)
        assert facts["cpu_ms"] >= 40
        owed_ms = facts["cpu_ms"] / vcpus(memory_mb)
        ratios.append(facts["duration_ms"] / owed_ms)
        undisturbed.append((facts["duration_ms"] - facts["stolen_ms"]) / owed_ms)

    # Strict settling never goes below; what other load on the host added was counted as stolen.
    assert min(ratios) > 0.99
    assert statistics.median(undisturbed) < 1.5


def test_sleeping_costs_no_cpu(cloud: Cloud) -> None:
    name = cloud.function(BURN, MemorySize=128)
    cloud.invoke(name, {"cpu_s": 0})

    durations = [cloud.invoke(name, {"cpu_s": 0, "sleep_s": 0.1}).duration_ms for _ in range(5)]

    assert 100 <= min(durations) < 130


def test_waiting_for_cores_is_reported_but_not_billed(cloud: Cloud) -> None:
    admission = Admission(host_cores())
    more_than_fit = int(admission.capacity / admission.weight(10_240)) + 1
    name = cloud.function(BURN, MemorySize=10_240)
    cloud.invoke(name, {"cpu_s": 0})

    with ThreadPoolExecutor(more_than_fit) as callers:
        event = {"cpu_s": 0, "sleep_s": 0.4}
        answers = list(callers.map(lambda _: cloud.invoke(name, event), range(more_than_fit)))

    facts = cloud.facts(*(answer.request_id for answer in answers))
    assert max(row["waited_ms"] for row in facts) > 350
    assert statistics.median(row["duration_ms"] for row in facts) < 600


def test_threads_share_one_share(cloud: Cloud) -> None:
    name = cloud.function(
        """
        import time
        from concurrent.futures import ThreadPoolExecutor
        def burn(seconds):
            end = time.thread_time() + seconds
            while time.thread_time() < end:
                pass
        def handler(event, context):
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(burn, [0.01] * 4))
        """,
        MemorySize=512,
    )
    cloud.invoke(name)

    answer = cloud.invoke(name)

    assert answer.duration_ms >= 0.99 * 40 / vcpus(512)


def test_children_count_as_well(cloud: Cloud) -> None:
    name = cloud.function(
        """
        import os, time
        def handler(event, context):
            child = os.fork()
            if child == 0:
                end = time.process_time() + 0.05
                while time.process_time() < end:
                    pass
                os._exit(0)
            os.waitpid(child, 0)
        """,
        MemorySize=256,
    )
    cloud.invoke(name)

    answer = cloud.invoke(name)

    # Of a child that has ended, an unprivileged limiter knows no more than clock ticks.
    [facts] = cloud.facts(answer.request_id)
    assert facts["cpu_ms"] > 35
    assert answer.duration_ms >= 0.8 * 50 / vcpus(256)


def test_period_settling_lets_short_handlers_burst() -> None:
    with endpoint.start(settle="period") as running:
        cloud = Cloud(running)
        name = cloud.function(BURN, MemorySize=512)
        cloud.invoke(name, {"cpu_s": 0})

        fastest = min(cloud.invoke(name, {"cpu_s": 0.002}).duration_ms for _ in range(5))

    assert fastest < 0.002e3 / vcpus(512)


def test_every_limiter_that_is_chosen_has_its_name() -> None:
    limiter = choose("sigstop", "lambdatuning-test").limiter
    try:
        assert limiter.name == "sigstop"
    finally:
        limiter.close()
