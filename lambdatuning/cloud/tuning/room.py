"""How many sizes can be measured side by side, and what should be known before a run begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ...core.arn import FunctionArn
from ...core.contract import DEFAULT_PARALLEL_SIZES
from ...core.errors import UsageError
from ...core.host import beyond_note
from ...functions.tuner.target.target import remarks, target_of
from ..session import Cloud


@dataclass(frozen=True)
class Room:
    """Sizes at once, the cores that each has there (None: no host is shared), and remarks that are
    told with the price."""

    sizes: int
    cores: float | None
    notes: tuple[str, ...]


def room_for(
    cloud: Cloud,
    arn: FunctionArn,
    config: Mapping[str, Any],
    environments: int,
    sizes_mb: Sequence[int] = (),
) -> Room:
    """What quotas leave for a function with so many environments a size; UsageError for too little.

    The tuner sees to the function's own concurrency as well; here it is said before anything
    starts, as are sizes beyond the cores of an embedded AWS. Quotas that may not be read bound
    nothing.
    """
    wanted = _wanted(cloud)
    reserved = _reserved(cloud, arn, environments)
    free = None if reserved is not None else _free(cloud, arn.region)
    sizes = min(wanted, reserved or wanted, _by_account(free, environments) or wanted)
    notes = remarks(target_of(arn, config), wanted if reserved is None else sizes, wanted)
    if reserved is None and sizes < wanted:
        notes.append(
            f"{free} unreserved concurrent executions let {sizes} instead of {wanted} sizes be "
            "measured at once: the run takes longer"
        )
    beyond = beyond_note(cloud.endpoint, sizes_mb)
    notes += [beyond] if beyond else []
    shared = cloud.about.get("measuring_cores")
    return Room(sizes, None if shared is None else float(shared) / sizes, tuple(notes))


def _wanted(cloud: Cloud) -> int:
    """Sizes side by side: as AWS allows, on one host as its cores allow."""
    cores = cloud.about.get("cores")
    return DEFAULT_PARALLEL_SIZES if cores is None else max(1, int(cores) // 2)


def _reserved(cloud: Cloud, arn: FunctionArn, environments: int) -> int | None:
    """How many sizes the function's reserved concurrency allows; None where it has none."""
    client = cloud.client("lambda", region=arn.region)
    name = str(arn.unqualified)
    answer = _asked(lambda: client.get_function_concurrency(FunctionName=name))
    reserved = (answer or {}).get("ReservedConcurrentExecutions")
    if reserved is None:
        return None
    if reserved < environments:
        raise UsageError(
            f"{arn.name} has a reserved concurrency of {reserved}, below the {environments} "
            "execution environments a size: raise it, or pass --environments "
            f"{max(int(reserved), 1)}"
        )
    return int(reserved) // environments


def _free(cloud: Cloud, region: str) -> int | None:
    client = cloud.client("lambda", region=region)
    answer = _asked(client.get_account_settings)
    return None if answer is None else int(answer["AccountLimit"]["UnreservedConcurrentExecutions"])


def _by_account(free: int | None, environments: int) -> int | None:
    """Each size needs its environments, and a function of the tuner that invokes them."""
    if free is None:
        return None
    if free <= environments:
        raise UsageError(
            f"this account may run {free} functions at once, too few for {environments} "
            f"environments and the tuner: pass --environments {max(free - 1, 1)}, or ask Service "
            "Quotas for more (L-B99A9384)"
        )
    return free // (environments + 1)


def _asked(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except ClientError as exc:
        if "AccessDenied" in exc.response["Error"]["Code"]:
            return None
        raise
