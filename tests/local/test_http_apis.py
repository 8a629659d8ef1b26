"""HTTP APIs with Lambda integrations, and function URLs: events in, answers out, as on AWS.

By "Create AWS Lambda proxy integrations for HTTP APIs" in the API Gateway Developer Guide.
"""

import json
import re
from typing import Any

import pytest

from tests.local.conftest import OFTEN, Cloud
from tests.local.plain_http import call

ECHO = "def handler(event, context):\n    return event\n"
ERROR = {"message": "Internal Server Error"}
FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:"


def _api(cloud: Cloud, function: str, stage: str = "$default", **settings: Any) -> str:
    """Deploy an API with the route `ANY /it/{rest+}`; its path on the endpoint."""
    client = cloud.client("apigatewayv2")
    variables = settings.pop("variables", {})
    integration = {
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": FUNCTION + function,
        "PayloadFormatVersion": "2.0",
        **settings,
    }
    api_id = client.create_api(Name=f"api-{function}", ProtocolType="HTTP")["ApiId"]
    made = client.create_integration(ApiId=api_id, **integration)["IntegrationId"]
    client.create_route(ApiId=api_id, RouteKey="ANY /it/{rest+}", Target=f"integrations/{made}")
    client.create_stage(ApiId=api_id, StageName=stage, AutoDeploy=True, StageVariables=variables)
    return f"/_aws/execute-api/{api_id}/{stage}/it/a/b"


def _url(cloud: Cloud, function: str, **settings: Any) -> str:
    """Make a function URL; its path on the endpoint."""
    url = cloud.client("lambda").create_function_url_config(
        FunctionName=function, AuthType="NONE", **settings
    )["FunctionUrl"]
    return f"/_aws/lambda-url/{url.removeprefix('https://').partition('.')[0]}/"


def _returning(cloud: Cloud, value: object) -> str:
    return cloud.function(f"def handler(event, context):\n    return {value!r}\n")


@pytest.fixture(scope="module")
def answering(cloud: Cloud) -> tuple[str, str]:
    """The paths of an API and of a URL of a function that does what the request's body says."""
    function = cloud.function("""
        import base64
        def handler(event, context):
            body = event["body"]
            source = base64.b64decode(body).decode() if event["isBase64Encoded"] else body
            scope = {}
            exec(f"def act():\\n    {source}\\n", scope)
            return scope["act"]()
        """)
    return _api(cloud, function), _url(cloud, function)


