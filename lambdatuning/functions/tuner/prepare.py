"""The preparing step: what can be refused is refused here; then the lock, then the plan."""

from dataclasses import dataclass, replace
from typing import Any

from ...core.arn import require_account
from ...core.contract import TuningInput, parse_input
from ...core.errors import UsageError
from ...core.run import RunPlan, Target
from .clean import undo
from .exploring import explore
from .prices import price_book
from .storage import folder
from .target import lock
from .target.config import Sleep
from .target.target import concurrency, look_at, remarks
from .wanted import environments, payload_types, plan_run

State = dict[str, Any]


@dataclass(frozen=True)
class Services:
    """The clients and facts that preparing uses; `lambda_client` is in the function's region."""

    lambda_client: Any
    states: Any
    s3: Any
    bucket: str
    account_id: str
    sleep: Sleep


def prepare(raw: Any, execution: str, services: Services) -> State:
    """The first state of a run; on an error nothing of the function has been changed.

    Run again after a crash it finds its own lock and goes on.
    """
    wanted = parse_input(raw)
    arn = wanted.lambda_arn
    require_account(arn, services.account_id)
    prices = price_book(services.s3, wanted.price_book)
    prices.region(arn.region)
    payloads = _payloads(wanted, services)
    run_id = wanted.run_id or execution.rpartition(":")[2]
    look_at(services.lambda_client, arn, services.sleep)
    wide = environments(wanted, sum(payloads[1]))
    parallel = concurrency(services.lambda_client, arn, wide, wanted.parallel_sizes)
    store = folder(services.s3, services.bucket, arn.name, run_id)
    if store.owner() not in (None, execution):
        raise UsageError(f'run id "{run_id}" was used before; give another one, or none')
    target = _locked(wanted, run_id, execution, services)
    plan = plan_run(wanted, raw, target, (run_id, execution), payloads)
    store.write_plan(plan)
    first = _first_state(wanted, plan, store.url, parallel)
    return (
        explore.begin(first, explore.Explorer(plan, store, prices, 0.0)) if plan.limits else first
    )


def _payloads(wanted: TuningInput, services: Services) -> Any:
    """The payload types; with `disablePayloadLogs` an error does not repeat what is in them."""
    try:
        return payload_types(wanted, services.s3)
    except UsageError:
        if wanted.disable_payload_logs:
            raise UsageError(
                "the payloads cannot be used (disablePayloadLogs withholds why); mend them"
            ) from None
        raise


def _first_state(wanted: TuningInput, plan: RunPlan, url: str, parallel: int) -> State:
    target = plan.target
    return {
        "run": {"id": plan.run_id, "name": target.name, "arn": target.arn, "url": url},
        "parallel": parallel,
        "sizes": list(plan.sizes),
        "works": len(plan.work),
        "published": 0,
        "batches": [],
        "failed": {},
        "warnings": remarks(target, parallel, wanted.parallel_sizes),
        "events": 0,
        "criticalMs": 0,
        "apply": {"autoOptimize": wanted.auto_optimize, "alias": wanted.auto_optimize_alias},
    }


def _locked(wanted: TuningInput, run_id: str, execution: str, services: Services) -> Target:
    """The function once the lock is ours, as it is under the lock: before, a run that was about
    to end may have held it at another size. What a dead run left behind is undone first."""
    client, arn = services.lambda_client, wanted.lambda_arn
    mine = lock.Lock(run_id, 0, execution)
    function = str(arn.unqualified)
    held = lock.take(client, services.states, function, mine)
    if held is not None:
        undo(client, function, held, services.sleep)
    target = look_at(client, arn, services.sleep)
    lock.update(client, function, replace(mine, memory_mb=target.memory_mb))
    return target
