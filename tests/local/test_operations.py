"""What an API of AWS could not read is refused in its own form, never by an error of ours."""

import json
from http.client import HTTPMessage

import pytest
from botocore.exceptions import ClientError

from lambdatuning.local.apis import operations
from tests.local.conftest import PYTHON, ROLE, Cloud, package
from tests.local.plain_http import send
from tests.waiting import until

CORAL = "com.amazon.coral.service#SerializationException"
BAD = {
    "a list": b"[1]",
    "a string": b'"x"',
    "a number": b"1",
    "null": b"null",
    "cut off": b'{"TableName": "a',
    "NaN": b'{"TableName": NaN}',
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "5,000 digits": b'{"Limit":' + b"9" * 5000 + b"}",
    "half an emoji": b'{"TableName":"\\ud83d"}',
}


def _sent(
    cloud: Cloud, service: str, method: str, path: str, body: bytes, target: str = ""
) -> tuple[int, HTTPMessage, bytes]:
    scope = f"any/20261128/us-east-1/{service}/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/x-amz-json-1.0",
    }
    if target:
        headers["X-Amz-Target"] = target
    return send(cloud, method, path, body, headers)


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("dynamodb", "DynamoDB_20120810.PutItem"),
        ("logs", "Logs_20140328.FilterLogEvents"),
        ("states", "AWSStepFunctions.StartExecution"),
        ("ssm", "AmazonSSM.GetParameter"),
        ("events", "AWSEvents.PutEvents"),
        ("sqs", "AmazonSQS.SendMessage"),
    ],
)
def test_bodies_that_are_no_json_object(
    cloud: Cloud, service: str, target: str, body: bytes
) -> None:
    status, _, answer = _sent(cloud, service, "POST", "/", body, target)
    assert (status, json.loads(answer)["__type"]) == (400, CORAL)


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
@pytest.mark.parametrize(
    ("service", "method", "path"),
    [
        ("lambda", "POST", "/2015-03-31/functions"),
        ("lambda", "PUT", "/2015-03-31/functions/none/aliases/live"),
        ("lambda", "POST", "/2018-10-31/layers/one/versions"),
        ("apigateway", "POST", "/restapis"),
        ("apigateway", "POST", "/v2/apis"),
        ("scheduler", "POST", "/schedules/one"),
    ],
)
def test_bodies_of_rest_apis_that_are_no_json_object(
    cloud: Cloud, service: str, method: str, path: str, body: bytes
) -> None:
    status, headers, answer = _sent(cloud, service, method, path, body)
    kinds = {"SerializationException", "InvalidRequestContentException"}
    assert status == 400
    assert headers["x-amzn-errortype"] in kinds
    assert json.loads(answer)["message"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"name": ""}', b'{"name": null}'])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/restapis", "Name cannot be an empty string"),
        ("/v2/apis", "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]"),
    ],
)
def test_an_api_is_made_of_something(cloud: Cloud, path: str, message: str, body: bytes) -> None:
    status, headers, answer = _sent(cloud, "apigateway", "POST", path, body)
    assert (status, headers["x-amzn-errortype"]) == (400, "BadRequestException")
    assert json.loads(answer)["message"] == message


@pytest.mark.parametrize(
    ("method", "path", "given", "message"),
    [
        (
            *("POST", "/v2/apis", {"name": "a", "protocolType": "?"}),
            "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]",
        ),
        ("POST", "/v2/apis", {"name": "a", "protocolType": "HTTP"}, ""),
        ("POST", "/restapis", {"name": "a"}, ""),
        ("POST", "/restapis/a/resources/b", {}, "Invalid request input: pathPart"),
        ("PUT", "/restapis/a", {}, ""),
    ],
)
def test_members_that_api_gateway_must_have(
    method: str, path: str, given: object, message: str
) -> None:
    service = operations.service_of("", path, "")
    body = json.dumps(given).encode()
    assert operations.absent_member(service, method, path, "", body) == message


@pytest.mark.parametrize(
    ("target", "given", "message"),
    [
        (
            "DynamoDB_20120810.GetItem",
            {"TableName": 5},
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            "DynamoDB_20120810.GetItem",
            {"Key": []},
            "Start of list found where not expected",
        ),
        (
            "Logs_20140328.PutLogEvents",
            {"logGroupName": {}},
            "Start of structure or map found where not expected",
        ),
        (
            "AWSStepFunctions.ListStateMachines",
            {"maxResults": "ten"},
            "STRING_VALUE can not be converted to an Integer",
        ),
    ],
)
def test_members_of_a_wrong_type(target: str, given: object, message: str) -> None:
    service = operations.service_of(target, "/", "")
    body = json.dumps(given).encode()
    assert operations.problem_of(service, target, "POST", "/", "", body) == message


