"""A chain: invocations one after the other, which Lambda serves from one execution environment."""

import queue
from collections.abc import Callable
from dataclasses import dataclass, field

from ...core.plan import Batch, Invocation, warm_up
from ...core.samples import Sample
from .invoke import Caller, measure_one

Clock = Callable[[], float]
Samples = queue.SimpleQueue[Sample]

_START_WITHIN_S = 600.0
_END_WITHIN_S = 840.0
"""The measuring function is stopped after 900 s: what does not fit is left to the next batch."""
_GIVE_UP_AFTER = 3
"""Failures in a row of one payload type in one chain, after which the chain leaves it out."""


@dataclass
class Chain:
    """The progress of one chain, owned by the thread that runs it."""

    invocations: tuple[Invocation, ...]
    worker: int
    done: int
    billed_ms: int = 0
    longest_s: float = 0.0
    failures: dict[int, int] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def left(self) -> bool:
        """Whether another batch must go on with it."""
        return self.error is None and self.done < len(self.invocations)


def chains(caller: Caller, batch: Batch) -> list[Chain]:
    """The chains of a batch, each where the batch before left it."""
    planned = caller.plan.chains(batch.memory_mb)
    done = (*batch.done, *(0 for _ in planned))
    return [Chain(calls, worker, done[worker]) for worker, calls in enumerate(planned)]


def run(caller: Caller, batch: Batch, chain: Chain, samples: Samples, clock: Clock) -> None:
    """Wake the environment, then invoke until done or out of time; an error stops the chain."""
    started_s = clock()
    try:
        if caller.plan.warm and chain.left:
            _step(caller, batch, chain, _waking(caller, batch, chain), samples, clock)
        for invocation in chain.invocations[chain.done :]:
            if not _fits(chain, clock() - started_s):
                return
            if chain.failures.get(invocation.payload, 0) < _GIVE_UP_AFTER:
                _step(caller, batch, chain, invocation, samples, clock)
                caller.sleep(caller.plan.sleep_ms / 1000)
            chain.done += 1
    except Exception as exc:  # the summary of the batch tells it
        chain.error = exc


def _waking(caller: Caller, batch: Batch, chain: Chain) -> Invocation:
    size_index = caller.plan.sizes.index(batch.memory_mb)
    return warm_up(chain.invocations, chain.worker, size_index=size_index)


def _fits(chain: Chain, elapsed_s: float) -> bool:
    return elapsed_s < _START_WITHIN_S and elapsed_s + 1.5 * chain.longest_s < _END_WITHIN_S


def _step(
    caller: Caller,
    batch: Batch,
    chain: Chain,
    invocation: Invocation,
    samples: Samples,
    clock: Clock,
) -> None:
    before_s = clock()
    sample = measure_one(caller, batch.version, batch.memory_mb, invocation)
    chain.longest_s = max(chain.longest_s, clock() - before_s)
    chain.billed_ms += sample.billed_ms
    failures = chain.failures.get(invocation.payload, 0) + 1 if sample.error else 0
    chain.failures[invocation.payload] = failures
    samples.put(sample)
