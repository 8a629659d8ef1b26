"""What Lambda refuses is refused, in its words."""

import functools
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.conftest import PYTHON, ROLE, Cloud, package
from tests.local.plain_http import send
from tests.waiting import until

ONE = "def handler(event, context):\n    return 1\n"
FAILED = "failed to satisfy constraint: Member must "


@functools.cache
def _unchecked(url: str) -> Any:
    """A client that sends what boto3 would refuse."""
    return boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


def _refused(cloud: Cloud, **settings: Any) -> tuple[str, str]:
    """Name and text of the error of CreateFunction."""
    given = {
        "FunctionName": "refused",
        "Runtime": PYTHON,
        "Role": ROLE,
        "Handler": "app.handler",
        "Code": {"ZipFile": package({"app.py": ONE})},
        **settings,
    }
    with pytest.raises(ClientError) as refused:
        _unchecked(cloud.endpoint.url).create_function(**given)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"MemorySize": 20_000}, "'20000' at 'memorySize' ... value less than or equal to 10240"),
        ({"MemorySize": 127}, "'127' at 'memorySize' ... value greater than or equal to 128"),
        ({"Timeout": 901}, "'901' at 'timeout' ... value less than or equal to 900"),
        (
            {"EphemeralStorage": {"Size": 20_480}},
            "'20480' at 'ephemeralStorage.size' ... value less than or equal to 10240",
        ),
        (
            {"FunctionName": "x" * 65},
            f"'{'x' * 65}' at 'functionName' ... length less than or equal to 64",
        ),
    ],
)
def test_sizes_out_of_range(cloud: Cloud, settings: dict[str, Any], message: str) -> None:
    assert _refused(cloud, **settings) == (
        "ValidationException",
        f"1 validation error detected: Value {message.replace('...', f'{FAILED}have')}",
    )


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({"FunctionName": "no name"}, "Value 'no name' at 'functionName'"),
        ({"Role": "somebody"}, "Value 'somebody' at 'role'"),
        ({"Handler": "app handler"}, "Value 'app handler' at 'handler'"),
    ],
)
def test_names_that_are_none(cloud: Cloud, settings: dict[str, Any], start: str) -> None:
    code, message = _refused(cloud, **settings)

    assert code == "ValidationException"
    assert message.startswith(
        f"1 validation error detected: {start} {FAILED}satisfy regular expression pattern: "
    )


def test_an_unknown_runtime(cloud: Cloud) -> None:
    code, message = _refused(cloud, Runtime="python9.9")

    assert code == "InvalidParameterValueException"
    assert message.startswith(f"Value 'python9.9' at 'runtime' {FAILED}satisfy enum value set: [")
    assert message.endswith("] or be a valid ARN")


def test_two_errors_are_reported_together(cloud: Cloud) -> None:
    _, message = _refused(cloud, MemorySize=1, Timeout=0)

    assert message.startswith("2 validation errors detected: ")


UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided "
)


def test_reserved_variables(cloud: Cloud) -> None:
    variables = {"AWS_REGION": "eu-west-1", "AWS_LAMBDA_RUNTIME_API": "x", "MINE": "1"}

    assert _refused(cloud, Environment={"Variables": variables}) == (
        "InvalidParameterValueException",
        f"{UNABLE}contains reserved keys that are currently not supported for modification. "
        "Reserved keys used in this request: AWS_LAMBDA_RUNTIME_API, AWS_REGION",
    )


def test_more_than_4_kb_of_variables(cloud: Cloud) -> None:
    code, message = _refused(cloud, Environment={"Variables": {"BIG": "x" * 5_000}})

    assert code == "InvalidParameterValueException"
    assert message.startswith(f"{UNABLE}exceeded the 4KB limit. String measured: {{")


def test_a_package_that_cannot_be_unpacked(cloud: Cloud) -> None:
    whole = package({"app.py": ONE})
    code, message = _refused(cloud, Code={"ZipFile": whole.replace(b"return 1", b"return 2", 1)})

    assert code == "InvalidParameterValueException"
    assert message.startswith("Could not unzip uploaded file. Please check your file, then try to")
    assert '"app.py" is damaged' in message


@pytest.mark.parametrize("content", [b"", package({})])
def test_an_empty_package(cloud: Cloud, content: bytes) -> None:
    assert _refused(cloud, Code={"ZipFile": content}) == (
        "InvalidParameterValueException",
        "Uploaded file must be a non-empty zip",
    )


