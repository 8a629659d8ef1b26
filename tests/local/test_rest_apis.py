"""REST APIs with Lambda integrations, proxy and custom: events in, answers out, as on AWS."""

import json
import re
from typing import Any

import pytest

from tests.local.conftest import Cloud
from tests.local.plain_http import call

ECHO = "def handler(event, context):\n    return event\n"
INTERNAL = {"message": "Internal server error"}


def _api(cloud: Cloud, function: str, kind: str = "AWS_PROXY", **integration: Any) -> str:
    """Deploy an API with one resource, /it, for any method; its path on the endpoint."""
    client = cloud.client("apigateway")
    api_id = client.create_rest_api(name=f"api-{function}")["id"]
    [root] = client.get_resources(restApiId=api_id)["items"]
    made = client.create_resource(restApiId=api_id, parentId=root["id"], pathPart="it")
    names = {"restApiId": api_id, "resourceId": made["id"], "httpMethod": "ANY"}
    client.put_method(**names, authorizationType="NONE")
    responses = integration.pop("responses", {"200": {}})
    variables = integration.pop("variables", {})
    uri = (
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
        f"arn:aws:lambda:us-east-1:111122223333:function:{function}/invocations"
    )
    client.put_integration(**names, type=kind, integrationHttpMethod="POST", uri=uri, **integration)
    for status, response in responses.items():
        client.put_method_response(**names, statusCode=status)
        client.put_integration_response(**names, statusCode=status, **response)
    client.create_deployment(restApiId=api_id, stageName="prod", variables=variables)
    return f"/_aws/execute-api/{api_id}/prod/it"


def _returning(cloud: Cloud, value: object) -> str:
    return cloud.function(f"def handler(event, context):\n    return {value!r}\n")


def test_a_proxy_event_carries_headers_as_sent_and_those_that_aws_adds(cloud: Cloud) -> None:
    source = "import json\ndef handler(event, context):\n"
    source += "    return {'statusCode': 200, 'body': json.dumps(event)}\n"
    path = _api(cloud, cloud.function(source))

    event = call(cloud, f"{path}?a=1&a=2", b"hi", {"X-MyOwn": "1", "content-Type": "text/x"}).body

    assert event["headers"]["X-MyOwn"] == "1"
    assert event["headers"]["content-Type"] == "text/x"
    assert event["headers"]["X-Forwarded-Proto"] == "https"
    assert event["headers"]["X-Forwarded-Port"] == "443"
    assert event["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", event["headers"]["X-Amzn-Trace-Id"])
    assert event["multiValueHeaders"]["X-MyOwn"] == ["1"]
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    # A REST API's event has these keys and no version.
    assert set(event) == {
        *("resource", "path", "httpMethod", "headers", "multiValueHeaders", "body"),
        *("queryStringParameters", "multiValueQueryStringParameters", "pathParameters"),
        *("stageVariables", "requestContext", "isBase64Encoded"),
    }
    assert event["requestContext"]["identity"]["cognitoIdentityId"] is None


@pytest.fixture(scope="module")
def returning(cloud: Cloud) -> str:
    """The path of an API that returns what the body of the request says."""
    source = "import json\ndef handler(event, context):\n    return json.loads(event['body'])\n"
    return _api(cloud, cloud.function(source))


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [1],
        {},
        {"body": "no status"},
        {"statusCode": 200, "body": {"a": "dict"}},
        {"statusCode": "two hundred"},
        {"statusCode": 200, "headers": {"a": {"b": 1}}},
        {"statusCode": 200, "headers": "none"},
    ],
)
def test_malformed_proxy_responses_are_502(cloud: Cloud, returning: str, value: object) -> None:
    reply = call(cloud, returning, json.dumps(value).encode())

    assert (reply.status, reply.body) == (502, INTERNAL)
    assert reply.headers["x-amzn-errortype"] == "InternalServerErrorException"
    assert reply.headers["content-type"] == "application/json"


