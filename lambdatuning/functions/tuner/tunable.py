"""The function under test, before anything is changed: what cannot be tuned is refused."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from ...core.arn import FunctionArn
from ...core.errors import UsageError, denied_by
from ...core.format import format_part
from ...core.pricing import PriceBook, snapstart_cache_usd
from ...core.tuning.plan import Work
from ...core.tuning.records import RunPlan, Target
from ...core.tuning.state import TunerState
from .batch.measure import END_WITHIN_S
from .function import Configuration, Sleep, description, read, settings_sha256, settled

PAID_HOURS = 3.0
"""The least that is billed for a version; those of a run are gone before."""


def snapshots_usd(target: Target, prices: PriceBook, sizes_mb: Iterable[int]) -> float:
    """The price of keeping one version of each size until the run is over."""
    if not target.snapstart or not target.pays_for_restores:
        return 0.0
    return sum(snapstart_cache_usd(prices, target.region, size, PAID_HOURS) for size in sizes_mb)


def published_mb(plan: RunPlan, state: TunerState) -> list[int]:
    """The sizes of the versions that a run has published, once for each version."""
    if plan.limits:
        return list(state.versions)
    sizes = [work.memory_mb for work in plan.work[: state.published]]
    return [size for size in sizes if size not in state.failed]


def read_target(client: Any, arn: FunctionArn, sleep: Sleep) -> Target:
    """The function as it is now; UsageError for one that cannot be tuned."""
    function = str(arn.unqualified)
    try:
        config = settled(client, function, None, sleep)
    except ClientError as exc:
        if not lacks_permission(exc):
            raise
        raise UsageError(
            f"the tuner may not touch {function}: deploy it with --parameter "
            f"TunableFunctionArns={function}"
        ) from exc
    check_kind(config)
    check_reported(config)
    if config.get("PackageType") == "Image":
        _may_publish_image(client, arn)
    target = target_of(arn, config)
    if not arn.qualifier:
        return target
    return replace(target, named_mb=_named(client, arn, config)["MemorySize"])


OTHER_KINDS = {
    "DurableConfig": "it is a durable function: one execution is many invocations that replay and "
    "wait, and only asynchronous ones may outlast 15 minutes, so that no invocation tells its "
    "time or its bill; tune the function that its steps call, or the same code without it",
    "CapacityProviderConfig": "it runs on Lambda Managed Instances, which are billed by the "
    "instance and not by GB-second; tune the same code on demand",
    "TenancyConfig": "its execution environments are isolated by tenant: every invocation needs "
    "the id of a tenant, in whose environment a run would act; tune the same code without it",
}
"""Settings by which invocations are not what a run measures, with what to do instead."""


def check_kind(config: Configuration) -> None:
    """UsageError for a function that is called or billed in ways of its own, a copy included."""
    for setting, why in OTHER_KINDS.items():
        if config.get(setting):
            raise UsageError(f"{config['FunctionName']} cannot be tuned: {why} ({setting})")


def check_reported(config: Configuration) -> None:
    """UsageError for a function whose invocations leave no report, by its log settings."""
    logging = config.get("LoggingConfig") or {}
    if logging.get("LogFormat") == "JSON" and logging.get("SystemLogLevel") == "WARN":
        raise UsageError(
            f"{config['FunctionName']} has LoggingConfig.SystemLogLevel WARN, which leaves no "
            "report of its invocations: set it to INFO, or tune a copy with --isolate"
        )


def remarks(target: Target, parallel: int, requested: int) -> list[str]:
    """What should be known of a run on this function, though it can be tuned."""
    texts = []
    if target.vpc:
        texts.append(
            f"{target.name} is in a VPC: the network interfaces of a new version may take a minute "
            "or more, which is waited for and not measured"
        )
    if target.timeout_s > END_WITHIN_S:
        texts.append(
            f"{target.name} may run for {target.timeout_s} s, longer than its tuner can wait: such "
            f"an invocation is given up after {END_WITHIN_S:.0f} s, never sent again, and "
            "completed from its REPORT line in CloudWatch Logs"
        )
    if parallel < requested:
        texts.append(
            f"the reserved concurrency of {target.name} lets {parallel} instead of "
            f"{requested} sizes be measured at once: the run takes longer"
        )
    return texts


def reserved_concurrency(client: Any, arn: FunctionArn) -> int | None:
    """The function's reserved concurrency; None where it has none."""
    answer = client.get_function(FunctionName=str(arn.unqualified))
    reserved = (answer.get("Concurrency") or {}).get("ReservedConcurrentExecutions")
    return None if reserved is None else int(reserved)