def test_a_package_over_50_mb(cloud: Cloud) -> None:
    status, headers, body = send(cloud, "POST", "/2015-03-31/functions", bytes(70_167_212))

    assert (status, headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert json.loads(body)["message"] == (
        "Request must be smaller than 70167211 bytes for the CreateFunction operation"
    )


def test_changes_are_checked_as_well(cloud: Cloud) -> None:
    name = cloud.function(ONE)
    client = cloud.client("lambda")
    cloud.settle(name)
    with pytest.raises(ClientError, match="at 'memorySize' failed to satisfy constraint"):
        client.update_function_configuration(FunctionName=name, MemorySize=20_000)
    with pytest.raises(ClientError, match="reserved keys"):
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"_X_AMZN_TRACE_ID": "1"}}
        )
    with pytest.raises(ClientError, match="Could not unzip uploaded file"):
        client.update_function_code(FunctionName=name, ZipFile=b"no zip")


def test_a_change_waits_for_the_one_before(cloud: Cloud) -> None:
    name = cloud.function(ONE)
    client = cloud.client("lambda")

    def change() -> str:
        return str(
            client.update_function_configuration(FunctionName=name, MemorySize=256)["FunctionArn"]
        )

    def refusal() -> tuple[str, str] | None:
        """The ARN and why its second change is refused; None where the first has ended by then."""
        cloud.settle(name)
        arn = change()
        try:
            change()
        except client.exceptions.ResourceConflictException as exc:
            return arn, exc.response["Error"]["Message"]
        return None

    refused = until(refusal, "a change that meets the one before")

    assert refused is not None
    arn, message = refused
    assert message == (
        "The operation cannot be performed at this time. "
        f"An update is in progress for resource: {arn}"
    )
    cloud.settle(name)
    assert change() == arn


def test_an_unknown_type_of_invocation(cloud: Cloud) -> None:
    name = cloud.function(ONE)
    with pytest.raises(ClientError) as refused:
        cloud.client("lambda").invoke(FunctionName=name, InvocationType="Sometimes")

    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": f"1 validation error detected: Value 'Sometimes' at 'invocationType' {FAILED}"
        "satisfy enum value set: [Event, RequestResponse, DryRun]",
    }


def _sent(
    cloud: Cloud, name: str, payload: bytes, kind: str = "RequestResponse"
) -> tuple[int, bytes]:
    """What a raw Invoke answers: boto3 would read and write the payload itself."""
    path = f"/2015-03-31/functions/{name}/invocations"
    status, _, body = send(cloud, "POST", path, payload, {"X-Amz-Invocation-Type": kind})
    return status, body


RAW = """
    import base64, os
    from awslambdaric import bootstrap, lambda_runtime_marshaller
    def handler(event, context):
        return repr(event)
    """


@pytest.fixture(scope="module")
def raw(cloud: Cloud) -> str:
    return cloud.function(RAW)


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (b'"\\ud83d"', "'\\ud83d'"),
        (b"1e400", "inf"),
        (b"1.0", "1.0"),
        (b'{"a": 1,   "a": 2}', "{'a': 2}"),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        (b"", "{}"),
    ],
)
def test_the_event_comes_as_it_was_sent(cloud: Cloud, raw: str, payload: bytes, event: str) -> None:
    status, body = _sent(cloud, raw, payload)

    assert (status, json.loads(body)) == (200, event)