def test_an_exception_sends_no_stack_trace(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    raise ValueError('secret')\n")

    reply = call(cloud, _api(cloud, name))

    assert (reply.status, reply.body) == (502, INTERNAL)


def test_numbers_and_texts_are_taken_for_each_other(cloud: Cloud, returning: str) -> None:
    value = {"statusCode": "201", "headers": {"X-N": 5, "X-B": True}, "body": "ok"}

    reply = call(cloud, returning, json.dumps(value).encode())

    assert (reply.status, reply.body) == (201, "ok")
    assert (reply.headers["x-n"], reply.headers["x-b"]) == ("5", "true")


@pytest.mark.parametrize("kind", ["AWS_PROXY", "AWS"])
def test_an_integration_has_its_time(cloud: Cloud, kind: str) -> None:
    source = "import time\ndef handler(event, context):\n    time.sleep(20)\n"
    name = cloud.function(source, MemorySize=128)
    path = _api(cloud, name, kind, timeoutInMillis=200)

    reply = call(cloud, path)

    assert (reply.status, reply.body) == (504, {"message": "Endpoint request timed out"})


def test_more_than_10_mb_are_refused(cloud: Cloud, returning: str) -> None:
    reply = call(cloud, returning, bytes(10_485_761))

    assert reply.status == 413
    assert reply.body == {"message": "HTTP content length exceeded 10485760 bytes."}


def test_a_custom_integration_passes_the_body_on(cloud: Cloud) -> None:
    """As in the tutorial "Using Lambda with API Gateway": the body is the event, and back."""
    path = _api(cloud, cloud.function(ECHO), "AWS")

    sent = {"operation": "echo", "payload": {"somekey1": "somevalue1"}}
    reply = call(cloud, path, json.dumps(sent).encode(), {"Content-Type": "application/json"})

    assert (reply.status, reply.body) == (200, sent)
    assert call(cloud, path).body == {}
    assert call(cloud, path, b"no json").status == 400


def test_request_templates_make_the_event(cloud: Cloud) -> None:
    template = '{"name": "$input.params(\'name\')", "inner": $input.json(\'$.a\')}'
    path = _api(cloud, cloud.function(ECHO), "AWS", requestTemplates={"application/json": template})

    reply = call(cloud, f"{path}?name=Ann", b'{"a": {"b": [1]}}')

    assert reply.body == {"name": "Ann", "inner": {"b": [1]}}


_INVOCATION_TYPE = "integration.request.header.X-Amz-Invocation-Type"


@pytest.fixture(scope="module")
def printing(cloud: Cloud) -> str:
    return cloud.function("def handler(event, context):\n    print('got', event)\n")


@pytest.mark.parametrize(
    ("target", "source", "headers"),
    [
        (_INVOCATION_TYPE, "'Event'", {}),
        (_INVOCATION_TYPE.lower(), "'Event'", {}),
        # "Set up asynchronous invocation of the backend Lambda function": the client decides.
        (_INVOCATION_TYPE, "method.request.header.InvocationType", {"invocationtype": "Event"}),
        (_INVOCATION_TYPE, "stageVariables.kind", {}),
        (_INVOCATION_TYPE, "method.request.body.kind", {}),
    ],
)
def test_an_integration_invokes_asynchronously(
    cloud: Cloud, printing: str, target: str, source: str, headers: dict[str, str]
) -> None:
    mapped = {"requestParameters": {target: source}, "variables": {"kind": "Event"}}
    path = _api(cloud, printing, "AWS", **mapped)
    body = {"kind": "Event", "path": path}

    reply = call(cloud, path, json.dumps(body).encode(), headers)

    # A synchronous answer would be "null".
    assert (reply.status, reply.body) == (200, "")
    assert cloud.wait_for_message(f"/aws/lambda/{printing}", f"got {body}")


def test_an_integration_waits_unless_it_is_mapped_otherwise(cloud: Cloud) -> None:
    source = {_INVOCATION_TYPE: "method.request.header.InvocationType"}
    path = _api(cloud, cloud.function(ECHO), "AWS", requestParameters=source)

    assert call(cloud, path, b'{"a": 1}').body == {"a": 1}
    assert call(cloud, path, b"{}", {"InvocationType": "Other"}).status == 500


@pytest.mark.parametrize("kind", ["AWS_PROXY", "AWS"])
def test_stage_variables_name_the_function(cloud: Cloud, kind: str) -> None:
    """By "Using stage variables" of the API Gateway Developer Guide: a name, a part, an alias."""
    function = _returning(cloud, {"statusCode": 200, "body": "here"})
    client = cloud.client("lambda")
    cloud.settle(function)
    version = client.publish_version(FunctionName=function)["Version"]
    client.create_alias(FunctionName=function, Name="live", FunctionVersion=version)
    variables = {"end": function[1:], "alias": "live"}
    uri = function[0] + "${stageVariables.end}:${stageVariables.alias}"

    path = _api(cloud, uri, kind, variables=variables)

    expected = "here" if kind == "AWS_PROXY" else {"statusCode": 200, "body": "here"}
    assert (reply := call(cloud, path, b"{}")).body == expected
    assert reply.status == 200
    assert call(cloud, _api(cloud, uri, kind), b"{}").body == INTERNAL


def test_integration_responses_are_selected_by_the_error(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    raise ValueError(event['say'])\n")
    responses = {
        "200": {"responseTemplates": {"application/json": ""}},
        "400": {
            "selectionPattern": "Bad.*",
            "responseTemplates": {"application/json": "{\"told\": $input.json('$.errorMessage')}"},
        },
    }
    path = _api(cloud, name, "AWS", responses=responses)

    bad, other = (call(cloud, path, json.dumps({"say": say}).encode()) for say in ("Bad A", "B"))

    assert (bad.status, bad.body) == (400, {"told": "Bad A"})
    # As on AWS, an error that no pattern matches goes out by the default response.
    assert (other.status, other.body["errorMessage"]) == (200, "B")


def test_a_custom_integration_without_a_response_is_a_fault(cloud: Cloud) -> None:
    path = _api(cloud, cloud.function(ECHO), "AWS", responses={})

    reply = call(cloud, path, b"{}")

    assert (reply.status, reply.body) == (500, INTERNAL)


def test_a_method_is_tested_without_its_stage(cloud: Cloud) -> None:
    """TestInvokeMethod, as the tutorial's console and `test-invoke-method` use it."""
    path = _api(cloud, cloud.function(ECHO), "AWS")
    api_id = path.split("/")[3]
    client = cloud.client("apigateway")
    resources = client.get_resources(restApiId=api_id)["items"]
    [resource] = [one["id"] for one in resources if one["path"] == "/it"]

    answer = client.test_invoke_method(
        restApiId=api_id, resourceId=resource, httpMethod="POST", body='{"a": 1}'
    )

    assert answer["status"] == 200
    assert json.loads(answer["body"]) == {"a": 1}
    assert "Method completed with status: 200" in answer["log"]
    stages = client.get_stages(restApiId=api_id)["item"]
    assert [stage["stageName"] for stage in stages] == ["prod"]


def test_what_a_template_cannot_say_is_named(cloud: Cloud) -> None:
    templates = {"application/json": "#define($x)1#end"}
    path = _api(cloud, cloud.function(ECHO), "AWS", requestTemplates=templates)

    reply = call(cloud, path, b"{}")

    assert reply.status == 500
    assert "does not know #define in mapping templates" in reply.body["message"]


def test_a_response_sets_its_status_and_headers(cloud: Cloud) -> None:
    responses = {
        "200": {
            "responseParameters": {
                "method.response.header.X-Id": "integration.response.body.id",
                "method.response.header.X-Fixed": "'yes'",
            },
            "responseTemplates": {
                "application/json": "#set($context.responseOverride.status = 418)"
                "#set($context.responseOverride.header.X-Tea = \"$input.path('$.tea')\"){}"
            },
        }
    }
    path = _api(cloud, cloud.function(ECHO), "AWS", responses=responses)

    reply = call(cloud, path, b'{"id": "7", "tea": "green"}')

    assert (reply.status, reply.body) == (418, {})
    assert [reply.headers[name] for name in ("x-id", "x-fixed", "x-tea")] == ["7", "yes", "green"]


def test_an_api_answers_by_its_own_host_name(cloud: Cloud) -> None:
    """As `https://ID.execute-api.REGION.amazonaws.com/STAGE/...` does."""
    source = "import json\ndef handler(event, context):\n"
    source += "    told = event['requestContext']\n"
    source += "    said = [told['domainName'], told['stage'], event['path']]\n"
    source += "    return {'statusCode': 200, 'body': json.dumps(said)}\n"
    path = _api(cloud, cloud.function(source))
    api_id = path.split("/")[3]
    port = cloud.endpoint.url.rpartition(":")[2]

    for name in (f"{api_id}.execute-api.localhost:{port}", f"{api_id}.execute-api.127.0.0.1"):
        reply = call(cloud, "/prod/it", headers={"Host": name})
        assert (reply.status, reply.body) == (200, [name, "prod", "/it"])

    assert (
        call(cloud, "/none/it", headers={"Host": f"{api_id}.execute-api.localhost"}).status == 403
    )
