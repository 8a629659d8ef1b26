"""The measuring step: the chains of one batch side by side, samples to the bucket."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from ....core.plan import Batch, Invocation
from ....core.run import RunPlan
from ....core.samples import Sample
from ..storage import RunFolder
from .answer import lost_sample
from .chain import END_WITHIN_S, Chain, Clock, Samples, chains, run
from .invoke import Caller
from .writer import Writer, part_prefix, size_prefix

_LONGEST_WAIT_S = 300.0
_FIRST_LOOK_S, _LONGEST_LOOK_S = 2.0, 30.0
"""Parts are written often at first, so that somebody who watches sees it move, and more rarely in
a long batch, so that a run of hours does not have thousands of them."""


def measure_batch(
    caller: Caller, batch: Batch, writer: Writer, clock: Clock, within_s: float = END_WITHIN_S
) -> dict[str, Any]:
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
    return _summary(batch, going)


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
    found = [*store.read_samples(prefix), *store.read_lost(prefix)]
    return frozenset(Invocation(indices[s.payload], s.invocation) for s in found)


def _follow(
    threads: list[threading.Thread], samples: Samples, writer: Writer, until: tuple[Clock, float]
) -> None:
    """Store parts while the chains run, until the time is over at most."""
    clock, ends_s = until
    look_s = _FIRST_LOOK_S
    while clock() < ends_s and _running(threads, min(look_s, ends_s - clock())):
        _store(samples, writer, clock)
        look_s = min(_LONGEST_LOOK_S, look_s * 1.1)


def _give_up(going: list[Chain], batch: Batch, writer: Writer, clock: Clock) -> None:
    """What is still under way is lost to this batch, and done as far as its chain goes."""
    for chain in going:
        flight = chain.give_up()
        if flight:
            what = batch.memory_mb, flight[0]
            lost = lost_sample(writer.caller.plan, batch.version, what, flight[1])
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


def _summary(batch: Batch, going: list[Chain]) -> dict[str, Any]:
    errors = [chain.error for chain in going if chain.error]
    return {
        "batch": batch.after(tuple(chain.done for chain in going)).to_json(),
        "left": not errors and any(chain.left for chain in going),
        "criticalMs": _critical_ms(going),
        "error": f"{type(errors[0]).__name__}: {errors[0]}"[:500] if errors else "",
    }
