"""A handler that forks, or starts threads, without end: it is told so, and nobody else notices."""

from pathlib import Path

import pytest

from lambdatuning.local import endpoint
from lambdatuning.local.limiters import processes
from tests.local.conftest import Cloud
from tests.waiting import until

# Both are bounded, for the case that the limit does not hold.
FORKS = """
    import os, time
    def handler(event, context):
        made = []
        try:
            for _ in range(1500):
                made.append(os.posix_spawn("/bin/sleep", ["sleep", "60"], dict(os.environ)))
        except OSError as error:
            return [len(made), type(error).__name__, error.strerror]
        time.sleep(5)
        return len(made)
    """
THREADS = """
    import threading
    def handler(event, context):
        waiting, made = threading.Event(), 0
        try:
            for made in range(1500):
                threading.Thread(target=waiting.wait, daemon=True).start()
        except RuntimeError as error:
            return [made, str(error)]
        finally:
            waiting.set()
        return made
    """
OPENS = """
    import os
    def handler(event, context):
        opened = []
        try:
            for _ in range(3000):
                opened.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            return [max(opened), error.strerror]
        finally:
            for descriptor in opened:
                os.close(descriptor)
        return max(opened)
    """
ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module", autouse=True)
def _counted(shared_cloud: Cloud) -> None:
    if shared_cloud.endpoint.facts()["limiter"] == "cgroup1" and not _counts_processes():
        pytest.skip("no pids controller here")


def _counts_processes() -> bool:
    listed = Path("/proc/cgroups").read_text().split()
    return "pids" in listed


def test_a_fork_bomb_ends_at_the_limit_and_with_its_environment(cloud: Cloud) -> None:
    name = cloud.function(FORKS, MemorySize=3008)
    neighbour = cloud.function(ECHO)
    cloud.invoke(neighbour)

    made, error, reason = cloud.invoke(name).payload

    assert 1000 < made < 1024
    assert (error, reason) == ("BlockingIOError", "Resource temporarily unavailable")
    assert cloud.invoke(neighbour, "well").payload == "well"
    cloud.client("lambda").delete_function(FunctionName=name)
    _wait_until_gone(name)


def test_threads_end_at_the_same_limit(cloud: Cloud) -> None:
    made, error = cloud.run(THREADS, MemorySize=3008).payload

    assert 1000 < made < 1024
    assert error == "can't start new thread"


@pytest.mark.alone
def test_without_cgroups_a_fork_bomb_is_stopped() -> None:
    """By whichever is first: the kernel's limit for a user, or the next look at its processes."""
    with endpoint.start(limiter="sigstop") as running:
        cloud = Cloud(running)
        name = cloud.function(FORKS, MemorySize=10240)

        answer = cloud.invoke(name)

        if answer.error:
            assert answer.payload["errorType"] in {"Runtime.ExitError", "Runtime.OutOfMemory"}
        else:
            assert answer.payload[1:] == ["BlockingIOError", "Resource temporarily unavailable"]
        assert cloud.run(ECHO, "well").payload == "well"
        # Where the kernel's limit came first, the environment waits for its next invocation.
        cloud.client("lambda").delete_function(FunctionName=name)
        _wait_until_gone(name)


def _wait_until_gone(name: str) -> None:
    until(lambda: not processes.marked(f"AWS_LAMBDA_FUNCTION_NAME={name}"), f"the end of {name}")


def test_a_process_may_open_so_many_files_and_no_more(cloud: Cloud) -> None:
    # "Lambda quotas": 1,024 file descriptors; the last has the number 1023.
    answer = cloud.invoke(cloud.function(OPENS))

    assert answer.payload == [1023, "Too many open files"]
