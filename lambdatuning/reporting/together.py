"""Jobs that must be alone one after the other, then the others some at once."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Protocol, TypeVar


class Alone(Protocol):
    """A job that says whether it must run alone."""

    @property
    def alone(self) -> bool:
        """Whether nothing else may run beside it."""
        ...


J = TypeVar("J", bound=Alone)
R = TypeVar("R")


def run_all(jobs: Sequence[J], run: Callable[[J], R], workers: int) -> list[R]:
    """The results in the order of the jobs.

    Those that measure come first, since others read what they measured: if one fails, nothing
    else runs. Of the others each is finished before the first failure is raised. When stopped,
    no kernel stays behind.
    """
    results = {n: run(job) for n, job in enumerate(jobs) if job.alone}
    rest = {n: job for n, job in enumerate(jobs) if not job.alone}
    if len(rest) <= 1 or workers <= 1:
        results |= {n: run(job) for n, job in rest.items()}
    else:
        results |= _at_once(rest, run, workers)
    return [results[n] for n in range(len(jobs))]


def _at_once(jobs: dict[int, J], run: Callable[[J], R], workers: int) -> dict[int, R]:
    with ThreadPoolExecutor(workers) as pool:
        running = {n: pool.submit(_closing, run, job) for n, job in jobs.items()}
        try:
            wait(running.values())
        except BaseException:
            from .engine import end_kernels

            pool.shutdown(wait=False, cancel_futures=True)
            end_kernels()
            raise
    return {n: each.result() for n, each in running.items()}


def _closing(run: Callable[[J], R], job: J) -> R:
    """Run in a thread; the event loop that Jupyter makes for it goes with the job."""
    try:
        return run(job)
    finally:
        with suppress(RuntimeError):
            asyncio.get_event_loop().close()
