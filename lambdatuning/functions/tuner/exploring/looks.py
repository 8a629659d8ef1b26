"""From what the model proposes to looks: numbered invocations, and environments to be woken."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ....core.exploration import Proposal
from ....core.look import Look, widened
from ....core.run import RunPlan
from ....core.samples import Sample


def looks(
    plan: RunPlan, sent: Sequence[int], proposal: Proposal, samples: Iterable[Sample]
) -> dict[int, Look]:
    """What is wanted of each size; `sent` counts what each payload type was sent so far.

    No payload type is sent more often than in the grid, since the items that it may use up were
    made for that many.
    """
    index = {payload.name: i for i, payload in enumerate(plan.payloads)}
    numbers, items = list(sent), defaultdict[int, list[tuple[int, int, int]]](list)
    wide: dict[int, int] = defaultdict(int)
    for item in proposal.batch:
        payload = index[item.payload]
        most = len(plan.sizes) * plan.counts[payload]
        count = min(item.count, most - numbers[payload])
        if count > 0:
            items[item.memory_mb].append((payload, numbers[payload], count))
            numbers[payload] += count
            wide[item.memory_mb] = max(wide[item.memory_mb], item.environments)
    seen = _environments(samples)
    return {
        size: widened(wanted, min(wide[size], plan.environments), seen.get(size, 0))
        for size, wanted in items.items()
    }


def sent(plan: RunPlan, known: Sequence[int], samples: Iterable[Sample]) -> list[int]:
    """How many of each payload type were sent: a try that crashed may have sent more than the
    state knows of, and no number is used twice."""
    found = dict(zip((payload.name for payload in plan.payloads), known, strict=True))
    for sample in samples:
        found[sample.payload] = max(found[sample.payload], sample.invocation + 1)
    return list(found.values())


def sent_with(known: Sequence[int], wanted: Iterable[Look]) -> list[int]:
    """How many will have been sent after these looks."""
    found = list(known)
    for look in wanted:
        for payload, first, count in look.items:
            found[payload] = max(found[payload], first + count)
    return found


def _environments(samples: Iterable[Sample]) -> dict[int, int]:
    """How many execution environments of each size were seen."""
    found: dict[int, set[str]] = defaultdict(set)
    for sample in samples:
        found[sample.memory_mb].add(sample.environment)
    return {size: len(names) for size, names in found.items()}
