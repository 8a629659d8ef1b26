"""A crash at any point of a run, at every single call of AWS, leaves nothing on the function.

What the state machine does after an error is done here after it: the cleaning step. What a client
does when its user stops the run is done in the middle of a step that goes on.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambdatuning.functions.tuner import lock
from lambdatuning.functions.tuner.clean import clean, clean_stopped
from tests.fakes.aws_lambda import ARN, FakeLambda, FakeS3

from .machine import Machine
from .plans import EXECUTION, Time

RAW: dict[str, Any] = {"lambdaARN": ARN, "num": 5, "powerValues": [256, 512], "runId": "run-1",
                       "environments": 1, "cold": 1}  # fmt: skip


class Dead(BaseException):
    """The process was killed: nothing of it runs any more, no `except`, no `finally`."""


class Watched:
    """Counts the calls of the clients and does something at one of them."""

    def __init__(self, *clients: FakeLambda | FakeS3) -> None:
        self.calls: list[str] = []
        self.at = -1
        self.then: Callable[[], None] = lambda: None
        for client in clients:
            setattr(client, "_called", self._counted(client._called))  # noqa: B010

    def _counted(self, called: Callable[[str], None]) -> Callable[[str], None]:
        def count(operation: str) -> None:
            self.calls.append(operation)
            if len(self.calls) - 1 == self.at:
                self.then()
            called(operation)

        return count


def dying(watched: Watched) -> Callable[[], None]:
    """From one call on, each further one of the dead process dies as well."""

    def die() -> None:
        watched.at += 1
        # A chain of the measuring function, which changes nothing, tells its death in its summary.
        raise Dead if threading.current_thread() is threading.main_thread() else RuntimeError

    return die


def place(alias: bool = False) -> tuple[FakeLambda, Machine, Watched, dict[str, Any]]:
    """A function of the user's with a version and aliases, and a run of it that is watched."""
    client, s3, time = FakeLambda(), FakeS3(), Time()
    client.publish_version(ARN)
    for name in ("live", "RAM256"):
        client.create_alias(ARN, name, "1")
    applied = {"autoOptimize": True, "autoOptimizeAlias": "live"} if alias else {}
    return client, Machine(client, s3, time), Watched(client, s3), {**RAW, **applied}


def calls(alias: bool = False) -> list[str]:
    """The calls of a whole run, in order."""
    _, machine, watched, raw = place(alias)
    machine.run(raw)
    return watched.calls


def untouched(client: FakeLambda) -> bool:
    return (
        client.memory_mb == 128
        and client.config["Description"] == "mine"
        and client.marked == []
        and set(client.aliases) == {"live", "RAM256"}
        and "1" in client.versions
    )


@pytest.fixture(params=[False, True], ids=["plain", "alias"])
def alias(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def points(alias: bool) -> Iterator[int]:
    return iter(range(len(calls(alias))))


def test_a_whole_run_leaves_nothing(alias: bool) -> None:
    client, machine, _, raw = place(alias)
    assert machine.run(raw)["power"] in (256, 512)
    assert untouched(client)


def test_an_error_at_any_call_is_cleaned_up_by_the_run_itself(alias: bool) -> None:
    for point in points(alias):
        client, machine, watched, raw = place(alias)
        watched.at = point

        def refuse(client: FakeLambda = client) -> None:
            raise client.exceptions.make("ServiceException", "Call")

        watched.then = refuse
        _run_and_clean(client, machine, raw)
        assert untouched(client), (point, watched.calls[point])


def test_a_process_killed_at_any_call_is_cleaned_up_by_the_run_itself(alias: bool) -> None:
    """Its `finally` does not run either: every call of the dead process is refused."""
    for point in points(alias):
        client, machine, watched, raw = place(alias)
        watched.at = point
        watched.then = dying(watched)
        _run_and_clean(client, machine, raw, watched)
        assert untouched(client), (point, watched.calls[point])


def _run_and_clean(
    client: FakeLambda, machine: Machine, raw: dict[str, Any], watched: Watched | None = None
) -> None:
    try:
        machine.run(raw)
    except (Exception, Dead):
        if watched:
            watched.at = -1
        clean(client, ARN, EXECUTION, machine.time.sleep)


def test_when_cleaning_dies_as_well_the_command_puts_it_back(alias: bool) -> None:
    for point in points(alias):
        client, machine, watched, raw = place(alias)
        watched.at = point
        watched.then = dying(watched)
        try:
            machine.run(raw)
        except (Exception, Dead):
            watched.at = -1
            clean(client, ARN, None, machine.time.sleep)
        assert untouched(client), (point, watched.calls[point])


def test_a_run_that_is_stopped_at_any_call_is_undone(alias: bool) -> None:
    """The client stops the execution and takes back what it did, while the step goes on."""
    for point in points(alias):
        client, machine, watched, raw = place(alias)
        watched.at = point
        stopped: list[bool] = []

        def stop(
            client: FakeLambda = client, machine: Machine = machine, watched: Watched = watched,
            stopped: list[bool] = stopped,
        ) -> None:  # fmt: skip
            watched.at = -1
            stopped.append(True)
            clean_stopped(client, ARN, EXECUTION, machine.time.sleep)

        watched.then = stop
        _run_until_stopped(machine, raw, stopped)
        # A lock that a late step took is a dead run's: the next run takes it over, or this does.
        left = lock.read(client, ARN)
        assert left is None or left.run_id == "run-1"
        clean(client, ARN, None, machine.time.sleep)
        assert untouched(client), (point, watched.calls[point])


def _run_until_stopped(machine: Machine, raw: dict[str, Any], stopped: list[bool]) -> None:
    """The step that is under way ends; the state machine begins no other."""

    def weigh(_: str, value: Any) -> Any:
        if stopped:
            raise Dead
        return value

    setattr(machine.scales, "weigh", weigh)  # noqa: B010
    try:
        machine.run(raw)
    except (Exception, Dead):
        return
