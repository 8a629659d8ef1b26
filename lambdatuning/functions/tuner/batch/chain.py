"""A chain: invocations one after the other, which Lambda serves from one execution environment."""

import queue
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from ....core.plan import Batch, Invocation, warm_up
from ....core.run import RunPlan
from ....core.samples import Sample
from .invoke import Caller, measure_one
from .lanes import Lanes

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
    woken_ms: int = 0
    """What of it the warm-up was billed."""
    longest_s: float = 0.0
    failures: dict[int, int] = field(default_factory=dict)
    error: Exception | None = None
    flight: tuple[Invocation, datetime] | None = None
    """What is under way, and since when; None once it is back, or given up."""
    over: bool = False
    """Whether its batch has ended: whatever its thread does later is nobody's business."""
    tower: threading.Lock = field(default_factory=threading.Lock)
    lanes: Lanes = field(default_factory=lambda: Lanes(1))
    """Shared by the chains of a batch. A warm-up needs no place: all must be woken at once."""

    @property
    def left(self) -> bool:
        """Whether another batch must go on with it."""
        return self.error is None and self.done < len(self.invocations)

    def take_off(self, invocation: Invocation, now: datetime) -> bool:
        """Whether an invocation may be sent, which is under way then."""
        with self.tower:
            if not self.over:
                self.flight = invocation, now
            return not self.over

    def land(self, deliver: Callable[[], None]) -> bool:
        """Whether what is under way is still awaited; then it is delivered and counts as done."""
        with self.tower:
            if self.flight is None:
                return False
            self._done_with(self.flight[0])
            deliver()
            return True

    def give_up(self) -> tuple[Invocation, datetime] | None:
        """End it; what is under way counts as done, since it was sent."""
        with self.tower:
            self.over, lost = True, self.flight
            if lost:
                self._done_with(lost[0])
            return lost

    def _done_with(self, invocation: Invocation) -> None:
        self.flight = None
        if invocation in self.invocations[self.done : self.done + 1]:
            self.done += 1


def chains(caller: Caller, batch: Batch, stored: Collection[Invocation] = ()) -> list[Chain]:
    """The chains of a batch, each where the batch before left it.

    `stored` was measured by a try of this batch that crashed: it is not invoked again.
    """
    planned = caller.plan.chains_of(batch)
    done = batch.done or (0,) * len(planned)
    lanes = Lanes(caller.plan.lanes(batch, len(planned)))
    return [
        Chain(calls, worker, done[worker], _wakes(caller.plan, batch, worker), stored, lanes=lanes)
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
            waking = _waking(caller, batch, chain)
            if not _step(caller, batch, chain, waking, samples, clock):
                return
            chain.woken_ms = chain.billed_ms
        for invocation in chain.invocations[chain.done :]:
            with chain.lanes.place():
                if not _fits(chain, clock() - started_s):
                    return
                if not _wanted(chain, invocation):
                    chain.done += 1
                elif not _step(caller, batch, chain, invocation, samples, clock):
                    return
    except Exception as exc:  # the summary of the batch tells it
        chain.error, chain.flight = exc, None


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
) -> bool:
    """Invoke once and pause; whether the chain goes on, which it does not once given up."""
    before_s = clock()
    if not chain.take_off(invocation, caller.now()):
        return False
    sample = measure_one(caller, batch.version, batch.memory_mb, invocation)
    if not chain.land(lambda: samples.put(sample)):
        return False
    chain.longest_s = max(chain.longest_s, clock() - before_s)
    chain.billed_ms += sample.billed_ms
    failed = sample.error and sample.error not in caller.plan.question.allowed_errors
    failures = chain.failures.get(invocation.payload, 0) + 1 if failed else 0
    chain.failures[invocation.payload] = failures
    caller.sleep(caller.plan.sleep_ms / 1000)
    return True