def test_an_object_in_a_bucket_named_like_a_path_is_no_call() -> None:
    assert operations.service_of("", "/schedules/report.html", "s3") == ""
    assert operations.service_of("", "/schedules/nightly", "scheduler") == "scheduler"


def test_numbers_in_a_query(cloud: Cloud) -> None:
    status, headers, _ = _sent(cloud, "lambda", "GET", "/2015-03-31/functions?MaxItems=x", b"")
    assert (status, headers["x-amzn-errortype"]) == (400, "SerializationException")


def test_the_call_of_a_service_that_does_not_exist(cloud: Cloud) -> None:
    status, _, answer = send(cloud, "POST", "/", b"{}", {"X-Amz-Target": "Nothing_2020.Do"})
    assert (status, json.loads(answer)["__type"]) == (400, "UnknownOperationException")


def test_a_body_over_the_limit(cloud: Cloud) -> None:
    body = b'{"TableName": "' + b"x" * operations.MOST_BYTES + b'"}'
    status, _, answer = _sent(cloud, "dynamodb", "POST", "/", body, "DynamoDB_20120810.PutItem")
    assert (status, json.loads(answer)["__type"]) == (413, "RequestEntityTooLargeException")


def test_what_must_be_given(cloud: Cloud) -> None:
    status, headers, answer = _sent(
        cloud, "lambda", "POST", "/2018-10-31/layers/one/versions", b"{}"
    )
    assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert json.loads(answer)["message"] == (
        "1 validation error detected: Value null at 'content' failed to satisfy constraint: "
        "Member must not be null"
    )


@pytest.mark.parametrize(
    ("bucket", "key", "message"),
    [
        ("code-in-s3", "bad.zip", "Could not unzip uploaded file. Please check your file, then"),
        (
            "code-in-s3",
            "none.zip",
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The "
            "specified key does not exist.",
        ),
        (
            "no-such-code",
            "bad.zip",
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The "
            "specified bucket does not exist",
        ),
    ],
)
def test_code_in_s3_is_looked_at_when_it_is_given(
    cloud: Cloud, bucket: str, key: str, message: str
) -> None:
    cloud.client("s3").create_bucket(Bucket="code-in-s3")
    cloud.client("s3").put_object(Bucket="code-in-s3", Key="bad.zip", Body=b"PK, but no zip")
    place = {"S3Bucket": bucket, "S3Key": key}
    name = cloud.function("def handler(event, context):\n    return 1\n")
    cloud.settle(name)
    made = {"FunctionName": "from-s3", "Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler"}
    client = cloud.client("lambda")
    for call, given in (
        (client.create_function, {**made, "Code": place}),
        (client.update_function_code, {"FunctionName": name, **place}),
        (client.publish_layer_version, {"LayerName": "from-s3", "Content": place}),
    ):
        with pytest.raises(ClientError) as refused:
            call(**given)
        error = refused.value.response["Error"]
        assert error["Code"] == "InvalidParameterValueException"
        assert error["Message"].startswith(message)
    assert client.list_layer_versions(LayerName="from-s3")["LayerVersions"] == []


def test_good_code_in_s3_runs(cloud: Cloud) -> None:
    code = package({"app.py": "def handler(event, context):\n    return 'from S3'\n"})
    cloud.client("s3").create_bucket(Bucket="good-code")
    cloud.client("s3").put_object(Bucket="good-code", Key="a b/ü.zip", Body=code)
    name = cloud.function("", Code={"S3Bucket": "good-code", "S3Key": "a b/ü.zip"})
    assert cloud.invoke(name).payload == "from S3"


def test_a_stack_fails_where_its_code_is_missing(cloud: Cloud) -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": PYTHON,
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"S3Bucket": "no-such-code", "S3Key": "app.zip"},
        },
    }
    stacks = cloud.client("cloudformation")
    stacks.create_stack(
        StackName="no-code", TemplateBody=json.dumps({"Resources": {"F": function}})
    )

    def ended() -> bool:
        (stack,) = stacks.describe_stacks(StackName="no-code")["Stacks"]
        return stack["StackStatus"] in ("CREATE_FAILED", "ROLLBACK_COMPLETE")

    until(ended, "the end of a stack without code")
    events = stacks.describe_stack_events(StackName="no-code")["StackEvents"]
    reasons = " ".join(each.get("ResourceStatusReason", "") for each in events)
    assert "S3 Error Code: NoSuchKey" in reasons
