"""A tuning run from the client's side: seed, start, follow, fetch, store; undone when stopped."""

import json
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
)

from ...core.errors import CutOffError, LambdaTuningError, RunFailedError
from ...core.format import format_mb, format_sure, money_of
from ...core.power_tuning.answer import TunerAnswer
from ...core.progress import OnProgress, Progress
from ...core.tuning.manifest import MANIFEST_NAME, Manifest, read_manifest
from ...core.tuning.payloads import PayloadType, seed_items
from ...core.tuning.records import Sample, decode_part, encode_part, run_prefix
from ...core.tuning.state import Planned, Step
from ...functions.tuner.clean import clean_stopped
from ...functions.tuner.function import Sleep
from ...functions.tuner.storage import STEP_PREFIX, STORE_PREFIX
from ..aws_errors import is_busy, login_ended, undoing
from ..executions import Execution, describe, execution_arn, failure, has_answer, start, stop
from ..parquet import packed
from ..payloads import seed, unseed
from ..run_store import BucketStore, FolderStore, StoredRun, save
from ..session import Cloud, embedded_facts, open_url
from .cleaning import start_cleaning, wait_for_cleaning, what_is_left
from .plan import TunePlan


def with_host_facts(cloud: Cloud, fetched: "FetchedSamples") -> Iterator[tuple[str, bytes]]:
    """The parts with `stolen_ms` filled in where the embedded AWS ran them; else as they came."""
    if not cloud.embedded:
        yield from sorted(fetched.parts.items())
        return
    ids = [sample.request_id for samples in fetched.samples.values() for sample in samples]
    stolen_ms = _stolen_ms(cloud, [request_id for request_id in ids if request_id])
    for name, samples in sorted(fetched.samples.items()):
        yield name, encode_part(_with_stolen_time(sample, stolen_ms) for sample in samples)


def _with_stolen_time(sample: Sample, stolen_ms: Mapping[str, float]) -> Sample:
    return replace(sample, stolen_ms=stolen_ms.get(sample.request_id))


_REQUESTS_AT_ONCE = 200
"""Their ids stand in one URL."""


def _stolen_ms(cloud: Cloud, request_ids: Sequence[str]) -> dict[str, float]:
    """Of these invocations alone: the embedded AWS remembers 50,000."""
    stolen_ms: dict[str, float] = {}
    for first in range(0, len(request_ids), _REQUESTS_AT_ONCE):
        ids = request_ids[first : first + _REQUESTS_AT_ONCE]
        query = urlencode([("request_id", request_id) for request_id in ids])
        with open_url(f"{cloud.endpoint_url}/_lambdatuning/invocations?{query}", 60) as answer:
            rows = json.load(answer)
        stolen_ms |= {row["request_id"]: round(row["stolen_ms"], 3) for row in rows}
    return stolen_ms


# The steps of an adaptive run as they are taken, for somebody who watches.


_SHOWN = 2


def describe_step(number: int, step: Step, currency: str = "USD") -> str:
    """One line: what is measured next, how sure the answer is so far, what was spent."""
    doing = _batch(step.batch) if step.batch else f"stopped: {step.stopped}"
    sure = min((answer.within_5 for answer in step.answers), default=None)
    certainty = "" if sure is None else f"; sure {format_sure(sure)}"
    if sure is not None and not step.placed:
        certainty = "; how sure is not known"
    spent = money_of(currency).pattern.replace("{}", f"{step.spent.usd:.4f}")
    return f"step {number}: {doing}{certainty}; spent {spent}"


def _batch(items: Sequence[Planned]) -> str:
    shown = [
        f"{format_mb(item.memory_mb)} x {item.count} of {item.payload}" for item in items[:_SHOWN]
    ]
    rest = len(items) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


# Following a tuning run: parts are fetched as they come, so that progress is by size.


Clock = Callable[[], float]

_MOST_BUSY, _BUSY_PAUSE_S = 10, 15.0
"""Calls in a row that AWS is too busy to answer, each tried again by boto3 before."""