def usable(concurrent: int) -> int:
    """How many of so many concurrent executions a run may use: at most half, so that the function's
    own traffic always has at least one.

    >>> [usable(limit) for limit in (0, 1, 2, 5, 10)]
    [0, 0, 1, 2, 5]
    """
    return concurrent // 2


def check_reserved(name: str, reserved: int, environments: int, option: str) -> None:
    """UsageError where so many environments would leave too little for the function's traffic;
    `option` is how fewer of them are asked for."""
    if usable(reserved) >= environments:
        return
    fewer = f", or {option} {usable(reserved)}" if usable(reserved) else ""
    raise UsageError(
        f"{name} has a reserved concurrency of {reserved}, of which at least half stays for its "
        f"own traffic: too little for {environments} execution environments; raise it to "
        f"{2 * environments}{fewer}, or tune a copy, which shares none of it, with --isolate"
    )


def _may_publish_image(client: Any, arn: FunctionArn) -> None:
    """Publishing a container image needs rights on its repository, too. Asked for a digest that no
    code has, Lambda says whether it would, and publishes nothing; should it, the mark is ours."""
    probe = {"CodeSha256": "0" * 64, "Description": description("probe", Work(0, 0))}
    try:
        client.publish_version(FunctionName=str(arn.unqualified), **probe)
    except ClientError as exc:
        if lacks_permission(exc):
            raise UsageError(image_not_readable(arn.name)) from exc


def image_not_readable(name: str) -> str:
    """Why a function that is a container image cannot be published, and what to grant."""
    return (
        f"{name} is a container image and the tuner may not publish it: grant its control role "
        "ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on the repository"
    )


def lacks_permission(error: ClientError) -> bool:
    """Whether a permission is missing; what an organisation forbids says so itself."""
    return "AccessDenied" in str(error.response["Error"]["Code"]) and not denied_by(str(error))


def _named(client: Any, arn: FunctionArn, latest: Configuration) -> Configuration:
    """The version or alias that was named."""
    named = read(client, str(arn.unqualified), arn.qualifier)
    refuse_other_code(arn, named, latest)
    return named


def refuse_other_code(arn: FunctionArn, named: Configuration, latest: Configuration) -> None:
    """Sizes are published from `$LATEST`: a version or alias of other code cannot be tuned so."""
    if named["CodeSha256"] != latest["CodeSha256"]:
        raise UsageError(
            f"{arn.name}:{arn.qualifier} has other code than $LATEST, from which sizes are "
            "published; tune the function without a qualifier, deploy that code first, or tune a "
            "copy of that version with --isolate"
        )


def target_of(arn: FunctionArn, config: Configuration) -> Target:
    """The function as its configuration describes it."""
    logging = config.get("LoggingConfig") or {}
    return Target(
        arn=str(arn.unqualified),
        name=arn.name,
        region=arn.region,
        architecture=(config.get("Architectures") or ["x86_64"])[0],
        runtime=config.get("Runtime", "container image"),
        memory_mb=config["MemorySize"],
        timeout_s=config["Timeout"],
        code_sha256=config["CodeSha256"],
        log_group=logging.get("LogGroup") or f"/aws/lambda/{arn.name}",
        log_format=logging.get("LogFormat", "Text"),
        ephemeral_mb=(config.get("EphemeralStorage") or {}).get("Size", 512),
        image=config.get("PackageType") == "Image",
        snapstart=(config.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions",
        vpc=bool((config.get("VpcConfig") or {}).get("SubnetIds")),
        settings_sha256=settings_sha256(config),
    )


def refuse_weighted(client: Any, function: str, alias: str | None) -> None:
    """UsageError for an alias that shares its traffic out: whether the other versions keep their
    part when the winner is set is the user's to say, before anything is measured."""
    if not alias:
        return
    try:
        answer = client.get_alias(FunctionName=function, Name=alias)
    except client.exceptions.ResourceNotFoundException:
        return
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    if weights:
        shared = ", ".join(
            f"{format_part(share)} to version {name}" for name, share in weights.items()
        )
        raise UsageError(
            f'the alias "{alias}" sends {shared}: end that first (`aws lambda update-alias '
            f"--function-name {function} --name {alias} --routing-config "
            "AdditionalVersionWeights={}`), or give another alias"
        )
