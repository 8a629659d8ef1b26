"""Published versions of a run: ours are known by their description and nothing else is removed."""

from collections.abc import Iterator
from typing import Any

from .function_config import Sleep, set_memory, settled

_MARK = "lambdatuning "


def description(run_id: str, memory_mb: int) -> str:
    """What a version of ours is called."""
    return f"{_MARK}{run_id} {memory_mb} MB"


def publish(client: Any, function: str, run_id: str, memory_mb: int, sleep: Sleep) -> str:
    """Publish `$LATEST` at a memory size and wait until the version is Active; its number.

    Lambda publishes nothing when nothing changed since the last version, and answers with that
    one: it may be the user's own, which serves as well and, lacking our mark, is never removed.
    """
    config = set_memory(client, function, memory_mb, sleep)
    version = client.publish_version(
        FunctionName=function,
        CodeSha256=config["CodeSha256"],
        Description=description(run_id, memory_mb),
    )["Version"]
    settled(client, function, version, sleep)
    return str(version)


def ours(client: Any, function: str, run_id: str | None = None) -> Iterator[dict[str, Any]]:
    """The versions that runs of ours published; only one run's with `run_id`."""
    wanted = f"{_MARK}{run_id} " if run_id else _MARK
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    for page in pages:
        for version in page["Versions"]:
            if version["Version"] != "$LATEST" and version["Description"].startswith(wanted):
                yield version


def remove(client: Any, function: str, run_id: str | None = None) -> list[str]:
    """Delete our versions; the numbers of those that went."""
    gone = []
    for version in list(ours(client, function, run_id)):
        try:
            client.delete_function(FunctionName=function, Qualifier=version["Version"])
        except client.exceptions.ResourceNotFoundException:
            continue
        except client.exceptions.ResourceConflictException:
            # An alias of the user points at it: the winner, published once and for good.
            continue
        gone.append(version["Version"])
    return gone
