"""The publishing step: a version of each size that is wanted next, then `$LATEST` as it was."""

from collections.abc import Callable
from typing import Any

from ...core.errors import LambdaTuningError, UsageError
from ...core.run import RunPlan
from .function_config import Sleep, set_memory, settled
from .versions import publish

_ENOUGH_LEFT_MS = 120_000

State = dict[str, Any]


def publish_sizes(
    state: State, plan: RunPlan, client: Any, remaining_ms: Callable[[], int], sleep: Sleep
) -> State:
    """Publish `state["publish"]`; what time does not allow stays there for the next round.

    A size that Lambda refuses (a new account may be held to 3,008 MB) is among the failed ones.
    """
    wanted, versions, failed = list(state["publish"]), {}, dict(state["failed"])
    try:
        while wanted and remaining_ms() > _ENOUGH_LEFT_MS:
            _refuse_foreign_change(client, plan, sleep)
            size = wanted.pop(0)
            try:
                versions[size] = publish(client, plan.target.arn, plan.run_id, size, sleep)
            except UsageError as exc:
                failed[str(size)] = str(exc)[:300]
    finally:
        set_memory(client, plan.target.arn, plan.target.memory_mb, sleep)
    batches = [
        {"memoryMb": size, "version": version, "done": []} for size, version in versions.items()
    ]
    if not wanted and not batches and not state["batches"]:
        raise LambdaTuningError(f"no size could be published: {next(iter(failed.values()))}")
    # The smallest size is the slowest: it goes first, so that it does not go last alone.
    work = sorted([*state["batches"], *batches], key=lambda batch: int(batch["memoryMb"]))
    return {**state, "publish": wanted, "failed": failed, "batches": work}


def _refuse_foreign_change(client: Any, plan: RunPlan, sleep: Sleep) -> None:
    """A deployment in the middle would mix two functions in one run, or be overwritten by us."""
    config = settled(client, plan.target.arn, None, sleep)
    ours = {plan.target.memory_mb, *plan.sizes}
    if config["CodeSha256"] != plan.target.code_sha256 or config["MemorySize"] not in ours:
        raise LambdaTuningError(
            f"{plan.target.name} was changed by someone else during the run; start again when quiet"
        )
