"""A schedule inside AWS: what to measure and the kit are packaged, and `stack.yaml` is deployed."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.resources import files
from pathlib import Path

from ..api.consent import Confirm, agree, describe_changes, describe_price
from ..api.prices import own_price_book
from ..api.stack import usable_outputs
from ..api.tuning import NUM, count_option, earlier_runs, payload_types, sizes_option
from ..cloud import stack as stacks
from ..cloud.aws_errors import explaining, undoing
from ..cloud.payloads import key_names
from ..cloud.run_store import open_store
from ..cloud.session import Cloud
from ..cloud.stack import bucket as buckets
from ..cloud.stack.package import Artifact, read_folder, zip_files
from ..cloud.tuning.plan import TunePlan, TuneRequest, plan_tune
from ..core.errors import UsageError
from ..core.strategies import DEFAULT_WEIGHT, KIT_STRATEGY, RUN_STRATEGIES, check_strategy
from ..core.tuning.contract import check_exploration
from ..core.tuning.nightly import NightlyRun
from ..core.tuning.payloads import PayloadType
from ..core.validation import number
from ..workspace import resources
from .schedule import Schedule, folder_name

TEMPLATE = Path(str(files(__package__))) / "stack.yaml"

_OPTIONS = frozenset(
    ("powers", "num", "strategy", "weight", "environments", "cold", "explore", "max-regression")
)
"""Options of `schedule run` that a deployed schedule takes."""

IDLE = (
    "idle it costs what its alarm does: nothing where the account has fewer than 10 alarms, else "
    "$0.10 a month (--parameter Alarm=false goes without); a night costs the run, and about $0.02 "
    "for four minutes of CodeBuild, of which 100 a month are free"
)
"""aws.amazon.com/cloudwatch/pricing (10 alarm metrics are always free, then $0.10 a month),
aws.amazon.com/eventbridge/pricing (14 million invocations of Scheduler a month are free),
aws.amazon.com/codebuild/pricing (general1.small $0.005 a minute, 100 minutes a month free)."""

OnEvent = Callable[[stacks.StackEvent], None]


def stack_name(schedule: Schedule, name: str = "") -> str:
    """The stack of a schedule: named, else after the function.

    >>> stack_name(Schedule(function="my_function"))
    'lambdatuning-my-function-nightly'
    """
    chosen = name or f"{re.sub('[^A-Za-z0-9]+', '-', schedule.name)}-nightly"
    return chosen[:128]


@explaining()
def deploy(  # noqa: PLR0913 - options of a public call are named one by one
    cloud: Cloud,
    schedule: Schedule,
    *,
    stack: str = "",
    name: str = "",
    parameters: Mapping[str, str] | None = None,
    payloads: str | Path = "",
    table: str = "",
    confirm: Confirm = agree,
    on_event: OnEvent = lambda _: None,
) -> dict[str, str]:
    """Deploy a schedule that is run by the tuner of `stack`; its outputs.

    `confirm` is told the price of a night and the change set before anything changes. UsageError
    for what cannot be measured, StackError where the stack cannot be made.
    """
    outputs = usable_outputs(cloud, stack)
    plan = planned(cloud, schedule, outputs, payloads=payloads, table=table)
    if plan.estimate.usd > float(schedule.max_usd):
        raise UsageError(
            f"a night is estimated at ${plan.estimate.usd:.4f}, more than --max-usd "
            f"{schedule.max_usd}: allow more, or measure fewer sizes"
        )
    full_name = stack_name(schedule, name)
    values = {
        **_parameters(schedule, plan, outputs),
        **_uploaded(cloud, full_name, plan),
        **(parameters or {}),
    }
    options = stacks.DeployOptions(full_name, TEMPLATE, values)
    changes = stacks.plan_deploy(cloud, options)
    with undoing(lambda: stacks.discard(cloud, changes), f"the change set of {full_name}"):
        text = f"every night: {describe_price(cloud, plan)}\n{IDLE}\n{describe_changes(changes)}"
        confirm(
            text, f'deploy this schedule as the stack "{full_name}"?' if changes.changes else ""
        )
    return stacks.execute(cloud, changes, on_event)


def _parameters(schedule: Schedule, plan: TunePlan, outputs: Mapping[str, str]) -> dict[str, str]:
    """What is measured when, and by which tuner, as parameters of the template."""
    return {
        "FunctionName": plan.arn.name,
        "Hour": str(schedule.hour),
        "Minute": str(schedule.minute),
        "Timezone": schedule.timezone or "UTC",
        "MaxUsd": schedule.max_usd,
        "TunerName": outputs["StateMachineArn"].rpartition(":")[2],
        "SamplesBucket": outputs["SamplesBucket"],
        "SeedTable": plan.request.table,
        **_allowed(schedule),
    }


def _uploaded(cloud: Cloud, stack: str, plan: TunePlan) -> dict[str, str]:
    """What a night reads, put into the bucket of the stack; where it lies, as parameters."""
    packages = buckets.packages_of(cloud, stack)
    buckets.ensure(cloud, packages)
    spec = json.dumps(nightly_run(cloud, plan).to_json(), sort_keys=True).encode()
    keys = buckets.upload(cloud, packages, [_artifact("spec", ".json", spec), kit()])
    return {"PackagesBucket": packages.bucket, "SpecKey": keys["spec"], "KitKey": keys["kit"]}


def _allowed(schedule: Schedule) -> dict[str, str]:
    """By how much a run may be worse, where the schedule says so."""
    if "max-regression" not in schedule.options:
        return {}
    percent = number("max-regression (per cent)", schedule.options["max-regression"], 0)
    return {"MaxRegressionPercent": f"{percent:g}"}


def planned(
    cloud: Cloud,
    schedule: Schedule,
    outputs: Mapping[str, str],
    *,
    payloads: str | Path = "",
    table: str = "",
) -> TunePlan:
    """The run of every night, checked as one that is started now; the stack's own function with
    every payload type where none is named."""
    own, options = not schedule.function, schedule.options
    unknown = options.keys() - _OPTIONS
    if unknown:
        raise UsageError(
            f"--option {min(unknown)}: a deployed schedule takes {', '.join(sorted(_OPTIONS))}"
        )
    types = _payload_types(cloud, schedule, payloads)
    by_count = own or "num" in options or "cold" in options
    request = TuneRequest(
        function=schedule.function or outputs["FunctionName"],
        state_machine_arn=outputs["StateMachineArn"],
        payloads=types or (PayloadType("empty", {}),),
        sizes=sizes_option(options.get("powers")),
        named_sizes="powers" in options,
        num=count_option("num", options.get("num")) or NUM,
        strategy=check_strategy(options.get("strategy", KIT_STRATEGY), RUN_STRATEGIES),
        weight=number("weight", options.get("weight", DEFAULT_WEIGHT), 0, 1),
        environments=count_option("environments", options.get("environments")),
        cold=count_option("cold", options.get("cold")) or 0,
        table=table or (outputs["TableName"] if own else ""),
        price_book=own_price_book(),
        explore=check_exploration(options.get("explore", "grid" if by_count else "adaptive")),
    )
    store = open_store(f"s3://{outputs['SamplesBucket']}/runs", cloud)
    request = replace(request, earlier=earlier_runs(store, cloud, request.function))
    return plan_tune(cloud, request, datetime.now(UTC))


def _payload_types(
    cloud: Cloud, schedule: Schedule, payloads: str | Path
) -> tuple[PayloadType, ...]:
    """Those named; of the stack's own function all, where none is."""
    types = payload_types(schedule.payloads, payloads, cloud)
    if types or schedule.function:
        return types
    folder = resources.payloads(payloads).path
    return payload_types([path.stem for path in sorted(folder.glob("*.json"))], payloads)


