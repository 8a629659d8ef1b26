"""How long one decision takes."""

import time

import numpy as np

from lambdatuning.core.exploration.proposal import propose
from lambdatuning.core.exploration.question import Objective, Terms
from lambdatuning.core.sizes import ALL_POWERS

from .exploration_functions import POWERS, read_functions
from .exploration_simulator import Account

COUNT, TRIES = 4, 3


def decision_times() -> dict[str, float]:
    """CPU seconds by "sizes x payload types", the least disturbed of a few tries.

    A function of 1,024 MB has 0.58 vCPUs: divide by that.
    """
    return {
        f"{len(sizes)} x {types}": round(min(_once(sizes, types) for _ in range(TRIES)), 4)
        for sizes in (POWERS, ALL_POWERS)
        for types in (1, 10)
    }


def _once(sizes: tuple[int, ...], types: int) -> float:
    function = next(one for one in read_functions() if one.name == "sebs/graph-bfs")
    names = [f"type {k}" for k in range(types)]
    account = Account(dict.fromkeys(names, function), np.random.default_rng(0))
    for memory_mb in function.sizes:
        for name in names:
            account.invoke(memory_mb, COUNT, payload=name)
    terms = Terms(tuple(sorted({*sizes, *function.sizes})), dict.fromkeys(names, 1.0))
    began = time.process_time()
    propose(account.observations, Objective("cost"), terms)
    return time.process_time() - began