@dataclass
class FetchedSamples:
    """The sample parts that have fetched, as they came and decoded once, and how many invocations
    each size has had."""

    parts: dict[str, bytes] = field(default_factory=dict)
    samples: dict[str, tuple[Sample, ...]] = field(default_factory=dict)
    by_size: Counter[int] = field(default_factory=Counter)
    payloads: set[str] = field(default_factory=set)
    latest: str = ""
    steps: int = 0
    step: str = "choosing what to measure first"
    currency: str = "USD"

    def fetch(self, store: BucketStore, prefix: str) -> None:
        """Fetch the parts that are new."""
        for key in store.keys(f"{prefix}samples-"):
            name = key.removeprefix(prefix)
            if name not in self.parts:
                self.parts[name] = store.read(key)
                self.samples[name] = tuple(decode_part(self.parts[name]))
                self._count(self.samples[name])

    def fetch_steps(self, store: BucketStore, prefix: str) -> None:
        """Read the latest step of an adaptive run, where there is a new one."""
        keys = list(store.keys(prefix + STEP_PREFIX))
        if len(keys) > self.steps:
            self.steps = len(keys)
            step = Step.from_json(json.loads(store.read(keys[-1])))
            self.step = describe_step(self.steps, step, self.currency)

    def _count(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            self.by_size[sample.memory_mb] += 1
            self.payloads.add(sample.payload)
            self.latest = (
                f"{format_mb(sample.memory_mb)}, {sample.payload} {sample.duration_ms:,.0f} ms"
            )


@dataclass(frozen=True)
class Follower:
    """What following needs: where the run lies, how much is coming (0 for an adaptive run, which
    decides that as it goes), how many sizes are measured side by side, whom to tell."""

    cloud: Cloud
    store: BucketStore
    prefix: str
    total: int
    side_by_side: int
    on_progress: OnProgress
    clock: Clock
    sleep: Sleep

    def follow(self, execution_arn: str, fetched: FetchedSamples) -> Execution:
        """Wait for the end of an execution, telling how far it is; all parts have fetched then."""
        started_s, pause_s = self.clock(), 0.5 if self.cloud.embedded else 2.0
        busy = 0
        while True:
            try:
                execution = describe(self.cloud, execution_arn)
                fetched.fetch(self.store, self.prefix)
                if not self.total:
                    fetched.fetch_steps(self.store, self.prefix)
            except ClientError as exc:
                # What is being paid for does not end because a call about it was throttled.
                busy += 1
                if not is_busy(exc) or busy > _MOST_BUSY:
                    raise
                self.sleep(_BUSY_PAUSE_S)
                continue
            busy = 0
            self.on_progress(self._progress(fetched, self.clock() - started_s))
            if not execution.running:
                return execution
            self.sleep(pause_s)

    def _progress(self, fetched: FetchedSamples, elapsed_s: float) -> Progress:
        done = sum(fetched.by_size.values())
        if not self.total:
            return Progress("measuring", done, 0, elapsed_s, detail=fetched.step)
        sizes = " ".join(f"{size}:{count}" for size, count in sorted(fetched.by_size.items()))
        paced = self._paced(fetched)
        expected_s = elapsed_s * self.total / paced if paced else None
        detail = f"{fetched.latest} [{sizes}]" if done else "publishing a version of each size"
        return Progress("measuring", done, self.total, elapsed_s, expected_s, detail)

    def _paced(self, fetched: FetchedSamples) -> int:
        """How much of the total the time so far stands for: of sizes side by side the smallest is
        the slowest and tells the time left; in turn, all that is done."""
        counts = fetched.by_size.values()
        if self.side_by_side == 1:
            return sum(counts)
        return min(counts, default=0) * len(counts)


@dataclass(frozen=True)
class Effects:
    """What a run uses beside AWS: whom to tell, the clock, and how to wait."""

    on_progress: OnProgress
    clock: Clock
    sleep: Sleep


def tune(cloud: Cloud, plan: TunePlan, store: FolderStore, effects: Effects) -> StoredRun:
    """Execute a plan on our tuner and store the run.

    RunFailedError tells the cause. On any error, Ctrl-C, SIGTERM and SIGHUP included, the execution
    is stopped, the tuner puts the function back as it was and seed items are removed; samples stay
    in the bucket. A run that had ended by then is stored.
    """
    bucket = BucketStore(cloud.client("s3"), plan.tuner.bucket, STORE_PREFIX)
    prefix = run_prefix(plan.arn.name, plan.run_id)
    fetched = FetchedSamples(currency=plan.prices.region(plan.arn.region).currency)
    with signals_as_interrupts(), seeded(cloud, plan, effects):
        total = 0 if plan.request.adaptive else plan.estimate.invocations
        follower = Follower(cloud, bucket, prefix, total, plan.sizes_at_once, **vars(effects))
        ongoing = OngoingRun(plan, follower, fetched, store)
        execution = _executed(ongoing)
    if not has_answer(execution):
        raise _failed(ongoing, execution)
    return ongoing.stored(execution)


@dataclass(frozen=True)
class OngoingRun:
    """A run that goes on, and the store that it goes to when it is over."""

    plan: TunePlan
    follower: Follower
    fetched: FetchedSamples
    store: FolderStore

    def manifest(self) -> Manifest | None:
        """What the tuner wrote when all was measured; None before."""
        key = self.follower.prefix + MANIFEST_NAME
        if key not in self.follower.store.keys(key):
            return None
        return read_manifest(self.follower.store.read(key))

    def stored(self, execution: Execution) -> StoredRun:
        """The run in the store, with what only we know of it."""
        manifest, plan = self.manifest(), self.plan
        if manifest is None:
            raise RunFailedError(f"run {plan.run_id} left no {MANIFEST_NAME}; tune again")
        manifest = replace(
            _completed(manifest, execution),
            function=plan.function,
            labels=dict(plan.request.labels),
            code=plan.request.code,
        )
        return _saved(self, manifest)

    def stored_if_measured(self, execution: Execution | None) -> str:
        """Of a run that had measured all and then ended otherwise, that it is stored; "" for any
        other."""
        with suppress(ClientError, BotoCoreError, LambdaTuningError):
            if execution and self.manifest():
                self.fetched.fetch(self.follower.store, self.follower.prefix)
                self.stored(execution)
                return (
                    f"; all was measured before, and is stored: `lambdatuning show "
                    f"{self.plan.run_id}` has the answer"
                )
        return ""

    def size_to_set_mb(self) -> int | None:
        """The size that the run was to set on the function; None where it was to set none."""
        request = self.plan.request
        if not request.auto_optimize or request.alias:
            return None
        with suppress(ClientError, BotoCoreError, LambdaTuningError):
            manifest = self.manifest()
            return TunerAnswer.of(manifest.output).memory_mb if manifest else None
        return None


def _saved(ongoing: OngoingRun, manifest: Manifest) -> StoredRun:
    plan, store = ongoing.plan, ongoing.store
    parts = with_host_facts(ongoing.follower.cloud, ongoing.fetched)
    try:
        return save(store, manifest, packed(parts))
    except OSError as exc:
        raise LambdaTuningError(
            f"{store.url}: {exc.strerror}; run {plan.run_id} is measured and {_where_stored(plan)}"
        ) from exc


def _upload_input(cloud: Cloud, plan: TunePlan) -> Mapping[str, Any]:
    """The input with its payload types in the bucket, since they may be larger than an input may
    be; and with the price book beside them, where it is not the packaged one."""
    run_input = dict(plan.input)
    files = {"payloadTypesS3": ("", json.dumps(run_input.pop("payloadTypes")))}
    if plan.request.price_book:
        files["priceBook"] = ("-prices", plan.request.price_book)
    for name, (ending, text) in files.items():
        key = f"inputs/{plan.run_id}{ending}.json"
        cloud.client("s3").put_object(Bucket=plan.tuner.bucket, Key=key, Body=text.encode())
        run_input[name] = f"s3://{plan.tuner.bucket}/{key}"
    return run_input


@contextmanager
def seeded(cloud: Cloud, plan: TunePlan, effects: Effects) -> Iterator[None]:
    """The items that payload types need are there; those of this run alone go when it is over."""
    table, payloads = plan.request.table, plan.request.payloads
    items = [item for payload in payloads for item in _items(plan, payload)]
    if not items:
        yield
        return
    started_s = effects.clock()
    effects.on_progress(Progress("seeding", 0, len(items), 0.0))
    cut_off: list[CutOffError] = []

    def unseeded() -> None:
        if not cut_off:  # else the run still needs them
            _unseed(cloud, plan, effects.sleep)

    with undoing(unseeded, f"what was seeded into the table {table}"):
        seed(cloud, table, items, sleep=effects.sleep)
        effects.on_progress(
            Progress("seeding", len(items), len(items), effects.clock() - started_s)
        )
        try:
            yield
        except CutOffError as exc:
            cut_off.append(exc)
            raise
    _unseed(cloud, plan, effects.sleep)


def _unseed(cloud: Cloud, plan: TunePlan, sleep: Sleep) -> None:
    payloads = plan.request.payloads
    own = [item for payload in payloads for item in _items(plan, _own_seeds(payload))]
    if own:
        unseed(cloud, plan.request.table, own, sleep=sleep)


def _items(plan: TunePlan, payload: PayloadType) -> Iterator[Any]:
    table = plan.request.table
    return seed_items(payload, plan.seeds, run=plan.run_id, table=table, seed=plan.seed)


def _own_seeds(payload: PayloadType) -> PayloadType:
    own = tuple(entry for entry in payload.seed if entry.each is None)
    return PayloadType(payload.name, payload.event, seed=own)


def _executed(ongoing: OngoingRun) -> Execution:
    """The execution once it is over, all parts fetched; when interrupted it is stopped.

    Where the client itself is cut off, stopping is out of reach and not wanted: the run goes on,
    cleans up after itself and leaves its samples in the bucket.
    """
    plan, follower, fetched = ongoing.plan, ongoing.follower, ongoing.fetched
    cloud, sent = follower.cloud, False
    try:
        run_input = _upload_input(cloud, plan)
        sent = True
        arn = start(cloud, plan.tuner.state_machine_arn, plan.run_id, run_input)
        return follower.follow(arn, fetched)
    except BaseException as exc:
        reason = _cut_off_by(exc)
        if reason and cloud.embedded and not embedded_facts(cloud.endpoint_url):
            raise RunFailedError(
                f"the embedded AWS ended during run {plan.run_id}, which is gone with it: start it "
                "again and tune again"
            ) from exc
        if reason and not sent:  # nothing was started that could go on
            raise
        if reason:
            raise CutOffError(
                f"{reason}; run {plan.run_id} goes on, ends by itself and {_where_stored(plan)}"
            ) from exc
        execution, left = _stop_and_clean(ongoing)
        if execution and has_answer(execution):
            fetched.fetch(follower.store, follower.prefix)
            return execution
        left += ongoing.stored_if_measured(execution)
        if isinstance(exc, KeyboardInterrupt):
            raise KeyboardInterrupt(f"run {plan.run_id} was stopped; {left}") from None
        exc.add_note(left)
        raise


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as Ctrl-C does, where this thread may say so."""
    with _handling(("SIGTERM", "SIGHUP"), _interrupt):
        yield


@dataclass
class Interrupts:
    """Interrupts of what must not be left half done, counted."""

    count: int = 0

    def note(self, number: int, frame: object) -> None:
        """Remember the first; who insists is let go."""
        self.count += 1
        if self.count > 1:
            _interrupt(number, frame)

    def raise_noted(self) -> None:
        """Raise the one that was noted, now that nothing is left half done."""
        if self.count:
            raise KeyboardInterrupt


@contextmanager
def interrupts_noted() -> Iterator[Interrupts]:
    """An interrupt does not come between stopping an execution and starting what cleans after it:
    it is noted."""
    interrupts = Interrupts()
    with _handling(("SIGINT", "SIGTERM", "SIGHUP"), interrupts.note):
        yield interrupts


@contextmanager
def _handling(names: Iterable[str], handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Signals are handled so, where this thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(f"stopped by {signal.Signals(number).name}")


def _stop_and_clean(ongoing: OngoingRun) -> tuple[Execution | None, str]:
    """The run's execution as it ended (None where it never began), and what is left on the
    function, in words: looked at, not assumed. A second interrupt ends the waiting alone: the
    tuner goes on cleaning."""
    cloud, plan, sleep = ongoing.follower.cloud, ongoing.plan, ongoing.follower.sleep
    machine, cleaning = plan.tuner.state_machine_arn, ""
    arn, function = execution_arn(machine, plan.run_id), str(plan.arn.unqualified)
    execution, refused = None, ""
    try:
        with interrupts_noted() as interrupts:
            execution = _stopped_execution(cloud, arn, sleep)
            if execution and has_answer(execution):
                return execution, ""
            if execution:
                cleaning = start_cleaning(cloud, machine, function, arn)
        interrupts.raise_noted()
        if execution and wait_for_cleaning(cloud, cleaning, sleep) is None:
            clean_stopped(cloud.client("lambda", region=plan.arn.region), function, arn, sleep)
    except KeyboardInterrupt:
        doing = f"the tuner puts {plan.arn.name} back ({cleaning})" if cleaning else (
            f"{plan.arn.name} may not be put back yet"
        )  # fmt: skip
        return None, f"{doing}: `lambdatuning clean {plan.arn.name}` looks, and puts back the rest"
    except (ClientError, LambdaTuningError) as exc:
        refused = f"{plan.arn.name} could not be put back ({exc}): "
    left, as_it_was = what_is_left(
        cloud, function, plan.run_id, plan.memory_mb, ongoing.size_to_set_mb()
    )
    return execution, left if as_it_was else refused + left


def _stopped_execution(cloud: Cloud, arn: str, sleep: Sleep) -> Execution | None:
    """The execution, stopped if it was running; None where there is none."""
    try:
        execution = describe(cloud, arn)
        if execution.running:
            with suppress(ClientError):  # it may end by itself at this moment
                stop(cloud, arn, sleep)
            execution = describe(cloud, arn)
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return None
        raise
    return execution


def _failed(ongoing: OngoingRun, execution: Execution) -> Exception:
    """The failure of an execution; of one that was stopped or timed out from outside, which catches
    nothing, with what became of the function. Where it had measured all, it is stored."""
    text = str(failure(ongoing.follower.cloud, execution))
    if unknown := _unknown_input(text):
        return RunFailedError(
            f'the deployed tuner does not know the input "{unknown}": an earlier version of '
            "lambdatuning deployed it; run `lambdatuning deploy` again, then tune again"
        )
    if execution.status in ("ABORTED", "TIMED_OUT"):
        text = f"{text}; {_stop_and_clean(ongoing)[1]}"
    return RunFailedError(f"{text}{ongoing.stored_if_measured(execution)}")


def _unknown_input(cause: str) -> str:
    """The input that the tuner refused because it has none of that name, "" where that is not the
    cause: a tuner stays as it was deployed while its clients are updated."""
    refused = re.search(r'unknown input "(\w+)"', cause)
    return refused[1] if refused else ""


def _cut_off_by(error: BaseException) -> str:
    """What cuts the client off from a run that was started; "" where nothing does."""
    if isinstance(error, EndpointConnectionError | HTTPClientError):
        return "the connection to AWS was lost"
    if login_ended(error):
        return "the login has ended"
    if is_busy(error):
        return "AWS is too busy to say how the run stands"
    return ""


def _where_stored(plan: TunePlan) -> str:
    folder = STORE_PREFIX.rstrip("/")
    return f"can be loaded from the store s3://{plan.tuner.bucket}/{folder}"


def _completed(manifest: Manifest, execution: Execution) -> Manifest:
    """The tuner's manifest, with the times that only the finished execution knows."""
    critical_ms, wall_ms = manifest.billed_ms_critical_path, execution.wall_ms
    return replace(
        manifest,
        state_machine_arn=execution.state_machine_arn,
        output=execution.output or {},
        finished_at=execution.stopped_at.isoformat() if execution.stopped_at else "",
        wall_ms=wall_ms,
        overhead=wall_ms / critical_ms if wall_ms and critical_ms else None,
    )
