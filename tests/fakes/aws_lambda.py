"""Lambda's control API, S3, Logs and Step Functions in memory, as far as the tuner uses them.

They do what emulators do not: settle slowly, make new revisions by themselves, refuse, throttle.
"""

# ruff: noqa: N803 - arguments are named as boto3 names them
import base64
import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

ARN = "arn:aws:lambda:us-east-1:111122223333:function:shop"


def refusal(code: str, operation: str = "Call", message: str = "no") -> ClientError:
    """What boto3 raises."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class _Exceptions:
    """`client.exceptions`: one class a code, as boto3 makes them."""

    ClientError = ClientError

    def __init__(self, *codes: str) -> None:
        for code in codes:
            setattr(self, code, type(code, (ClientError,), {}))

    def make(self, code: str, operation: str) -> Exception:
        kind = getattr(self, code, ClientError)
        made: Exception = kind({"Error": {"Code": code, "Message": "no"}}, operation)
        return made


class _Client:
    """Faults: `faults[operation]` holds error codes (None for success) that come next."""

    codes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.exceptions = _Exceptions(*self.codes)
        self.faults: dict[str, list[str | None]] = {}
        self.calls: list[str] = []

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        waiting = self.faults.get(operation)
        code = waiting.pop(0) if waiting else None
        if code:
            raise self.exceptions.make(code, operation)


@dataclass(frozen=True)
class Pages:
    """A paginator over one list."""

    pages: Callable[..., Iterator[dict[str, Any]]]

    def paginate(self, **given: Any) -> Iterator[dict[str, Any]]:
        return self.pages(**given)


class FakeLambda(_Client):
    """One function, its versions and aliases; a change takes `slow` readings to settle."""

    codes = (
        "ResourceNotFoundException",
        "ResourceConflictException",
        "PreconditionFailedException",
        "InvalidParameterValueException",
    )

    def __init__(self, memory_mb: int = 128, *, slow: int = 0, largest_mb: int = 10_240) -> None:
        super().__init__()
        self.slow, self.largest_mb = slow, largest_mb
        self.pending = 0
        self.failing_mb: set[int] = set()
        self.config: Any = {
            "FunctionName": "shop",
            "FunctionArn": ARN,
            "MemorySize": memory_mb,
            "Timeout": 3,
            "Runtime": "python3.12",
            "CodeSha256": "code",
            "RevisionId": "r0",
            "Description": "mine",
            "Version": "$LATEST",
            "State": "Active",
            "LastUpdateStatus": "Successful",
        }
        self.versions: dict[str, dict[str, Any]] = {}
        self.aliases: dict[str, dict[str, Any]] = {}
        self.reserved: int | None = None
        self.unreserved = 1_000
        self.others: list[dict[str, Any]] = []
        self.mappings: list[dict[str, Any]] = []
        self.policy: dict[str, Any] = {}
        self.url = ""
        self.urls: list[dict[str, Any]] = []
        self.event_settings: list[dict[str, Any]] = []
        self.recursive_loop = "Terminate"
        self.next_version = 1
        self.answers: list[Any] = []
        self.invoked: list[tuple[str, Any]] = []
        self._requests = itertools.count(1)

    @property
    def memory_mb(self) -> int:
        return int(self.config["MemorySize"])

    @property
    def marked(self) -> list[str]:
        return [n for n, v in self.versions.items() if "lambdatuning" in v["Description"]]

    def get_function_configuration(
        self, FunctionName: str, Qualifier: str = "$LATEST"
    ) -> dict[str, Any]:
        self._called("GetFunctionConfiguration")
        config = self._find(FunctionName, Qualifier)
        if config is self.config and self.pending:
            self.pending -= 1
            return {**config, "LastUpdateStatus": "InProgress"}
        return dict(config)

    def get_function(self, FunctionName: str) -> dict[str, Any]:
        self._called("GetFunction")
        config = self._find(FunctionName, "$LATEST")
        reserved = {"ReservedConcurrentExecutions": self.reserved}
        return {"Configuration": config, **({} if self.reserved is None else
                                            {"Concurrency": reserved})}  # fmt: skip

    def get_function_concurrency(self, FunctionName: str) -> dict[str, Any]:
        self._called("GetFunctionConcurrency")
        return {} if self.reserved is None else {"ReservedConcurrentExecutions": self.reserved}

    def get_policy(self, FunctionName: str) -> dict[str, Any]:
        self._called("GetPolicy")
        if not self.policy:
            raise self.exceptions.make("ResourceNotFoundException", "GetPolicy")
        return {"Policy": json.dumps(self.policy)}

    def get_function_url_config(self, FunctionName: str) -> dict[str, Any]:
        self._called("GetFunctionUrlConfig")
        if not self.url:
            raise self.exceptions.make("ResourceNotFoundException", "GetFunctionUrlConfig")
        return {"FunctionUrl": self.url}

    def list_function_url_configs(self, FunctionName: str) -> dict[str, Any]:
        self._called("ListFunctionUrlConfigs")
        return {"FunctionUrlConfigs": self.urls}

    def list_function_event_invoke_configs(self, FunctionName: str) -> dict[str, Any]:
        self._called("ListFunctionEventInvokeConfigs")
        return {"FunctionEventInvokeConfigs": self.event_settings}

    def get_function_recursion_config(self, FunctionName: str) -> dict[str, Any]:
        self._called("GetFunctionRecursionConfig")
        return {"RecursiveLoop": self.recursive_loop}

    def get_account_settings(self) -> dict[str, Any]:
        self._called("GetAccountSettings")
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.unreserved}}

    def update_function_configuration(
        self, FunctionName: str, MemorySize: int, RevisionId: str
    ) -> None:
        self._called("UpdateFunctionConfiguration")
        self._find(FunctionName, "$LATEST")
        if RevisionId != self.config["RevisionId"]:
            raise self.exceptions.make("PreconditionFailedException", "Update")
        if MemorySize > self.largest_mb:
            raise self.exceptions.make("InvalidParameterValueException", "Update")
        failed = MemorySize in self.failing_mb
        self.change(
            MemorySize=MemorySize,
            LastUpdateStatus="Failed" if failed else "Successful",
            LastUpdateStatusReason="no address is left in the subnet" if failed else None,
        )
        self.pending = self.slow

    def change(self, **settings: Any) -> None:
        """What somebody else may do, too."""
        self.config |= {**settings, "RevisionId": f"{self.config['RevisionId']}+"}

    def publish_version(self, FunctionName: str, **given: str) -> dict[str, Any]:
        self._called("PublishVersion")
        self._find(FunctionName, "$LATEST")
        latest = max(self.versions, key=int, default="")
        content = ("MemorySize", "CodeSha256")
        if latest and all(self.versions[latest][c] == self.config[c] for c in content):
            return dict(self.versions[latest])
        number, self.next_version = str(self.next_version), self.next_version + 1
        description = given.get("Description") or self.config["Description"]
        self.versions[number] = {**self.config, "Version": number, "Description": description}
        return dict(self.versions[number])

    def delete_function(self, FunctionName: str, Qualifier: str = "") -> None:
        self._called("DeleteFunction")
        if not Qualifier:
            assert FunctionName != ARN, "the user's function is never deleted"
            self.others = [o for o in self.others if o["FunctionName"] != FunctionName]
            return
        if any(alias["FunctionVersion"] == Qualifier for alias in self.aliases.values()):
            raise self.exceptions.make("ResourceConflictException", "DeleteFunction")
        if self.versions.pop(Qualifier, None) is None:
            raise self.exceptions.make("ResourceNotFoundException", "DeleteFunction")

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, Any]:
        self._called("GetAlias")
        return dict(self._alias(Name))

    def create_alias(
        self, FunctionName: str, Name: str, FunctionVersion: str, Description: str = ""
    ) -> None:
        self._called("CreateAlias")
        if Name in self.aliases:
            raise self.exceptions.make("ResourceConflictException", "CreateAlias")
        self.aliases[Name] = {
            "Name": Name, "FunctionVersion": FunctionVersion, "Description": Description,
            "RevisionId": "a0",
        }  # fmt: skip

    def update_alias(self, FunctionName: str, Name: str, **given: Any) -> None:
        self._called("UpdateAlias")
        alias = self._alias(Name)
        if given.pop("RevisionId", alias["RevisionId"]) != alias["RevisionId"]:
            raise self.exceptions.make("PreconditionFailedException", "UpdateAlias")
        alias |= {**given, "RevisionId": alias["RevisionId"] + "+"}

    def delete_alias(self, FunctionName: str, Name: str) -> None:
        self._called("DeleteAlias")
        self.aliases.pop(Name, None)

    def invoke(self, FunctionName: str, Payload: bytes, LogType: str = "None") -> dict[str, Any]:
        self._called("Invoke")
        self.invoked.append((FunctionName, json.loads(Payload)))
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answered(f"{next(self._requests):08x}-0000-0000-0000-000000000000", **answer)

    def get_paginator(self, name: str) -> Pages:
        if name == "list_functions":
            return Pages(self._functions)
        if name == "list_event_source_mappings":
            return Pages(self._mappings)
        if name == "list_aliases":
            return Pages(self._aliases)
        return Pages(lambda **_: iter([{"Versions": [self.config]},
                                       {"Versions": list(self.versions.values())}]))  # fmt: skip

    def _functions(self, **_: Any) -> Iterator[dict[str, Any]]:
        self._called("ListFunctions")
        yield {"Functions": [self.config, *self.others]}

    def _mappings(self, **_: Any) -> Iterator[dict[str, Any]]:
        self._called("ListEventSourceMappings")
        yield from ({"EventSourceMappings": [mapping]} for mapping in self.mappings)

    def _aliases(self, FunctionName: str, FunctionVersion: str) -> Iterator[dict[str, Any]]:
        self._called("ListAliases")
        aliases = self.aliases.values()
        yield {"Aliases": [each for each in aliases if each["FunctionVersion"] == FunctionVersion]}

    def _alias(self, name: str) -> dict[str, Any]:
        if name not in self.aliases:
            raise self.exceptions.make("ResourceNotFoundException", "GetAlias")
        return self.aliases[name]

    def _find(self, name: str, qualifier: str) -> dict[str, Any]:
        configurations: dict[str, dict[str, Any]] = {"$LATEST": self.config, **self.versions}
        if name not in (ARN, "shop") or qualifier not in configurations:
            raise self.exceptions.make("ResourceNotFoundException", "GetFunctionConfiguration")
        return configurations[qualifier]


def answered(
    request_id: str,
    *,
    ms: float = 10.0,
    billed_ms: int = 10,
    init_ms: float | None = None,
    error: str = "",
    message: str = "",
    report: bool = True,
    used_mb: int = 40,
) -> dict[str, Any]:
    """An answer of Invoke with LogType=Tail."""
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {ms:.2f} ms\tBilled Duration: {billed_ms} ms\t"
        f"Memory Size: 128 MB\tMax Memory Used: {used_mb} MB\t"
    )
    line += f"Init Duration: {init_ms:.2f} ms\t" if init_ms is not None else ""
    payload = {"errorType": error, "errorMessage": message} if error else {"ok": True}
    return {
        "ResponseMetadata": {"RequestId": request_id},
        "LogResult": base64.b64encode(line.encode() if report else b"hello").decode(),
        "Payload": io.BytesIO(json.dumps(payload).encode()),
        **({"FunctionError": "Unhandled"} if error else {}),
    }


class FakeS3(_Client):
    """Objects of one bucket."""

    codes = ("NoSuchKey",)

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str = "") -> None:
        self._called("PutObject")
        self.objects[Key] = Body

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        self._called("GetObject")
        if Key not in self.objects:
            raise self.exceptions.make("NoSuchKey", "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def get_paginator(self, _: str) -> Pages:
        return Pages(self._pages)

    def _pages(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        keys = [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]
        yield {"Contents": keys} if keys else {}


class FakeLogs(_Client):
    """REPORT lines by stream; `late` readings come before any of them is there."""

    def __init__(self, late: int = 0) -> None:
        super().__init__()
        self.late = late
        self.events: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []

    def add(self, request_id: str, stream: str) -> None:
        self.events.append(
            {"message": f"REPORT RequestId: {request_id}\tDuration: 1 ms", "logStreamName": stream}
        )

    def tell(self, stream: str, timestamp_ms: int, *messages: str) -> None:
        """Lines as they stand, all at one moment."""
        for message in messages:
            self.events.append(
                {"message": message, "logStreamName": stream, "timestamp": timestamp_ms}
            )

    def get_paginator(self, _: str) -> Pages:
        return Pages(self._pages)

    def _pages(self, **given: Any) -> Iterator[dict[str, Any]]:
        self._called("FilterLogEvents")
        self.requests.append(given)
        if len(self.requests) <= self.late:
            yield {"events": []}
            return
        prefix = given["logStreamNamePrefix"]
        yield {"events": [e for e in self.events if e["logStreamName"].startswith(prefix)]}


@dataclass
class FakeStates:
    """Executions by ARN, with their status."""

    statuses: dict[str, str] = field(default_factory=dict)
    stopped_at: datetime | None = None
    refuses: str = ""
    exceptions: Any = field(default_factory=_Exceptions)
    meta: Any = field(default_factory=lambda: SimpleNamespace(region_name="us-east-1"))

    def start_execution(self, **_: str) -> dict[str, Any]:
        raise refusal("AccessDeniedException")

    def describe_execution(self, executionArn: str) -> dict[str, Any]:
        if self.refuses:
            raise refusal(self.refuses)
        if executionArn not in self.statuses:
            raise refusal("ExecutionDoesNotExist")
        started = datetime(2026, 11, 23, 9, tzinfo=UTC)
        status = {"status": self.statuses[executionArn], "startDate": started}
        return status | ({"stopDate": self.stopped_at} if self.stopped_at else {})
