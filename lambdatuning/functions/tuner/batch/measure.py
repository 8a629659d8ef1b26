"""The measuring step: chains of invocations side by side, their samples to the bucket."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ....core.tuning.plan import Batch, Invocation, warm_up
from ....core.tuning.records import RunPlan, Sample
from ....core.tuning.state import BatchSummary
from ..storage import RunFolder
from .invoke import Caller, lost_sample, measure_one
from .samples import Writer, part_prefix, size_prefix


class Lanes:
    """A number of places, given to threads in the order in which they ask for one.

    So chains take turns, and each payload type stays spread over the whole time of its size.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = places
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; wait until it is this thread's turn."""
        self._take()
        try:
            yield
        finally:
            self._give()

    def _take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


# A chain: invocations one after the other, which Lambda serves from one execution environment.


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
    in_flight: tuple[Invocation, datetime] | None = None
    """What is under way, and since when; None once it is back, or given up."""
    over: bool = False
    """Whether its batch has ended: whatever its thread does later does not matter."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while what is under way begins, finishes or is given up."""
    lanes: Lanes = field(default_factory=lambda: Lanes(1))
    """Shared by the chains of a batch. A warm-up needs no place: all must be woken at once."""

    @property
    def left(self) -> bool:
        """Whether another batch must go on with it."""
        return self.error is None and self.done < len(self.invocations)

    def begin(self, invocation: Invocation, now: datetime) -> bool:
        """Whether an invocation may be sent, which is under way then."""
        with self.lock:
            if not self.over:
                self.in_flight = invocation, now
            return not self.over

    def finish(self, deliver: Callable[[], None]) -> bool:
        """Whether what is under way is still awaited; then it is delivered and counts as done."""
        with self.lock:
            if self.in_flight is None:
                return False
            self._done_with(self.in_flight[0])
            deliver()
            return True

    def give_up(self) -> tuple[Invocation, datetime] | None:
        """End it; what is under way counts as done, since it was sent."""
        with self.lock:
            self.over, lost = True, self.in_flight
            if lost:
                self._done_with(lost[0])
            return lost

    def _done_with(self, invocation: Invocation) -> None:
        self.in_flight = None
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
    return worker >= batch.trial.environments_before if batch.trial else batch.work.round == 0


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
                if not _is_due(chain, invocation):
                    chain.done += 1
                elif not _step(caller, batch, chain, invocation, samples, clock):
                    return
    except Exception as exc:  # the summary of the batch tells it
        chain.error, chain.in_flight = exc, None


def _is_due(chain: Chain, invocation: Invocation) -> bool:
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
    if not chain.begin(invocation, caller.now()):
        return False
    sample = measure_one(caller, batch.version, batch.memory_mb, invocation)
    if not chain.finish(lambda: samples.put(sample)):
        return False
    chain.longest_s = max(chain.longest_s, clock() - before_s)
    chain.billed_ms += sample.billed_ms
    failed = sample.error and sample.error not in caller.plan.question.allowed_errors
    failures = chain.failures.get(invocation.payload, 0) + 1 if failed else 0
    chain.failures[invocation.payload] = failures
    caller.sleep(caller.plan.sleep_ms / 1000)
    return True


# The measuring step: the chains of one batch side by side, samples to the bucket.


_LONGEST_WAIT_S = 300.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 30.0
"""Parts are written often at first, so that somebody who watches sees it move, and more rarely in
a long batch, so that a run of hours does not have thousands of them."""


def measure_batch(
    caller: Caller, batch: Batch, writer: Writer, clock: Clock, within_s: float = END_WITHIN_S
) -> BatchSummary:
    """Run every chain from where it stands until done or out of time; the batch's summary, in a
    few hundred bytes. Run again after a crash it goes on behind what was stored.

    An invocation that is not back `within_s` is given up here and never sent again: its report is
    looked for in the logs when the size is summed up (see `lost`).
    """
    ends_s = clock() + within_s
    if batch.done:
        _let_end(caller, writer.store.read_lost(size_prefix(batch.memory_mb)))
    going = chains(caller, batch, stored(caller.plan, batch, writer.store))
    samples = Samples()
    threads = [
        threading.Thread(target=run, args=(caller, batch, chain, samples, clock), daemon=True)
        for chain in going
    ]
    for thread in threads:
        thread.start()
    _follow(threads, samples, writer, (clock, ends_s))
    _give_up(going, batch, writer, clock)
    _store_all(samples, writer, clock)
    return replace(_summary(batch, going), warning=writer.warning)