def test_an_event_of_format_2_has_what_aws_tells(cloud: Cloud) -> None:
    path = _api(cloud, cloud.function(ECHO), variables={"color": "blue"})
    headers = {"X-MyOwn": "1", "Cookie": "a=b; c=d", "content-type": "text/plain"}

    event = call(cloud, f"{path}?x=1&x=2", b"hi", headers).body

    assert (event["version"], event["routeKey"]) == ("2.0", "ANY /it/{rest+}")
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/it/a/b"
    assert event["cookies"] == ["a=b", "c=d"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-myown"] == "1"
    assert event["headers"]["x-forwarded-proto"] == "https"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", event["headers"]["x-amzn-trace-id"])
    assert event["queryStringParameters"] == {"x": "1,2"}
    assert event["pathParameters"] == {"rest": "a/b"}
    assert event["stageVariables"] == {"color": "blue"}
    assert (event["body"], event["isBase64Encoded"]) == ("hi", False)
    assert event["requestContext"]["domainPrefix"] == event["requestContext"]["apiId"]


def test_an_event_of_format_1_is_one(cloud: Cloud) -> None:
    source = "import json\ndef handler(event, context):\n"
    source += "    return {'statusCode': 200, 'body': json.dumps(event)}\n"
    path = _api(cloud, cloud.function(source), stage="prod", PayloadFormatVersion="1.0")

    event = call(cloud, f"{path}?x=1&x=2", headers={"X-MyOwn": "1"}).body

    assert set(event) == {
        *("version", "resource", "path", "httpMethod", "headers", "multiValueHeaders", "body"),
        *("queryStringParameters", "multiValueQueryStringParameters", "pathParameters"),
        *("stageVariables", "requestContext", "isBase64Encoded"),
    }
    assert (event["version"], event["httpMethod"]) == ("1.0", "GET")
    # A named stage is part of the path.
    assert (event["resource"], event["path"]) == ("/it/{rest+}", "/prod/it/a/b")
    assert event["headers"]["x-myown"] == "1"
    assert event["queryStringParameters"] == {"x": "2"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert (event["body"], event["stageVariables"]) == (None, None)


@pytest.mark.parametrize("value", ["hello", {"a": 1}, None, [1], "\u20ac"])
def test_without_a_status_code_what_is_returned_is_the_body(
    cloud: Cloud, answering: tuple[str, str], value: object
) -> None:
    """As JSON: "Invoking Lambda function URLs" shows a text in its quotes."""
    for path in answering:
        reply = call(cloud, path, f"return {value!r}".encode())

        assert (reply.status, reply.body) == (200, value)
        assert reply.headers["content-type"] == "application/json"


def test_a_response_with_a_status_code_is_taken_as_it_is(cloud: Cloud) -> None:
    response = {
        "statusCode": 201,
        "headers": {"X-MyOwn": "1"},
        "cookies": ["a=b", "c=d"],
        "body": "aGk=",
        "isBase64Encoded": True,
    }
    reply = call(cloud, _api(cloud, _returning(cloud, response)))

    assert (reply.status, reply.body) == (201, "hi")
    assert reply.headers["x-myown"] == "1"
    assert reply.headers.get_all("set-cookie") == ["a=b", "c=d"]


@pytest.mark.parametrize(
    "source",
    [
        "raise ValueError('secret')",
        "return {'statusCode': 'two hundred'}",
        "return {'statusCode': 200, 'body': 5}",
        "return {'statusCode': 200, 'cookies': 'a=b'}",
        "__import__('os')._exit(1)",
    ],
)
def test_what_went_wrong_is_not_for_clients(
    cloud: Cloud, answering: tuple[str, str], source: str
) -> None:
    api, url = answering

    assert call(cloud, api, source.encode())[::2] == (500, ERROR)
    assert call(cloud, url, source.encode())[::2] == (502, "Internal Server Error")


def test_format_1_assumes_nothing(cloud: Cloud) -> None:
    path = _api(cloud, _returning(cloud, "hello"), PayloadFormatVersion="1.0")

    assert call(cloud, path)[::2] == (500, ERROR)


def test_stage_variables_name_the_function(cloud: Cloud) -> None:
    function = _returning(cloud, "named")
    wrapped = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations"
    for uri in (f"{FUNCTION}${{stageVariables.name}}", wrapped):
        whole = uri.format(f"{FUNCTION}${{stageVariables.name}}") if uri is wrapped else uri
        path = _api(cloud, function, IntegrationUri=whole, variables={"name": function})
        assert call(cloud, path).body == "named"

    assert call(cloud, _api(cloud, function, IntegrationUri=whole))[::2] == (500, ERROR)


def test_an_integration_has_its_time(cloud: Cloud) -> None:
    source = "import time\ndef handler(event, context):\n    time.sleep(20)\n"
    path = _api(cloud, cloud.function(source, MemorySize=128), TimeoutInMillis=200)

    assert call(cloud, path)[::2] == (503, {"message": "Service Unavailable"})


def test_a_url_that_streams_passes_on_what_was_sent(cloud: Cloud) -> None:
    sent = _url(cloud, _returning(cloud, "hello"), InvokeMode="RESPONSE_STREAM")
    failing = cloud.function("def handler(event, context):\n    raise ValueError('secret')\n")

    assert call(cloud, sent)[::2] == (200, "hello")
    failed = call(cloud, _url(cloud, failing, InvokeMode="RESPONSE_STREAM"))
    assert failed[::2] == (502, "Internal Server Error")


def test_quick_create_makes_a_whole_api(cloud: Cloud) -> None:
    """`aws apigatewayv2 create-api --target`."""
    client = cloud.client("apigatewayv2")
    function = _returning(cloud, "quick")
    given = {"Name": "quick", "ProtocolType": "HTTP", "Target": FUNCTION + function}
    catch_all = client.create_api(**given)["ApiId"]
    one_route = client.create_api(**given, RouteKey="GET /only")["ApiId"]

    for api_id, path, status in (
        (catch_all, "/any/path", 200),
        (one_route, "/only", 200),
        (one_route, "/other", 404),
    ):
        assert call(cloud, f"/_aws/execute-api/{api_id}/$default{path}").status == status


def test_a_stack_with_events_of_http_apis_has_their_routes(cloud: Cloud) -> None:
    def template(path: str) -> str:
        event = {"Type": "HttpApi", "Properties": {"Path": path, "Method": "get"}}
        properties = {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "InlineCode": "def handler(event, context):\n    return event['routeKey']\n",
            "Events": {"Called": event},
        }
        return json.dumps(
            {
                "AWSTemplateFormatVersion": "2010-09-09",
                "Transform": "AWS::Serverless-2016-10-31",
                "Resources": {
                    "Function": {"Type": "AWS::Serverless::Function", "Properties": properties}
                },
                "Outputs": {"Api": {"Value": {"Ref": "ServerlessHttpApi"}}},
            }
        )

    client = cloud.client("cloudformation")
    named = {"StackName": "http", "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]}
    waits = {"StackName": "http", "WaiterConfig": OFTEN}
    client.create_stack(**named, TemplateBody=template("/before"))
    client.get_waiter("stack_create_complete").wait(**waits)
    [stack] = client.describe_stacks(StackName="http")["Stacks"]
    address = f"/_aws/execute-api/{stack['Outputs'][0]['OutputValue']}/$default"
    assert call(cloud, f"{address}/before")[::2] == (200, "GET /before")

    client.update_stack(**named, TemplateBody=template("/after"))
    client.get_waiter("stack_update_complete").wait(**waits)

    assert call(cloud, f"{address}/after")[::2] == (200, "GET /after")
    assert call(cloud, f"{address}/before").status == 404