def test_half_an_emoji_arrives_asynchronously(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    print('got', ascii(event))\n")

    assert _sent(cloud, name, b'{"half": "\\ud83d", "much": 1e400}', "Event") == (202, b"")

    assert cloud.wait_for_message(f"/aws/lambda/{name}", "got") == (
        "got {'half': '\\ud83d', 'much': inf}"
    )


@pytest.mark.parametrize(
    "payload", [b"NaN", b'{"a": Infinity}', b"[-Infinity]", b"{", b"[" * 100_000]
)
def test_what_is_no_json_is_refused(cloud: Cloud, payload: bytes) -> None:
    name = cloud.function(ONE)
    for kind in ("RequestResponse", "Event"):
        status, body = _sent(cloud, name, payload, kind)
        assert status == 400
        assert json.loads(body)["message"].startswith("Could not parse request body into json: ")


def test_more_than_five_layers(cloud: Cloud) -> None:
    layers = [f"arn:aws:lambda:us-east-1:111122223333:layer:any:{n}" for n in range(1, 7)]

    assert _refused(cloud, Layers=layers) == (
        "InvalidParameterValueException",
        "Cannot reference more than 5 layers.",
    )


def _denied(call: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**given)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("version", "weights", "code", "message"),
    [
        (
            "1",
            {"2": 1.5},
            "ValidationException",
            "1 validation error detected: Value '{2=1.5}' at "
            "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must "
            "satisfy constraint: [Member must have value less than or equal to 1.0]",
        ),
        (
            "1",
            {"$LATEST": 0.5},
            "ValidationException",
            "1 validation error detected: Value '{$LATEST=0.5}' at "
            "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must "
            "satisfy constraint: [Member must satisfy regular expression pattern: [0-9]+]",
        ),
        (
            "$LATEST",
            {"1": 0.5},
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            "1",
            {"1": 0.5},
            "InvalidParameterValueException",
            "Invalid function version 1. Function version 1 is already included in routing "
            "configuration.",
        ),
        (
            "1",
            {"2": 0.1, "3": 0.1},
            "InvalidParameterValueException",
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
    ],
)
def test_weights_of_an_alias_that_are_none(
    cloud: Cloud, version: str, weights: dict[str, float], code: str, message: str
) -> None:
    name = cloud.function(ONE)
    client = cloud.client("lambda")
    cloud.settle(name)
    client.publish_version(FunctionName=name)

    refused = _denied(
        client.create_alias,
        FunctionName=name,
        Name="shifting",
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights},
    )

    assert refused == (code, message)


def test_lists_have_lengths(cloud: Cloud) -> None:
    assert _refused(cloud, Architectures=["x86_64", "arm64"]) == (
        "ValidationException",
        "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' "
        f"{FAILED}have length less than or equal to 1",
    )


@pytest.mark.parametrize("runtime", ["python3.7", "nodejs14.x", "dotnetcore3.1"])
def test_retired_runtimes_are_refused(cloud: Cloud, runtime: str) -> None:
    assert _refused(cloud, Runtime=runtime) == (
        "InvalidParameterValueException",
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS "
        "Lambda functions. We recommend you use a supported runtime while creating or updating "
        "functions.",
    )


def test_only_what_is_published_is_provisioned(cloud: Cloud) -> None:
    name = cloud.function(ONE)
    client = cloud.client("lambda")
    client.create_alias(FunctionName=name, Name="newest", FunctionVersion="$LATEST")

    for qualifier in ("$LATEST", "newest"):
        assert _denied(
            client.put_provisioned_concurrency_config,
            FunctionName=name,
            Qualifier=qualifier,
            ProvisionedConcurrentExecutions=1,
        ) == (
            "InvalidParameterValueException",
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        )


def test_functions_are_called_by_each_form_of_their_name(cloud: Cloud) -> None:
    name = cloud.function(ONE)
    client = cloud.client("lambda")
    cloud.settle(name)
    version = client.publish_version(FunctionName=name)["Version"]

    arn = f"arn:aws:lambda:us-east-1:111122223333:function:{name}"
    for form in (name, arn, f"111122223333:function:{name}", f"function:{name}"):
        assert client.invoke(FunctionName=form)["Payload"].read() == b"1"
        answer = client.invoke(FunctionName=f"{form}:{version}")
        assert (answer["ExecutedVersion"], answer["Payload"].read()) == (version, b"1")
    assert _denied(client.invoke, FunctionName=arn.replace("us-east-1", "eu-west-1")) == (
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )


@pytest.mark.parametrize("context", ["!!!", "bm8gSlNPTg=="])
def test_a_client_context_that_is_none(cloud: Cloud, context: str) -> None:
    client = cloud.client("lambda")
    given = {"FunctionName": cloud.function(ONE), "ClientContext": context}

    assert _denied(client.invoke, **given) == (
        "InvalidRequestContentException",
        "Client context must be a valid Base64-encoded JSON object.",
    )


def test_tags_are_taken(cloud: Cloud) -> None:
    """Their pattern in the model is no regular expression of Python's."""
    name = cloud.function(ONE, Tags={"team": "a", "größe:1": "ä b"})
    tags = cloud.client("lambda").get_function(FunctionName=name)["Tags"]

    assert tags == {"team": "a", "größe:1": "ä b"}
    assert cloud.invoke(name).payload == 1