def _let_end(caller: Caller, lost: Iterable[Sample]) -> None:
    """Wait until what was given up is over: while it runs, its environment is busy, so that the
    next invocation would be a cold start in another one."""
    last = max((datetime.fromisoformat(sample.started_at) for sample in lost), default=None)
    if last is not None:
        over = last + timedelta(seconds=caller.plan.target.timeout_s)
        wait_s = (over - caller.now()).total_seconds()
        caller.sleep(min(max(wait_s, 0.0), _LONGEST_WAIT_S))


def stored(plan: RunPlan, batch: Batch, store: RunFolder) -> frozenset[Invocation]:
    """What a try of this batch that crashed has stored, or has lost sight of."""
    indices = {payload.name: index for index, payload in enumerate(plan.payloads)}
    prefix = part_prefix(batch)
    samples = [*store.read_samples(prefix), *store.read_lost(prefix)]
    return frozenset(Invocation(indices[s.payload], s.invocation) for s in samples)


def _follow(
    threads: list[threading.Thread], samples: Samples, writer: Writer, until: tuple[Clock, float]
) -> None:
    """Store parts while the chains run, until the time is over at most."""
    clock, ends_s = until
    pause_s = _FIRST_PAUSE_S
    while clock() < ends_s and _running(threads, min(pause_s, ends_s - clock())):
        _store(samples, writer, clock)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.1)


def _give_up(going: list[Chain], batch: Batch, writer: Writer, clock: Clock) -> None:
    """What is still under way is lost to this batch, and done as far as its chain goes."""
    for chain in going:
        unanswered = chain.give_up()
        if unanswered:
            invocation, started_at = unanswered
            what = batch.memory_mb, invocation
            lost = lost_sample(writer.caller.plan, batch.version, what, started_at)
            writer.waiting.append((clock(), lost))


def _store_all(samples: Samples, writer: Writer, clock: Clock) -> None:
    pause_s = 0.05
    while True:
        _store(samples, writer, clock)
        if not writer.waiting:
            return
        writer.caller.sleep(pause_s)
        pause_s = min(3.0, pause_s * 1.5)


def _store(samples: Samples, writer: Writer, clock: Callable[[], float]) -> None:
    while not samples.empty():
        writer.waiting.append((clock(), samples.get()))
    writer.write(clock())


def _running(threads: list[threading.Thread], for_s: float) -> bool:
    """Wait for the threads, up to a while; whether any of them goes on."""
    for thread in threads:
        if for_s > 0 and thread.is_alive():
            thread.join(for_s)
            return any(thread.is_alive() for thread in threads)
    return False


def _critical_ms(going: list[Chain]) -> int:
    """The billed time that had to go by: of the longest chain, or where chains share fewer lanes
    than they are, of all that passed through a lane."""
    longest = max((chain.billed_ms for chain in going), default=0)
    if not going or going[0].lanes.places >= len(going):
        return longest
    samples = sum(chain.billed_ms - chain.woken_ms for chain in going)
    woken = max(chain.woken_ms for chain in going)
    return max(longest, woken + samples // going[0].lanes.places)


def _summary(batch: Batch, going: list[Chain]) -> BatchSummary:
    errors = [chain.error for chain in going if chain.error]
    return BatchSummary(
        batch=batch.after(tuple(chain.done for chain in going)),
        left=not errors and any(chain.left for chain in going),
        critical_ms=_critical_ms(going),
        error=f"{type(errors[0]).__name__}: {errors[0]}"[:500] if errors else "",
    )
