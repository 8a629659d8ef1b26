"""Running an existing deployment of AWS Lambda Power Tuning, through its own contract."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from ...core.errors import LambdaTuningError, UsageError
from ...core.power_tuning.answer import TunerAnswer
from ...core.progress import Progress
from ...core.strategies import contract_strategy
from ...core.tuning.manifest import POWER_TUNING, Manifest, ManifestPayload
from ...core.tuning.payloads import Context, PayloadType
from ..executions import Execution, describe, failure, has_answer, start
from ..run_store import FolderStore, StoredRun, save
from ..session import Cloud
from .plan import TunePlan
from .run import Effects, seeded

_FEWEST = 5


def tune_elsewhere(cloud: Cloud, plan: TunePlan, store: FolderStore, effects: Effects) -> StoredRun:
    """One execution a payload type; the run has Power Tuning's statistics and no samples.

    RunFailedError also for an execution that ended SUCCEEDED with {} or null, which is how Power
    Tuning fails.
    """
    _refuse(plan)
    outputs: dict[str, Any] = {}
    executions: list[Execution] = []
    started_s = effects.clock()
    with seeded(cloud, plan, effects):
        for index, payload in enumerate(plan.request.payloads):
            name = f"{plan.run_id}-{secrets.token_hex(2)}"
            arn = start(cloud, plan.tuner.state_machine_arn, name, _input(plan, payload))
            with _not_stopped_by_interrupts(arn):
                place = index, len(plan.request.payloads)
                execution = _followed(cloud, arn, place, started_s, effects)
            if not has_answer(execution):
                raise failure(cloud, execution)
            executions.append(execution)
            outputs[payload.name] = execution.output
    return save(store, _manifest(cloud, plan, outputs, executions), [])


@contextmanager
def _not_stopped_by_interrupts(execution_arn: str) -> Iterator[None]:
    """Ctrl-C ends the following alone: who stops its machine stops its cleaning, too."""
    try:
        yield
    except KeyboardInterrupt as exc:
        raise LambdaTuningError(
            f"no longer followed; {execution_arn} goes on, since AWS Lambda Power Tuning would "
            "leave its versions and aliases behind if it were stopped"
        ) from exc


def _refuse(plan: TunePlan) -> None:
    if plan.request.num < _FEWEST:
        raise UsageError(f"AWS Lambda Power Tuning needs --num {_FEWEST} or more")
    if plan.request.cold:
        raise UsageError(
            "AWS Lambda Power Tuning measures no cold starts beside warm ones: leave --cold out, "
            "or use our tuner"
        )
    used_up = [p.name for p in plan.request.payloads if any(s.each is None for s in p.seed)]
    if used_up:
        raise UsageError(
            f'payload type "{used_up[0]}" uses up an item an invocation, but AWS Lambda Power '
            "Tuning sends one payload again and again; leave it out, or use our tuner"
        )


def _input(plan: TunePlan, payload: PayloadType) -> dict[str, object]:
    request = plan.request
    context = Context(plan.run_id, payload.name, 0, plan.seed, request.table)
    run_input = {
        "lambdaARN": plan.target.arn,
        "num": request.num,
        "powerValues": list(request.sizes),
        "payload": payload.rendered(context),
        "strategy": contract_strategy(request.strategy),
        "balancedWeight": request.weight,
        "autoOptimize": request.auto_optimize,
        "includeOutputResults": True,
    }
    if request.alias:
        run_input["autoOptimizeAlias"] = request.alias
    if request.allowed_errors:
        run_input["allowedExceptions"] = list(request.allowed_errors)
    return run_input


def _followed(
    cloud: Cloud, execution_arn: str, place: tuple[int, int], started_s: float, effects: Effects
) -> Execution:
    done, total = place
    while True:
        execution = describe(cloud, execution_arn)
        elapsed_s = effects.clock() - started_s
        ended = 0 if execution.running else 1
        effects.on_progress(Progress("tuning elsewhere", done + ended, total, elapsed_s))
        if not execution.running:
            return execution
        effects.sleep(0.5 if cloud.embedded else 5.0)


def _manifest(
    cloud: Cloud, plan: TunePlan, outputs: Mapping[str, Any], executions: list[Execution]
) -> Manifest:
    request, target = plan.request, plan.target
    ended: list[datetime] = [e.stopped_at for e in executions if e.stopped_at]
    return Manifest(
        run_id=plan.run_id,
        kind=POWER_TUNING,
        function=plan.function,
        function_arn=target.arn,
        code_sha256=target.code_sha256,
        runtime=target.runtime,
        architecture=target.architecture,
        current_memory_mb=target.memory_mb,
        timeout_s=target.timeout_s,
        region=target.region,
        account_id=plan.arn.account_id,
        endpoint=cloud.endpoint,
        state_machine_arn=plan.tuner.state_machine_arn,
        execution_arns=tuple(execution.arn for execution in executions),
        payloads=tuple(ManifestPayload(p.name, p.weight) for p in request.payloads),
        sizes=request.sizes,
        sizes_beyond_cores=cloud.endpoint.beyond_cores(request.sizes),
        num=request.num,
        strategy=contract_strategy(request.strategy),
        weight=request.weight,
        started_at=executions[0].started_at.isoformat(),
        finished_at=max(ended).isoformat(),
        usd=sum(TunerAnswer.of(output).run_usd or 0.0 for output in outputs.values()),
        output=dict(outputs),
        labels=dict(request.labels),
        code=request.code,
    )
