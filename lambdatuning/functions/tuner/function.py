"""The function under test: its configuration, its versions, read, changed and waited for."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypedDict, cast

from ...core.errors import LambdaTuningError, NotFoundError, UsageError
from ...core.format import format_mb
from ...core.tuning.plan import Work

Sleep = Callable[[float], None]
WAIT_S = 300.0
_TRIES = 8
_CHANGED = "{} is being changed by someone else; start again when it is quiet"


class Configuration(TypedDict, total=False):
    """What Lambda answers of a function or a version of it: the fields that are read by name."""

    FunctionName: str
    FunctionArn: str
    Version: str
    Description: str
    RevisionId: str
    LastModified: str
    CodeSha256: str
    PackageType: str
    State: str
    StateReason: str
    LastUpdateStatus: str
    LastUpdateStatusReason: str
    LastUpdateStatusReasonCode: str
    MemorySize: int
    Timeout: int
    Runtime: str
    Architectures: list[str]
    KMSKeyArn: str
    Environment: Mapping[str, Mapping[str, str]]
    EphemeralStorage: Mapping[str, int]
    ImageConfigResponse: Mapping[str, Mapping[str, object]]
    Layers: list[Mapping[str, str]]
    LoggingConfig: Mapping[str, str]
    RuntimeVersionConfig: Mapping[str, str]
    SnapStart: Mapping[str, str]
    VpcConfig: Mapping[str, list[str]]


def read(client: Any, function: str, qualifier: str | None = None) -> Configuration:
    """GetFunctionConfiguration; NotFoundError when there is no such function."""
    qualified = {"Qualifier": qualifier} if qualifier else {}
    try:
        answer = client.get_function_configuration(FunctionName=function, **qualified)
    except client.exceptions.ResourceNotFoundException as exc:
        short = function.rpartition(":function:")[2]
        name = f"{short}:{qualifier}" if qualifier else short
        raise NotFoundError(
            f"there is no function {name}; check its name, region and account"
        ) from exc
    return cast(Configuration, answer)


def settled(
    client: Any, function: str, qualifier: str | None, sleep: Sleep, wait_s: float = WAIT_S
) -> Configuration:
    """The configuration once it is Active and its last update is through (AWS takes seconds)."""
    return _waited_for(client, function, qualifier, sleep, is_settled, wait_s)


def _waited_for(
    client: Any,
    function: str,
    qualifier: str | None,
    sleep: Sleep,
    is_over: Callable[[Configuration], bool],
    wait_s: float = WAIT_S,
) -> Configuration:
    waited, pause = 0.0, 0.05
    while True:
        config = read(client, function, qualifier)
        if is_over(config):
            return config
        if waited >= wait_s:
            state = f"{config.get('State')}/{config.get('LastUpdateStatus')}"
            raise LambdaTuningError(f"{function} is still {state} after {waited:.0f} s; try later")
        sleep(pause)
        waited += pause
        pause = min(2.0, pause * 1.5)


def is_settled(config: Configuration) -> bool:
    """Whether it can be used and changed; LambdaTuningError when it never will be."""
    state, update = config.get("State"), config.get("LastUpdateStatus")
    if state == "Failed" or update == "Failed":
        reason = config.get("StateReason") or config.get("LastUpdateStatusReason")
        raise LambdaTuningError(f"{config['FunctionArn']} is not usable: {reason}; fix it first")
    return state in {None, "Active", "Inactive"} and update in {None, "Successful"}


def _is_still(config: Configuration) -> bool:
    """Whether it can be changed, also after an update that failed: only a new one gets over it."""
    return config.get("State") != "Pending" and config.get("LastUpdateStatus") != "InProgress"


_SETTINGS = (
    "Runtime",
    "Role",
    "Handler",
    "Timeout",
    "KMSKeyArn",
    "Architectures",
    "FileSystemConfigs",
    "ImageConfigResponse",
    "TracingConfig",
    "DeadLetterConfig",
    "EphemeralStorage",
    "LoggingConfig",
)


def settings_sha256(config: Configuration) -> str:
    """What of a configuration is the user's, beside code, memory size and description, as a hash:
    another one says that somebody changed it. What Lambda changes by itself is not in it."""
    network = config.get("VpcConfig") or {}
    own: dict[str, object] = {
        name: value for name, value in config.items() if name in _SETTINGS and value
    }
    own |= {
        "Variables": (config.get("Environment") or {}).get("Variables") or {},
        "Layers": [layer["Arn"] for layer in config.get("Layers") or []],
        "Network": [sorted(network.get(n) or []) for n in ("SubnetIds", "SecurityGroupIds")],
        "SnapStart": (config.get("SnapStart") or {}).get("ApplyOn", "None"),
    }
    return hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest()


def set_memory(client: Any, function: str, memory_mb: int, sleep: Sleep) -> Configuration:
    """Give `$LATEST` a memory size and wait until it has it; returns the configuration.

    The revision guards against a change between reading and writing. Lambda makes new revisions
    by itself when a state settles, so a refusal alone is no foreign change and is tried again. A
    size that is another one after all is: LambdaTuningError, since two would fight over it.
    UsageError for a size that Lambda refuses, at once or when it made the change; after that the
    function can be given another one, as it must be to be as it was.
    """
    for tries in range(1, _TRIES + 1):
        config = _waited_for(client, function, None, sleep, _is_still)
        if config["MemorySize"] == memory_mb and config.get("LastUpdateStatus") != "Failed":
            return config
        try:
            client.update_function_configuration(
                FunctionName=function, MemorySize=memory_mb, RevisionId=config["RevisionId"]
            )
        except client.exceptions.InvalidParameterValueException as exc:
            reason = exc.response["Error"]["Message"]
            raise UsageError(f"{format_mb(memory_mb)} is refused: {reason}") from exc
        except (
            client.exceptions.PreconditionFailedException,
            client.exceptions.ResourceConflictException,
        ):
            sleep(0.2 * tries)
            continue
        config = _waited_for(client, function, None, sleep, _is_still)
        if config.get("LastUpdateStatus") == "Failed":
            reason = config.get("LastUpdateStatusReason") or config.get(
                "LastUpdateStatusReasonCode"
            )
            raise UsageError(f"{format_mb(memory_mb)} could not be set: {reason}")
        if config["MemorySize"] == memory_mb:
            return config
        break
    raise LambdaTuningError(_CHANGED.format(function))


# Published versions of a run: ours bear the exact mark of one, and nothing else is removed.


_MARK = re.compile(
    r"lambdatuning (?P<run_id>\S+) (?P<memory_mb>[1-9][0-9]*) MB round (0|[1-9][0-9]*)"
)
Confirms = Callable[[str], bool]
"""Whether a run of that id is known: by the lock that it holds, or by its plan in the bucket."""
_SPARE = 9_999
"""The round that a spare version is marked with."""


def description(run_id: str, work: Work) -> str:
    """What a version of ours is called."""
    return f"lambdatuning {run_id} {work.memory_mb} MB round {work.round}"


def run_of(version: Configuration) -> str:
    """The id of the run whose exact mark a version bears; "" for any other: a description that only
    begins like ours, or whose size is not that of the version, is somebody else's."""
    match = _MARK.fullmatch(version.get("Description", ""))
    if not match or version["Version"] == "$LATEST":
        return ""
    return match["run_id"] if int(match["memory_mb"]) == version["MemorySize"] else ""


