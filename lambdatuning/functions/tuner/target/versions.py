"""Published versions of a run: ours are known by their description and nothing else is removed."""

from collections.abc import Iterator
from typing import Any

from ....core.errors import LambdaTuningError
from ....core.plan import Work
from .config import Sleep, set_memory

_MARK = "lambdatuning "
_SPARE = 9_999
_TRIES = 8


def description(run_id: str, work: Work) -> str:
    """What a version of ours is called."""
    return f"{_MARK}{run_id} {work.memory_mb} MB round {work.round}"


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
    found = _published(client, function, run_id, work, sleep)
    if _serves(found, run_id, work):
        return str(found["Version"])
    _published(client, function, run_id, Work(spare_mb(work.memory_mb), _SPARE), sleep)
    found = _published(client, function, run_id, work, sleep)
    if not _serves(found, run_id, work):
        raise LambdaTuningError(f"{function} publishes no new version at {work.memory_mb} MB")
    return str(found["Version"])


def publish_for_good(client: Any, function: str, run_id: str, memory_mb: int, sleep: Sleep) -> str:
    """Publish a version that is the user's from now on: never one that carries our mark."""
    set_memory(client, function, memory_mb, sleep)
    found = _publish(client, function, {}, sleep)
    if found["Description"].startswith(_MARK):
        _published(client, function, run_id, Work(spare_mb(memory_mb), _SPARE), sleep)
        set_memory(client, function, memory_mb, sleep)
        found = _publish(client, function, {}, sleep)
    return str(found["Version"])


def ours(client: Any, function: str, run_id: str | None = None) -> Iterator[dict[str, Any]]:
    """The versions that runs of ours published; only one run's with `run_id`."""
    wanted = f"{_MARK}{run_id} " if run_id else _MARK
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    for page in pages:
        for version in page["Versions"]:
            text = version.get("Description", "")
            if version["Version"] != "$LATEST" and text.startswith(wanted):
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
            continue  # the user pointed an alias at it: it is in use, and theirs to remove
        gone.append(version["Version"])
    return gone


def _published(client: Any, function: str, run_id: str, work: Work, sleep: Sleep) -> dict[str, Any]:
    config = set_memory(client, function, work.memory_mb, sleep)
    marked = {"CodeSha256": config["CodeSha256"], "Description": description(run_id, work)}
    return _publish(client, function, marked, sleep)


def _publish(client: Any, function: str, given: dict[str, str], sleep: Sleep) -> dict[str, Any]:
    """PublishVersion; a version that is still being made is waited for."""
    for tries in range(1, _TRIES + 1):
        try:
            return dict(client.publish_version(FunctionName=function, **given))
        except client.exceptions.ResourceConflictException:
            if tries == _TRIES:
                raise
            sleep(0.2 * tries)
    raise AssertionError("the last try returns or raises")


def _serves(version: dict[str, Any], run_id: str, work: Work) -> bool:
    text = version.get("Description", "")
    if text == description(run_id, work):
        return True
    return work.round == 0 and not text.startswith(_MARK)
