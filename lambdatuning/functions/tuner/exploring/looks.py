"""From what the model proposes to looks: numbered invocations, and environments to be woken."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ....core.exploration import Proposal
from ....core.look import Look, widened
from ....core.plan import awake
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
    seen = _environments(samples)
    for item in proposal.batch:
        payload, size = index[item.payload], item.memory_mb
        width = min(item.environments, plan.environments)
        # As many as `widened` would make of them, that no number is given twice.
        least = width - sum(n for _, _, n in items[size]) if width > seen[size] else 0
        most = len(plan.sizes) * plan.counts[payload]
        count = min(max(item.count, least), most - numbers[payload])
        if count > 0:
            items[size].append((payload, numbers[payload], count))
            numbers[payload] += count
            wide[size] = max(wide[size], width)
            if not item.wake:
                seen[size] = max(seen[size], width)
    return {
        size: widened(wanted, wide[size], seen[size]) for size, wanted in items.items() if wanted
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


def _environments(samples: Iterable[Sample]) -> defaultdict[int, int]:
    """How many execution environments of each size were seen, or woken.

    Lambda may serve a call that was to wake another one from one that is idle: it is not woken
    again, by a call of the same number.
    """
    names: dict[int, set[str]] = defaultdict(set)
    found: defaultdict[int, int] = defaultdict(int)
    for sample in samples:
        size = sample.memory_mb
        names[size].add(sample.environment)
        found[size] = max(found[size], len(names[size]), awake(sample.invocation))
    return found
