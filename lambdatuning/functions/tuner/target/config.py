"""The function under test: its configuration, read, changed and waited for."""

from collections.abc import Callable
from typing import Any

from ....core.errors import LambdaTuningError, NotFoundError, UsageError

Sleep = Callable[[float], None]
WAIT_S = 300.0
_TRIES = 8


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


def settled(
    client: Any, function: str, qualifier: str | None, sleep: Sleep, wait_s: float = WAIT_S
) -> dict[str, Any]:
    """The configuration once it is Active and its last update is through (AWS takes seconds)."""
    waited, pause = 0.0, 0.05
    while True:
        config = read(client, function, qualifier)
        if is_settled(config):
            return config
        if waited >= wait_s:
            state = f"{config.get('State')}/{config.get('LastUpdateStatus')}"
            raise LambdaTuningError(f"{function} is still {state} after {waited:.0f} s; try later")
        sleep(pause)
        waited += pause
        pause = min(2.0, pause * 1.5)


def is_settled(config: dict[str, Any]) -> bool:
    """Whether it can be used and changed; LambdaTuningError when it never will be."""
    state, update = config.get("State"), config.get("LastUpdateStatus")
    if state == "Failed" or update == "Failed":
        reason = config.get("StateReason") or config.get("LastUpdateStatusReason")
        raise LambdaTuningError(f"{config['FunctionArn']} is not usable: {reason}; mend it first")
    return state in {None, "Active", "Inactive"} and update in {None, "Successful"}


def set_memory(client: Any, function: str, memory_mb: int, sleep: Sleep) -> dict[str, Any]:
    """Give `$LATEST` a memory size and wait until it has it; returns the configuration.

    The revision guards against a change between reading and writing. Lambda makes new revisions
    by itself when a state settles, so a refusal alone is no foreign change and is tried again. A
    size that is another one after all is: LambdaTuningError, since two would fight over it.
    """
    for tries in range(1, _TRIES + 1):
        config = settled(client, function, None, sleep)
        if config["MemorySize"] == memory_mb:
            return config
        try:
            client.update_function_configuration(
                FunctionName=function, MemorySize=memory_mb, RevisionId=config["RevisionId"]
            )
        except client.exceptions.InvalidParameterValueException as exc:
            reason = exc.response["Error"]["Message"]
            raise UsageError(f"{memory_mb} MB is refused: {reason}") from exc
        except (
            client.exceptions.PreconditionFailedException,
            client.exceptions.ResourceConflictException,
        ):
            sleep(0.2 * tries)
            continue
        config = settled(client, function, None, sleep)
        if config["MemorySize"] == memory_mb:
            return config
        break
    raise LambdaTuningError(
        f"{function} is being changed by someone else; start again when it is quiet"
    )
