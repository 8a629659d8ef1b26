"""A chain: invocations one after the other, which Lambda serves from one execution environment."""

import queue
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ...core.plan import Batch, Invocation, warm_up
from ...core.run import RunPlan
from ...core.samples import Sample
from .invoke import Caller, measure_one

Clock = Callable[[], float]
Samples = queue.SimpleQueue[Sample]

START_WITHIN_S = 600.0
END_WITHIN_S = 840.0
"""The measuring function is stopped after 900 s: what does not fit is left to the next batch."""
GIVE_UP_AFTER = 3
"""Failures in a row of one payload type in one chain, after which the chain leaves it out."""


@dataclass
class Chain:
    """The progress of one chain, owned by the thread that runs it."""

    invocations: tuple[Invocation, ...]
    worker: int
    done: int
    wakes: bool = False
    stored: Collection[Invocation] = ()
    billed_ms: int = 0
    longest_s: float = 0.0
    failures: dict[int, int] = field(default_factory=dict)
    error: Exception | None = None

    @property
    def left(self) -> bool:
        """Whether another batch must go on with it."""
        return self.error is None and self.done < len(self.invocations)


def chains(caller: Caller, batch: Batch, stored: Collection[Invocation] = ()) -> list[Chain]:
    """The chains of a batch, each where the batch before left it.

    `stored` was measured by a try of this batch that crashed: it is not invoked again.
    """
    planned = caller.plan.chains_of(batch)
    done = batch.done or (0,) * len(planned)
    return [
        Chain(calls, worker, done[worker], _wakes(caller.plan, batch, worker), stored)
        for worker, calls in enumerate(planned)
    ]


def _wakes(plan: RunPlan, batch: Batch, worker: int) -> bool:
    """Whether a chain begins by waking its environment.

    Only the first batch wakes: later ones follow at once, while the environment is warm. (A
    warm-up each time would leave no time for anything else to a function that runs for minutes.)
    """
    if batch.done or not plan.warm:
        return False
    return worker >= batch.look.seen if batch.look else batch.work.round == 0


def run(caller: Caller, batch: Batch, chain: Chain, samples: Samples, clock: Clock) -> None:
    """Wake the environment, then invoke until done or out of time; an error stops the chain."""
    started_s = clock()
    try:
        if chain.wakes and chain.left:
            _step(caller, batch, chain, _waking(caller, batch, chain), samples, clock)
            caller.sleep(caller.plan.sleep_ms / 1000)
        for invocation in chain.invocations[chain.done :]:
            if not _fits(chain, clock() - started_s):
                return
            if _wanted(chain, invocation):
                _step(caller, batch, chain, invocation, samples, clock)
                caller.sleep(caller.plan.sleep_ms / 1000)
            chain.done += 1
    except Exception as exc:  # the summary of the batch tells it
        chain.error = exc


def _wanted(chain: Chain, invocation: Invocation) -> bool:
    if chain.failures.get(invocation.payload, 0) >= GIVE_UP_AFTER:
        return False
    return invocation not in chain.stored


def _waking(caller: Caller, batch: Batch, chain: Chain) -> Invocation:
    size_index = caller.plan.sizes.index(batch.memory_mb)
    return warm_up(chain.invocations, chain.worker, size_index=size_index)


def _fits(chain: Chain, elapsed_s: float) -> bool:
    return elapsed_s < START_WITHIN_S and elapsed_s + 1.5 * chain.longest_s < END_WITHIN_S


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
    failed = sample.error and sample.error not in caller.plan.question.allowed_errors
    failures = chain.failures.get(invocation.payload, 0) + 1 if failed else 0
    chain.failures[invocation.payload] = failures
    samples.put(sample)
