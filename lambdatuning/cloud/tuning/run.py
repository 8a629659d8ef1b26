"""A tuning run from the client's side: seed, start, follow, fetch, store; undone when stopped."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from ...core.errors import LambdaTuningError
from ...core.payloads import PayloadType, seed_items
from ...core.progress import OnProgress, Progress
from ...core.run import MANIFEST_NAME, run_prefix
from ...functions.tuner.clean import take_back
from ...functions.tuner.storage import STORE_PREFIX
from ..executions import Execution, execution_arn, failure, has_answer, start, stop
from ..explain import EXPIRED
from ..host_facts import with_host_facts
from ..run_store import BucketStore, FolderStore, StoredRun, save
from ..seed import seed, unseed
from ..session import Cloud
from .follow import Arrived, Clock, Follower, Sleep
from .plan import TunePlan


class CutOffError(LambdaTuningError):
    """The run goes on, out of the client's reach."""


@dataclass(frozen=True)
class Hands:
    """What a run uses beside AWS: whom to tell, the clock, and how to wait."""

    on_progress: OnProgress
    clock: Clock
    sleep: Sleep


def tune(cloud: Cloud, plan: TunePlan, store: FolderStore, hands: Hands) -> StoredRun:
    """Execute a plan on our tuner and store the run.

    RunFailedError tells the cause. On any error, Ctrl-C included, the execution is stopped, the
    function is put back as it was and seed items are removed; samples stay in the bucket.
    """
    bucket = BucketStore(cloud.client("s3"), plan.tuner.bucket, STORE_PREFIX)
    prefix = run_prefix(plan.arn.name, plan.run_id)
    arrived = Arrived()
    with seeded(cloud, plan, hands):
        total = 0 if plan.request.adaptive else plan.estimate.invocations
        side_by_side = int(plan.input["parallelSizes"])
        follower = Follower(cloud, bucket, prefix, total, side_by_side, **vars(hands))
        with _undone_when_interrupted(cloud, plan, hands.sleep):
            arn = start(cloud, plan.tuner.state_machine_arn, plan.run_id, _sent(cloud, plan))
            execution = follower.follow(arn, arrived)
    if not has_answer(execution):
        raise failure(cloud, execution)
    manifest = _manifest(json.loads(bucket.read(prefix + MANIFEST_NAME)), execution)
    manifest["function"] = plan.function
    parts = with_host_facts(cloud, sorted(arrived.parts.items()))
    try:
        return save(store, manifest, parts)
    except OSError as exc:
        raise LambdaTuningError(
            f"{store.url}: {exc.strerror}; run {plan.run_id} is measured and {_kept(plan)}"
        ) from exc


def _sent(cloud: Cloud, plan: TunePlan) -> Mapping[str, Any]:
    """The input with its payload types in the bucket, since they may be larger than an input may
    be; and with the price book beside them, where it is not the packaged one."""
    given = dict(plan.input)
    files = {"payloadTypesS3": ("", json.dumps(given.pop("payloadTypes")))}
    if plan.request.price_book:
        files["priceBook"] = ("-prices", plan.request.price_book)
    for name, (ending, text) in files.items():
        key = f"inputs/{plan.run_id}{ending}.json"
        cloud.client("s3").put_object(Bucket=plan.tuner.bucket, Key=key, Body=text.encode())
        given[name] = f"s3://{plan.tuner.bucket}/{key}"
    return given


@contextmanager
def seeded(cloud: Cloud, plan: TunePlan, hands: Hands) -> Iterator[None]:
    """The items that payload types need are there; those of this run alone go when it is over."""
    table, payloads = plan.request.table, plan.request.payloads
    items = [item for payload in payloads for item in _items(plan, payload)]
    if not items:
        yield
        return
    started_s = hands.clock()
    hands.on_progress(Progress("seeding", 0, len(items), 0.0))
    try:
        seed(cloud, table, items, sleep=hands.sleep)
        hands.on_progress(Progress("seeding", len(items), len(items), hands.clock() - started_s))
        yield
    except CutOffError:
        raise  # the run still needs them
    except BaseException:
        _unseed(cloud, plan, hands.sleep)
        raise
    _unseed(cloud, plan, hands.sleep)


def _unseed(cloud: Cloud, plan: TunePlan, sleep: Sleep) -> None:
    payloads = plan.request.payloads
    own = [item for payload in payloads for item in _items(plan, _own_seeds(payload))]
    if own:
        unseed(cloud, plan.request.table, own, sleep=sleep)


def _items(plan: TunePlan, payload: PayloadType) -> Iterator[Any]:
    table, seed_number = plan.request.table, plan.input["seed"]
    return seed_items(payload, plan.seeds, run=plan.run_id, table=table, seed=seed_number)


def _own_seeds(payload: PayloadType) -> PayloadType:
    own = tuple(entry for entry in payload.seed if entry.each is None)
    return PayloadType(payload.name, payload.event, seed=own)


@contextmanager
def _undone_when_interrupted(cloud: Cloud, plan: TunePlan, sleep: Sleep) -> Iterator[None]:
    """A stopped execution catches nothing: what its clean step would do is done here.

    Where the client itself is cut off, stopping is out of reach and not wanted: the run goes on,
    cleans up after itself and leaves its samples in the bucket.
    """
    try:
        yield
    except BaseException as exc:
        if lost := _lost(exc):
            raise CutOffError(
                f"{lost}; run {plan.run_id} goes on, ends by itself and {_kept(plan)}"
            ) from exc
        _undo(cloud, plan, sleep)
        raise


def _lost(error: BaseException) -> str:
    """What cuts the client off from a run that was started; "" where nothing does."""
    if isinstance(error, EndpointConnectionError | HTTPClientError):
        return "the connection to AWS was lost"
    if isinstance(error, ClientError) and error.response["Error"].get("Code") in EXPIRED:
        return "the AWS credentials have expired"
    return ""


def _kept(plan: TunePlan) -> str:
    folder = STORE_PREFIX.rstrip("/")
    return f"can be loaded from the store s3://{plan.tuner.bucket}/{folder}"


def _undo(cloud: Cloud, plan: TunePlan, sleep: Sleep) -> None:
    arn = execution_arn(plan.tuner.state_machine_arn, plan.run_id)
    stop(cloud, arn, sleep)
    client = cloud.client("lambda", region=plan.arn.region)
    take_back(client, str(plan.arn.unqualified), arn, sleep)


def _manifest(manifest: Mapping[str, Any], execution: Execution) -> dict[str, Any]:
    """The tuner's manifest, with the times that only the finished execution knows."""
    critical_ms = manifest["billed_ms_critical_path"]
    wall_ms = execution.wall_ms
    return {
        **manifest,
        "state_machine_arn": execution.state_machine_arn,
        "output": execution.output,
        "finished_at": execution.stopped_at.isoformat() if execution.stopped_at else None,
        "wall_ms": wall_ms,
        "overhead": wall_ms / critical_ms if wall_ms and critical_ms else None,
    }
