"""The function under test, before anything is changed: what cannot be tuned is refused."""

from typing import Any

from ...core.arn import FunctionArn
from ...core.billing import check_on_demand
from ...core.errors import UsageError
from ...core.run import Target
from .function_config import Sleep, read, settled


def look_at(client: Any, arn: FunctionArn, sleep: Sleep) -> Target:
    """The function as it is now; UsageError for one that cannot be tuned."""
    function = str(arn.unqualified)
    config = settled(client, function, None, sleep)
    check_on_demand(config)
    if arn.qualifier:
        _same_code(client, arn, config)
    return _target(arn, config)


def concurrency(client: Any, arn: FunctionArn, environments: int, sizes: int) -> int:
    """How many sizes can be measured at once with the function's reserved concurrency."""
    answer = client.get_function(FunctionName=str(arn.unqualified))
    reserved = (answer.get("Concurrency") or {}).get("ReservedConcurrentExecutions")
    if reserved is None:
        return sizes
    if reserved < environments:
        raise UsageError(
            f"{arn.name} has a reserved concurrency of {reserved}, below the {environments} "
            f'execution environments asked for; raise it, or pass "environments": '
            f"{max(int(reserved), 1)} or less"
        )
    return min(sizes, int(reserved) // environments)


def _same_code(client: Any, arn: FunctionArn, latest: dict[str, Any]) -> None:
    """Sizes are published from `$LATEST`: a version or alias of other code cannot be tuned so."""
    qualified = read(client, str(arn.unqualified), arn.qualifier)
    if qualified["CodeSha256"] != latest["CodeSha256"]:
        raise UsageError(
            f"{arn.name}:{arn.qualifier} has other code than $LATEST, from which sizes are "
            "published; tune the function without a qualifier, or deploy that code first"
        )


def _target(arn: FunctionArn, config: dict[str, Any]) -> Target:
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
    )
