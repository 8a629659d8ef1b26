"""The measuring step: the chains of one batch side by side, samples to the bucket."""

import threading
from collections.abc import Callable
from typing import Any

from ...core.plan import Batch, Invocation
from ...core.run import RunPlan
from .chain import Chain, Clock, Samples, chains, run
from .invoke import Caller
from .storage import RunFolder
from .writer import Writer, part_prefix

_FIRST_LOOK_S, _LONGEST_LOOK_S = 2.0, 30.0
"""Parts are written often at first, so that somebody who watches sees it move, and more rarely in
a long batch, so that a run of hours does not have thousands of them."""


def measure_batch(caller: Caller, batch: Batch, writer: Writer, clock: Clock) -> dict[str, Any]:
    """Run every chain from where it stands until done or out of time; the batch's summary, in a
    few hundred bytes. Run again after a crash it goes on behind what was stored."""
    going = chains(caller, batch, stored(caller.plan, batch, writer.store))
    samples = Samples()
    threads = [
        threading.Thread(target=run, args=(caller, batch, chain, samples, clock), daemon=True)
        for chain in going
    ]
    for thread in threads:
        thread.start()
    _collect(threads, samples, writer, clock)
    return _summary(batch, going)


def stored(plan: RunPlan, batch: Batch, store: RunFolder) -> frozenset[Invocation]:
    """What a try of this batch that crashed has stored."""
    indices = {payload.name: index for index, payload in enumerate(plan.payloads)}
    found = store.read_samples(part_prefix(batch))
    return frozenset(Invocation(indices[s.payload], s.invocation) for s in found)


def _collect(
    threads: list[threading.Thread], samples: Samples, writer: Writer, clock: Clock
) -> None:
    """Store parts while the chains run, then until every sample is stored."""
    look_s = _FIRST_LOOK_S
    while _running(threads, look_s):
        _store(samples, writer, clock)
        look_s = min(_LONGEST_LOOK_S, look_s * 1.1)
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


def _summary(batch: Batch, going: list[Chain]) -> dict[str, Any]:
    errors = [chain.error for chain in going if chain.error]
    return {
        "batch": batch.after(tuple(chain.done for chain in going)).to_json(),
        "left": not errors and any(chain.left for chain in going),
        "criticalMs": max((chain.billed_ms for chain in going), default=0),
        "error": f"{type(errors[0]).__name__}: {errors[0]}"[:500] if errors else "",
    }
