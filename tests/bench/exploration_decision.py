"""How long one decision takes."""

import time

import numpy as np

from lambdatuning.core.exploration.proposal import propose
from lambdatuning.core.exploration.question import Objective, Terms
from lambdatuning.core.sizes import ALL_POWERS

from .exploration_simulator import Account
from .exploration_traces import TRACES, read_traces

MEASURED, COUNT, TRIES = (128, 512, 1024, 1536, 1792, 3008), 4, 3


def decision_times() -> dict[str, float]:
    """CPU seconds by "sizes x payload types", the least disturbed of a few tries.

    A function of 1,024 MB has 0.58 vCPUs: divide by that.
    """
    return {
        f"{len(sizes)} x {types}": round(min(_once(sizes, types) for _ in range(TRIES)), 4)
        for sizes in (MEASURED, ALL_POWERS)
        for types in (1, 10)
    }


def _once(sizes: tuple[int, ...], types: int) -> float:
    trace = next(trace for trace in read_traces(TRACES) if trace.name == "slapp/disk-io")
    names = [f"type {k}" for k in range(types)]
    account = Account(dict.fromkeys(names, trace), np.random.default_rng(0))
    for memory_mb in MEASURED:
        for name in names:
            account.invoke(memory_mb, COUNT, payload=name)
    terms = Terms(sizes, dict.fromkeys(names, 1.0))
    began = time.process_time()
    propose(account.observations, Objective("cost"), terms)
    return time.process_time() - began
