"""The publishing step: a version for each work that comes next, then `$LATEST` as it was."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...core.errors import LambdaTuningError, UsageError
from ...core.format import format_mb
from ...core.tuning.plan import Batch, Work
from ...core.tuning.records import RunPlan, Target
from ...core.tuning.state import TunerState
from . import lock
from .function import (
    Configuration,
    Sleep,
    description,
    is_settled,
    marked_versions,
    publish,
    read,
    remove,
    set_memory,
    settings_sha256,
    settled,
    spare_mb,
)
from .storage import RunFolder
from .tunable import image_not_readable, lacks_permission

AT_ONCE = 60
"""Versions that are published before they are measured: as many as the state has room for."""

_ENOUGH_LEFT_MS = 120_000


@dataclass(frozen=True)
class Publisher:
    """What publishing uses beside the state; `remaining_ms` is the step's own time, `used_mb` tells
    the memory that the function used so far."""

    client: Any
    plan: RunPlan
    remaining_ms: Callable[[], int]
    sleep: Sleep
    used_mb: Callable[[], int | None] = lambda: None
    clock: Callable[[], float] = time.monotonic


def publish_next(state: TunerState, publisher: Publisher) -> TunerState:
    """Publish from `state.published` on; what time does not allow is left for another round.

    A size that Lambda refuses (a new account may be held to 3,008 MB) is among the failed ones.
    A step that is run again after a crash finds the versions that it published before. Where sizes
    must hold what the function uses, those below today's wait until that was measured.
    """
    plan, failed = publisher.plan, dict(state.failed)
    first = state.published
    next_work = _come_next(plan, first)
    if first and plan.fits_memory:
        failed = {**small_sizes(plan, publisher.used_mb()), **failed}
    versions, done, exposed_ms = _publish_all(publisher, next_work, failed)
    batches = [Batch(work, version) for work, version in versions.items()]
    waiting = state.batches
    if first + done == len(plan.work) and not batches and not waiting and first == 0:
        raise LambdaTuningError(f"no size could be published: {next(iter(failed.values()))}")
    # The smallest size is the slowest: it goes first, so that it does not go last alone.
    todo = sorted([*waiting, *batches], key=lambda batch: (batch.work.round, batch.memory_mb))
    return replace(
        state,
        published=first + done,
        failed=failed,
        exposed_ms=state.exposed_ms + exposed_ms,
        batches=tuple(todo),
    )


def _come_next(plan: RunPlan, first: int) -> Sequence[Work]:
    next_work = plan.work[first : first + AT_ONCE]
    if first:
        return next_work
    small = plan.too_small(None)
    return list(takewhile(lambda work: work.memory_mb not in small, next_work))


def small_sizes(plan: RunPlan, used_mb: int | None) -> dict[int, str]:
    """Why sizes are left out by what the function used; none while that is not known."""
    if used_mb is None:
        return {}
    why = (
        f"smaller than the {format_mb(used_mb)} that the function used; name the size to measure it"
    )
    return dict.fromkeys(plan.too_small(used_mb), why)


def publish_missing(state: TunerState, publisher: Publisher) -> TunerState:
    """Publish the sizes of the next batches of an adaptive run that no batch wanted before.

    A batch whose size is refused is left out, and so is one for which time does not suffice: the
    next decision may want it again.
    """
    failed = dict(state.failed)
    missing = [Work(b.memory_mb, 0) for b in state.batches if not b.version]
    missing.sort(key=lambda work: work.memory_mb != publisher.plan.target.memory_mb)
    published, _, exposed_ms = _publish_all(publisher, missing, failed)
    new = {work.memory_mb: version for work, version in published.items()}
    versions = {**state.versions, **new}
    ready = [replace(b, version=versions.get(b.memory_mb, "")) for b in state.batches]
    return replace(
        state,
        published=state.works,
        failed=failed,
        versions=versions,
        exposed_ms=state.exposed_ms + exposed_ms,
        batches=tuple(batch for batch in ready if batch.version),
    )


def _publish_all(
    publisher: Publisher, pending: Sequence[Work], failed: dict[int, str]
) -> tuple[dict[Work, str], int, int]:
    """Versions of `pending` that can be invoked now, how many of `pending` are dealt with, and for
    how many ms `$LATEST` had another size than its own."""
    client, plan = publisher.client, publisher.plan
    version_of = {
        v["Description"]: v["Version"]
        for v in marked_versions(client, plan.target.arn, plan.run_id)
    }
    versions: dict[Work, str] = {}
    done, exposed_s = 0, 0.0
    for work in pending:
        if publisher.remaining_ms() < _ENOUGH_LEFT_MS:
            break
        done += 1
        version = version_of.get(description(plan.run_id, work))
        if version is None and work.memory_mb not in failed:
            _refuse_foreign_change(publisher)
            began_s = publisher.clock()
            try:
                version = _one(publisher, work, failed)
            finally:
                _restore(publisher)
            if work.memory_mb != plan.target.memory_mb:
                exposed_s += publisher.clock() - began_s
        if version:
            versions[work] = version
    _wait_for(publisher, versions, failed)
    return versions, done, round(exposed_s * 1000)


def _one(publisher: Publisher, work: Work, failed: dict[int, str]) -> str | None:
    client, plan = publisher.client, publisher.plan
    try:
        return publish(client, plan.target.arn, plan.run_id, work, publisher.sleep)
    except UsageError as exc:
        failed[work.memory_mb] = str(exc)[:300]
        return None
    except ClientError as exc:
        if plan.target.image and lacks_permission(exc):
            raise LambdaTuningError(image_not_readable(plan.target.name)) from exc
        raise


def _refuse_foreign_change(publisher: Publisher) -> None:
    """A deployment in the middle would mix two functions in one run, or be overwritten by us; and
    a run that was stopped has been cleaned up, while this step went on."""
    client, target = publisher.client, publisher.plan.target
    current = lock.read(client, target.arn)
    if current is None or current.execution != publisher.plan.execution:
        raise LambdaTuningError(f"the run on {target.name} was stopped: its lock is gone")
    config = settled(client, target.arn, None, publisher.sleep)
    known_mb = sizes_set(publisher.plan)
    if is_other(config, target) or config["MemorySize"] not in known_mb:
        raise LambdaTuningError(
            f"{target.name} was changed by someone else during the run; start again when quiet"
        )


def is_other(config: Configuration, target: Target) -> bool:
    """Whether somebody deployed other code or settings than those of the run."""
    settings = target.settings_sha256
    return config["CodeSha256"] != target.code_sha256 or (
        settings != "" and settings_sha256(config) != settings
    )


def _restore(publisher: Publisher) -> None:
    """The function as it was, at once after each version: its callers meet another size as briefly
    as can be. Where the lock is gone, so may those be who would clean up: what this step published
    after that goes too."""
    client, plan, function = publisher.client, publisher.plan, publisher.plan.target.arn
    current = lock.read(client, function)
    if current is not None and current.execution != plan.execution:
        return
    if current is not None or read(client, function)["MemorySize"] in sizes_set(plan):
        set_memory(client, function, plan.target.memory_mb, publisher.sleep)
    if current is None:
        remove(client, function, lambda run_id: run_id == plan.run_id)


def sizes_set(plan: RunPlan) -> set[int]:
    """The sizes that `$LATEST` has during a run: its own, and what it is given for a while."""
    sizes = {plan.target.memory_mb, *plan.sizes}
    return sizes | {spare_mb(size) for size in sizes}


def may_have_set(store: RunFolder, memory_mb: int) -> bool:
    """Whether the run of that folder may have given its function that size, as one whose plan
    cannot be read may have: it never keeps a function from being put back."""
    try:
        return store.owner() is None or memory_mb in sizes_set(store.read_plan())
    except (BotoCoreError, ClientError, LookupError, TypeError, ValueError):
        return True


def _wait_for(publisher: Publisher, versions: dict[Work, str], failed: dict[int, str]) -> None:
    """Wait until the versions can be invoked. Those of a SnapStart function take minutes, side by
    side; what is not ready in time is left to Lambda, which holds its first invocation back.

    A version that ends Failed (its init runs out of memory, its snapshot cannot be made) is the
    failure of its size, not of the run.
    """
    for work, version in list(versions.items()):
        try:
            in_time = _is_ready(publisher, version)
        except LambdaTuningError as exc:
            failed[work.memory_mb] = f"cannot start: {exc}"[:300]
            del versions[work]
            continue
        if not in_time:
            return


def _is_ready(publisher: Publisher, version: str) -> bool:
    """Whether a version could be invoked before this step's own time was nearly over."""
    pause = 0.05
    while not is_settled(read(publisher.client, publisher.plan.target.arn, version)):
        if publisher.remaining_ms() < _ENOUGH_LEFT_MS / 2:
            return False
        publisher.sleep(pause)
        pause = min(5.0, pause * 1.5)
    return True