def nightly_run(cloud: Cloud, plan: TunePlan) -> NightlyRun:
    """What the function of the schedule measures every night: the run of `plan`, less what each
    night has of its own."""
    request, plan_input = plan.request, dict(plan.input)
    for tonight in ("runId", "seed", "payloadTypes"):
        plan_input.pop(tonight)
    seeded = any(payload.seed for payload in request.payloads)
    return NightlyRun(
        function=plan.arn.name,
        folder=folder_name(plan.arn.name),
        region=plan.arn.region,
        architecture=plan.target.architecture,
        input=plan_input,
        payloads=request.payloads,
        workload=plan.workload,
        earlier=request.earlier,
        seeds=plan.seeds,
        key_names=tuple(key_names(cloud, request.table)) if seeded else (),
        price_book=request.price_book,
    )


# The kit, as the build gets it.


_REPORT = """\
# One night's reports: the run is measured already. 3 (worse) and 5 (cannot tell) are verdicts.
export PYTHONPATH="$PWD"
python -m lambdatuning schedule run --run "$RUN_ID" --store "s3://$SAMPLES/runs" \\
  --out "s3://$SAMPLES/reports" --day "$DAY" --max-regression "$MAX_REGRESSION" --yes --quiet \\
  -- "$FUNCTION"
code=$?
case $code in 0 | 3 | 5) exit 0 ;; *) exit $code ;; esac
"""


def kit() -> Artifact:
    """The package and the project's notebooks as a zip, with the versions of what it needs."""
    package = Path(str(files("lambdatuning")))
    contents = {f"lambdatuning/{name}": data for name, data in read_folder(package)}
    contents = {name: data for name, data in contents.items() if "/resources/data/" not in name}
    for path in sorted(resources.notebooks().path.glob("*.ipynb")):
        contents[f"notebooks/{path.name}"] = path.read_bytes()
    contents["requirements.txt"] = "".join(f"{line}\n" for line in requirements()).encode()
    contents["report.sh"] = _REPORT.encode()
    listed = sorted(contents.items())
    digest = sha256()
    for name, data in listed:
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return Artifact("kit", f"kit-{digest.hexdigest()[:40]}.zip", zip_files(listed))


def requirements() -> Iterator[str]:
    """What reports need besides Python, in the versions that are installed here."""
    for line in requires("lambdatuning") or ():
        name = re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0]
        marker = line.partition(";")[2]
        if name != "lambdatuning" and ("extra" not in marker or _is_of_report(marker)):
            try:
                yield f"{name}=={version(name)}"
            except PackageNotFoundError:
                yield name


def _is_of_report(marker: str) -> bool:
    return bool(re.search(r"""extra == ['"]report['"]""", marker))


def _artifact(name: str, suffix: str, data: bytes) -> Artifact:
    return Artifact(name, f"{name}-{sha256(data).hexdigest()[:40]}{suffix}", data)
