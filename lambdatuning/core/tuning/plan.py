"""What is invoked in which order: seeded, shuffled in blocks, dealt over execution environments."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Trial:
    """`items` are (index of the payload type, number of its first invocation, how many).

    `environments` are to have served the size when this is done, of which `environments_before`
    have already: the others are woken first, by invocations that are no samples.
    """

    items: tuple[tuple[int, int, int], ...]
    environments: int
    environments_before: int = 0

    @property
    def count(self) -> int:
        """Its samples."""
        return sum(count for _, _, count in self.items)

    def to_json(self) -> dict[str, object]:
        """The form in which it travels through the state machine."""
        return {
            "items": [list(item) for item in self.items],
            "environments": self.environments,
            "environmentsBefore": self.environments_before,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Trial":
        """The inverse of `to_json`."""
        items = tuple((int(a), int(b), int(c)) for a, b, c in value["items"])
        return cls(items, int(value["environments"]), int(value["environmentsBefore"]))


def widened(items: Sequence[tuple[int, int, int]], environments: int, used: int) -> Trial:
    """A trial in which every environment has something to do.

    A new environment is started only while all others are busy: where new ones are needed there
    must be an invocation for each, and the first item is sent more often if need be.
    """
    count = sum(count for _, _, count in items)
    if environments <= used:
        return Trial(tuple(items), max(1, min(environments, count)), used)
    payload, first, sent = items[0]
    wider = (payload, first, sent + max(0, environments - count))
    return Trial((wider, *items[1:]), environments, used)


MAX_ENVIRONMENTS = 100
"""More chains than this at one size would need more concurrency than a new account has."""

MAX_COLD = 1_000
"""Most cold starts on purpose at one size; each few of them need a version of their own."""

_APART = 10_000
"""Numbers that a size may use for warm-ups and cold starts, which are negative."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One planned call: the index of its payload type, and its number `n` among all of that type.

    A warm-up or a cold start on purpose has a negative number and is never a warm sample.
    """

    payload: int
    n: int


@dataclass(frozen=True)
class Work:
    """One version to be measured: round 0 is a size's warm work, each later one is cold starts.

    Of an adaptive run, the round is the number of the step.
    """

    memory_mb: int
    round: int


@dataclass(frozen=True)
class Batch:
    """The work of one measure step: a version, and how much each environment's chain has done.

    `done` is empty for the first batch of a version, the one that wakes its environments. `trial`
    says what an adaptive run wants of it, and `version` is "" until its size is published.
    """

    work: Work
    version: str
    done: tuple[int, ...] = ()
    trial: Trial | None = None

    @property
    def memory_mb(self) -> int:
        """The version's memory size."""
        return self.work.memory_mb

    def after(self, done: tuple[int, ...]) -> "Batch":
        """The batch that goes on where this one ended."""
        return replace(self, done=done)

    def to_json(self) -> dict[str, object]:
        """The form in which it travels through the state machine."""
        return {
            "memoryMb": self.work.memory_mb,
            "round": self.work.round,
            "version": self.version,
            "done": list(self.done),
            **({"trial": self.trial.to_json()} if self.trial else {}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Batch":
        """The inverse of `to_json`."""
        work = Work(int(value["memoryMb"]), int(value["round"]))
        trial = Trial.from_json(value["trial"]) if "trial" in value else None
        return cls(work, str(value["version"]), tuple(value["done"]), trial)


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


def deal(trial: Trial, *, seed: str) -> tuple[tuple[Invocation, ...], ...]:
    """The chains of a trial: as `schedule`, but no chain is empty."""
    rng = random.Random(seed)  # noqa: S311
    chains: list[list[tuple[float, Invocation]]] = [[] for _ in range(trial.environments)]
    turn = 0
    for payload, first, count in trial.items:
        for i in range(count):
            position = (i + rng.random()) / count
            chains[turn % trial.environments].append((position, Invocation(payload, first + i)))
            turn += 1
    return tuple(
        tuple(invocation for _, invocation in sorted(chain, key=lambda entry: entry[0]))
        for chain in chains
    )


def warm_up(chain: Sequence[Invocation], worker: int, *, size_index: int) -> Invocation:
    """The call that wakes the environment of a chain: its first type, with a number of its own."""
    return _apart(chain[0].payload, size_index, worker)


def awake(number: int) -> int:
    """How many environments of its size are meant to run after a call of this number: 0 for a
    sample, which wakes none."""
    return (-number - 1) % _APART + 1 if number < 0 else 0


def cold_starts(
    types: int, cold: int, environments: int, *, size_index: int
) -> tuple[Invocation, ...]:
    """`cold` calls, of each payload type in turn, each meant for an environment of its own."""
    return tuple(_apart(i % types, size_index, environments + i) for i in range(cold))


def seeds_needed(count: int, sizes: int, apart: int) -> int:
    """How many items a type with a seed for each invocation may use up.

    `apart` is how many warm-ups and cold starts a size may have.
    """
    return (count + apart) * sizes


def seed_number(invocation: Invocation, count: int, sizes: int, apart: int) -> int:
    """The `n` that placeholders see: what is apart comes after all samples, so that no two calls
    share an item."""
    if invocation.n >= 0:
        return invocation.n
    size_index, index = divmod(-invocation.n - 1, _APART)
    return count * sizes + size_index * apart + index


def _apart(payload: int, size_index: int, index: int) -> Invocation:
    return Invocation(payload, -(1 + size_index * _APART + index))
