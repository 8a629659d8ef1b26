"""What is invoked in which order: seeded, shuffled in blocks, dealt over execution environments."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Invocation:
    """One planned call: the index of its payload type, and its number `n` among all of that type.

    A warm-up has a negative number; it wakes its environment and is never a warm sample.
    """

    payload: int
    n: int


@dataclass(frozen=True)
class Batch:
    """The work of one measure step: a size and how much each environment's chain has done."""

    memory_mb: int
    version: str
    done: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """The form in which it travels through the state machine."""
        return {"memoryMb": self.memory_mb, "version": self.version, "done": list(self.done)}


def batch_from_json(value: dict[str, Any]) -> Batch:
    """The inverse of `Batch.to_json`."""
    return Batch(int(value["memoryMb"]), str(value["version"]), tuple(value["done"]))


def schedule(
    counts: Sequence[int], environments: int, *, size_index: int, seed: int
) -> tuple[tuple[Invocation, ...], ...]:
    """One chain of invocations for each environment of a size.

    `counts` is the number of invocations of each payload type at a size. Every type is spread
    evenly over time (a stratified shuffle: invocation i of k falls at random within the i-th of k
    equal strata, so drift hits all types alike) and evenly over environments.
    """
    rng = random.Random(f"{seed}/{size_index}")  # noqa: S311
    chains: list[list[tuple[float, Invocation]]] = [[] for _ in range(environments)]
    for payload, count in enumerate(counts):
        first_chain = rng.randrange(environments)
        for i in range(count):
            position = (i + rng.random()) / count
            invocation = Invocation(payload, size_index * count + i)
            chains[(first_chain + i) % environments].append((position, invocation))
    return tuple(
        tuple(invocation for _, invocation in sorted(chain, key=lambda entry: entry[0]))
        for chain in chains
        if chain
    )


def warm_up(chain: Sequence[Invocation], worker: int, *, size_index: int) -> Invocation:
    """The call that wakes the environment of a chain: its first type, with a number of its own."""
    return Invocation(chain[0].payload, -(1 + size_index * MAX_ENVIRONMENTS + worker))


MAX_ENVIRONMENTS = 100
"""More chains than this at one size would need more concurrency than a new account has."""


def seeds_needed(count: int, sizes: int, environments: int) -> int:
    """How many items a type with a seed for each invocation may use up, warm-ups included."""
    return count * sizes + environments * sizes


def seed_number(invocation: Invocation, count: int, sizes: int, environments: int) -> int:
    """The `n` that placeholders see: warm-ups come after all samples, so that no item is shared."""
    if invocation.n >= 0:
        return invocation.n
    size_index, worker = divmod(-invocation.n - 1, MAX_ENVIRONMENTS)
    return count * sizes + size_index * environments + worker % environments
