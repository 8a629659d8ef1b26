"""The function under test: its configuration, read, changed and waited for."""

from collections.abc import Callable
from typing import Any

from ...core.errors import LambdaTuningError, NotFoundError, UsageError

Sleep = Callable[[float], None]
_WAIT_S = 300.0


def read(client: Any, function: str, qualifier: str | None = None) -> dict[str, Any]:
    """GetFunctionConfiguration; NotFoundError when there is no such function."""
    qualified = {"Qualifier": qualifier} if qualifier else {}
    try:
        answer = client.get_function_configuration(FunctionName=function, **qualified)
    except client.exceptions.ResourceNotFoundException as exc:
        name = f"{function}:{qualifier}" if qualifier else function
        raise NotFoundError(
            f"there is no function {name}; check its name, region and account"
        ) from exc
    return dict(answer)


def settled(client: Any, function: str, qualifier: str | None, sleep: Sleep) -> dict[str, Any]:
    """The configuration once it is Active and its last update is through (AWS takes seconds)."""
    waited, pause = 0.0, 0.1
    while True:
        config = read(client, function, qualifier)
        state, update = config.get("State"), config.get("LastUpdateStatus")
        if state in {None, "Active", "Inactive"} and update in {None, "Successful"}:
            return config
        if state == "Failed" or update == "Failed":
            reason = config.get("StateReason") or config.get("LastUpdateStatusReason")
            raise LambdaTuningError(f"{function} is not usable: {reason}; mend it first")
        if waited > _WAIT_S:
            raise LambdaTuningError(f"{function} is still {state}/{update} after {_WAIT_S:.0f} s")
        sleep(pause)
        waited += pause
        pause = min(2.0, pause * 1.5)


def set_memory(client: Any, function: str, memory_mb: int, sleep: Sleep) -> dict[str, Any]:
    """Give `$LATEST` a memory size and wait until it has it; returns the configuration."""
    config = settled(client, function, None, sleep)
    if config["MemorySize"] == memory_mb:
        return config
    try:
        client.update_function_configuration(
            FunctionName=function, MemorySize=memory_mb, RevisionId=config["RevisionId"]
        )
    except client.exceptions.InvalidParameterValueException as exc:
        raise UsageError(f"{memory_mb} MB is refused: {exc.response['Error']['Message']}") from exc
    except client.exceptions.PreconditionFailedException as exc:
        raise LambdaTuningError(
            f"{function} was changed by someone else during the run; start again when it is quiet"
        ) from exc
    return settled(client, function, None, sleep)