def spare_mb(memory_mb: int) -> int:
    """The size of a version that only stands between two others."""
    return memory_mb + 1 if memory_mb < 1024 else memory_mb - 1


def publish(client: Any, function: str, run_id: str, work: Work, sleep: Sleep) -> str:
    """Publish `$LATEST` at a memory size; the version's number. It may still be Pending.

    Lambda publishes nothing when nothing changed since the last version, and answers with that
    one. The user's own serves as well and, lacking our mark, is never removed; but one of ours
    stands for other work, and cold starts need a version that nobody used: a spare of another
    size, published in between, makes it a change.
    """
    version = _published(client, function, run_id, work, sleep)
    if _serves(version, run_id, work):
        return str(version["Version"])
    _published(client, function, run_id, Work(spare_mb(work.memory_mb), _SPARE), sleep)
    version = _published(client, function, run_id, work, sleep)
    if not _serves(version, run_id, work):
        raise LambdaTuningError(
            f"{function} publishes no new version at {format_mb(work.memory_mb)}"
        )
    return str(version["Version"])


def publish_for_good(client: Any, function: str, run_id: str, memory_mb: int, sleep: Sleep) -> str:
    """Publish a version that is the user's from now on: never one that carries our mark."""
    set_memory(client, function, memory_mb, sleep)
    version = _publish(client, function, {}, sleep)
    if run_of(version):
        _published(client, function, run_id, Work(spare_mb(memory_mb), _SPARE), sleep)
        set_memory(client, function, memory_mb, sleep)
        version = _publish(client, function, {}, sleep)
    return str(version["Version"])


def version_numbers(client: Any, function: str) -> set[str]:
    """The numbers of all published versions."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    return {version["Version"] for page in pages for version in page["Versions"]} - {"$LATEST"}


def marked_versions(
    client: Any, function: str, run_id: str | None = None
) -> Iterator[Configuration]:
    """The versions that bear the mark of a run; only one run's with `run_id`."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    for page in pages:
        for version in page["Versions"]:
            owner = run_of(version)
            if owner and run_id in (None, owner):
                yield version


def remove(client: Any, function: str, confirms: Confirms) -> list[str]:
    """Delete the versions of runs that are confirmed; the numbers of those that went."""
    removed = []
    for version in [v for v in marked_versions(client, function) if confirms(run_of(v))]:
        try:
            client.delete_function(FunctionName=function, Qualifier=version["Version"])
        except client.exceptions.ResourceNotFoundException:
            continue
        except client.exceptions.ResourceConflictException:
            continue  # the user pointed an alias at it: it is in use, and theirs to remove
        removed.append(version["Version"])
    return removed


def _published(client: Any, function: str, run_id: str, work: Work, sleep: Sleep) -> Configuration:
    config = set_memory(client, function, work.memory_mb, sleep)
    marked = {"CodeSha256": config["CodeSha256"], "Description": description(run_id, work)}
    version = _publish(client, function, marked, sleep)
    if version["MemorySize"] != work.memory_mb:
        # Somebody changed the size at this moment. By its size the mark is not that of a run.
        if version.get("Description") == marked["Description"]:
            client.delete_function(FunctionName=function, Qualifier=version["Version"])
        raise LambdaTuningError(_CHANGED.format(function))
    return version


def _publish(client: Any, function: str, options: dict[str, str], sleep: Sleep) -> Configuration:
    """PublishVersion; a version that is still being made is waited for."""
    for tries in range(1, _TRIES + 1):
        try:
            return cast(Configuration, client.publish_version(FunctionName=function, **options))
        except client.exceptions.ResourceConflictException:
            if tries == _TRIES:
                raise
            sleep(0.2 * tries)
    raise AssertionError("the last try returns or raises")


def _serves(version: Configuration, run_id: str, work: Work) -> bool:
    text = version.get("Description", "")
    if text == description(run_id, work):
        return True
    return work.round == 0 and not run_of(version)
