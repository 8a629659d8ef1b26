"""Who may use the endpoint: this user's own processes, signed where AWS_IAM asks for it."""

import http.client
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.local.conftest import OFTEN, ROLE, Cloud

TEMPLATE = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Api": {
            "Type": "AWS::Serverless::Api",
            "Properties": {"StageName": "Prod", "Auth": {"DefaultAuthorizer": "AWS_IAM"}},
        },
        "Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Role": ROLE,
                "InlineCode": "def handler(event, context):\n"
                '    return {"statusCode": 200, "body": "served"}\n',
                "Events": {
                    "Get": {
                        "Type": "Api",
                        "Properties": {"Path": "/it", "Method": "get", "RestApiId": {"Ref": "Api"}},
                    }
                },
            },
        },
    },
    "Outputs": {"ApiId": {"Value": {"Ref": "Api"}}},
}
MISMATCH = "The request signature we calculated does not match the signature you provided."


@dataclass(frozen=True)
class Reply:
    """Status, the error's name and the body of an answer."""

    status: int
    error: str | None
    body: str


def _get(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> Reply:
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return Reply(answer.status, None, answer.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            error = refused.headers.get("x-amzn-ErrorType")
            return Reply(refused.code, error, refused.read().decode())


@pytest.fixture(scope="module")
def api(cloud: Cloud) -> str:
    client = cloud.client("cloudformation")
    client.create_stack(
        StackName="signed",
        TemplateBody=json.dumps(TEMPLATE),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    client.get_waiter("stack_create_complete").wait(StackName="signed", WaiterConfig=OFTEN)
    [stack] = client.describe_stacks(StackName="signed")["Stacks"]
    api_id = stack["Outputs"][0]["OutputValue"]
    return f"{cloud.endpoint.url}/_aws/execute-api/{api_id}/Prod/it"


def _signed(
    url: str, *, secret: str = "local", service: str = "execute-api", key: str | None = None
) -> dict[str, str]:
    request = AWSRequest("GET", url)
    credentials = Credentials(key or "AKIALOCALLAMBDATUNE", secret)
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return dict(request.headers)


def test_an_unsigned_call_is_refused_as_on_aws(api: str) -> None:
    assert _get(api) == Reply(
        403, "MissingAuthenticationTokenException", '{"message": "Missing Authentication Token"}'
    )


def test_a_signed_call_is_served(api: str) -> None:
    assert _get(api, _signed(api)).body == "served"
    url = f"{api}?b=2&a=%20x"
    assert _get(url, _signed(url)).body == "served"


def test_a_presigned_call_is_served(api: str) -> None:
    request = AWSRequest("GET", api)
    credentials = Credentials("AKIALOCALLAMBDATUNE", "local")
    SigV4QueryAuth(credentials, "execute-api", "us-east-1", expires=60).add_auth(request)
    url = request.prepare().url

    assert _get(url).body == "served"
    forged = _get(url[:-1] + ("0" if url[-1] != "0" else "1"))
    assert (forged.status, forged.error) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    ("forgery", "error", "text"),
    [
        ({"secret": "guessed"}, "InvalidSignatureException", MISMATCH),
        (
            {"service": "s3"},
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'execute-api'. ",
        ),
        (
            {"key": "AKIAIOSFODNN7EXAMPLE"},
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
    ],
)
def test_a_forged_signature_is_refused(
    api: str, forgery: dict[str, Any], error: str, text: str
) -> None:
    reply = _get(api, _signed(api, **forgery))

    assert (reply.status, reply.error) == (403, error)
    assert json.loads(reply.body)["message"].startswith(text)


def test_what_was_signed_is_what_is_sent(api: str) -> None:
    reply = _get(f"{api}?more=1", _signed(api))

    assert (reply.status, reply.error) == (403, "InvalidSignatureException")


def test_keys_of_a_user_sign_too(cloud: Cloud, api: str) -> None:
    iam = cloud.client("iam")
    iam.create_user(UserName="somebody")
    key = iam.create_access_key(UserName="somebody")["AccessKey"]

    headers = _signed(api, key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    assert _get(api, headers).body == "served"


def test_a_function_signs_with_its_own_credentials(cloud: Cloud, api: str) -> None:
    source = """
        import os, urllib.request
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.session import Session
        def handler(event, context):
            request = AWSRequest("GET", event)
            credentials = Session().get_credentials()
            SigV4Auth(credentials, "execute-api", os.environ["AWS_REGION"]).add_auth(request)
            asked = urllib.request.Request(event, headers=dict(request.headers))
            return urllib.request.urlopen(asked).read().decode()
        """
    assert cloud.run(source, api).payload == "served"


@pytest.mark.parametrize(("kind", "status"), [("AWS_IAM", 403), ("NONE", 200)])
def test_function_urls_are_open_or_signed(cloud: Cloud, kind: str, status: int) -> None:
    name = cloud.function("def handler(event, context):\n    return 'served'\n")
    client = cloud.client("lambda")
    given = client.create_function_url_config(FunctionName=name, AuthType=kind)["FunctionUrl"]
    url = f"{cloud.endpoint.url}/_aws/lambda-url/{given.split('//')[1].split('.')[0]}/"

    reply = _get(url)

    assert reply.status == status
    assert _get(url, _signed(url, service="lambda")).body == '"served"'


CREATE_STACK = "Action=CreateStack&Version=2010-05-15&StackName=evil&TemplateBody=%7B%7D"


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 403),
        ("HEAD", {}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", {"Origin": "null"}, 403),
    ],
)
def test_a_page_cannot_make_a_stack(
    cloud: Cloud, method: str, headers: dict[str, str], status: int
) -> None:
    assert _get(f"{cloud.endpoint.url}/?{CREATE_STACK}", headers, method).status == status

    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert "evil" not in [stack["StackName"] for stack in stacks]


@pytest.mark.parametrize("name", ["%41ction", "Act%69on", "action", "Version=1&Action"])
def test_an_action_is_one_however_a_link_spells_it(cloud: Cloud, name: str) -> None:
    query = CREATE_STACK.removeprefix("Action")

    assert _get(f"{cloud.endpoint.url}/?{name}{query}").status == 403


def test_a_page_of_this_endpoint_may(cloud: Cloud) -> None:
    for site in ("none", "same-origin"):
        url = f"{cloud.endpoint.url}/_lambdatuning"
        assert _get(url, {"Sec-Fetch-Site": site}).status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_other_users_of_this_machine_are_refused(cloud: Cloud) -> None:
    port = int(cloud.endpoint.url.rsplit(":", 1)[1])
    source = (
        "import os, socket, sys\nos.setgroups([])\nos.setresuid(65534, 65534, 65534)\n"
        "s = socket.socket()\ns.connect(('127.0.0.1', int(sys.argv[1])))\n"
        "s.sendall(b'GET /_lambdatuning HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close"
        "\\r\\n\\r\\n')\n"
        "while part := s.recv(1000):\n    os.write(1, part)\n"
    )
    client = subprocess.run(
        [sys.executable, "-c", source, str(port)], capture_output=True, text=True, check=True
    )

    assert client.stdout.startswith("HTTP/1.1 403 ")
    assert "this endpoint serves one user of this machine, not user 65534" in client.stdout


def test_http_1_0_is_served(cloud: Cloud) -> None:
    """As `ab` and old proxies speak it; without a Host, nothing is."""
    host, port = cloud.endpoint.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=120)
    connection.putrequest("GET", "/_lambdatuning", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status in (400, 403)
    connection.close()
