"""Other services reach our Lambda: API Gateway over HTTP, Step Functions, stacks."""

import contextlib
import itertools
import json
import socket
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from lambdatuning.local.services.corrections import REPLACING
from tests.local.conftest import OFTEN, ROLE, Cloud

API = """
    import json
    def handler(event, context):
        return {"statusCode": 201, "headers": {"x-from": "lambda"},
                "body": json.dumps([event["httpMethod"], json.loads(event["body"])])}
    """
STACK = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: Prod}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      MemorySize: 512
      InlineCode: |
        import json
        def handler(event, context):
            return {"statusCode": 200, "body": context.memory_limit_in_mb}
      Events:
        Post:
          Type: Api
          Properties: {Path: /DynamoDBManager, Method: post, RestApiId: !Ref Api}
Outputs:
  ApiId: {Value: !Ref Api}
"""


def _post(url: str, body: object) -> tuple[int, str]:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def _run_machine(cloud: Cloud, definition: dict[str, Any], given: object) -> dict[str, Any]:
    client = cloud.client("stepfunctions")
    machine = client.create_state_machine(
        name=f"m{next(cloud.numbers)}", definition=json.dumps(definition), roleArn=ROLE
    )
    execution = client.start_execution(
        stateMachineArn=machine["stateMachineArn"], input=json.dumps(given)
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state: dict[str, Any] = client.describe_execution(executionArn=execution["executionArn"])
        if state["status"] != "RUNNING":
            return state
        time.sleep(0.05)
    raise TimeoutError(definition)


def _task(name: str, **more: object) -> dict[str, Any]:
    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": name, "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "End": True,
    }
    return {"StartAt": "Invoke", "States": {"Invoke": invoke | more}}


@pytest.mark.parametrize("result", ["'text'", "'5'", "5", "[1, {'a': None}]", "None"])
def test_state_machines_get_results_of_every_type(cloud: Cloud, result: str) -> None:
    name = cloud.function(f"def handler(event, context):\n    return {result}\n")

    state = _run_machine(cloud, _task(name), {})

    assert state["status"] == "SUCCEEDED"
    assert json.loads(state["output"]) == eval(result)


def test_state_machines_catch_errors_by_type(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    raise LookupError('gone')\n")
    catch = [{"ErrorEquals": ["LookupError"], "ResultPath": "$.error", "Next": "Caught"}]
    machine = _task(name, Catch=catch)
    machine["States"]["Caught"] = {"Type": "Pass", "End": True}

    state = _run_machine(cloud, machine, {"kept": 1})

    output = json.loads(state["output"])
    assert output["kept"] == 1
    assert output["error"]["Error"] == "LookupError"
    assert json.loads(output["error"]["Cause"])["errorMessage"] == "gone"


def test_a_map_runs_environments_side_by_side(cloud: Cloud) -> None:
    name = cloud.function(
        """
        import socket
        def handler(event, context):
            with socket.create_connection(("127.0.0.1", event["port"])) as meeting:
                return [event["number"] * 2, meeting.recv(10).decode()]
        """,
        MemorySize=128,  # as many as there are have room on one core
    )
    inner = _task(name)
    inner["ProcessorConfig"] = {"Mode": "INLINE"}
    machine = {
        "StartAt": "All",
        "States": {"All": {"Type": "Map", "ItemProcessor": inner, "End": True}},
    }

    with socket.create_server(("127.0.0.1", 0)) as meeting, ThreadPoolExecutor(1) as threads:
        meeting.settimeout(120)
        threads.submit(_let_go_together, meeting, 3)
        port = meeting.getsockname()[1]
        items = [{"number": number, "port": port} for number in (1, 2, 3)]
        state = _run_machine(cloud, machine, items)

    assert json.loads(state["output"]) == [[2, "go"], [4, "go"], [6, "go"]]
    assert len({event["logStreamName"] for event in cloud.events(f"/aws/lambda/{name}")}) == 3


def _let_go_together(meeting: socket.socket, many: int) -> None:
    """Answer nobody before that many have come."""
    with contextlib.ExitStack() as stack:
        for guest in [stack.enter_context(meeting.accept()[0]) for _ in range(many)]:
            guest.sendall(b"go")


def test_a_map_takes_its_concurrency_from_a_path(cloud: Cloud) -> None:
    """ministack passes over MaxConcurrencyPath and runs everything at once."""
    name = cloud.function(
        "import time\ndef handler(event, context):\n    started = time.time()\n"
        "    time.sleep(0.15)\n    return [started, time.time()]\n"
    )
    inner = _task(name) | {"ProcessorConfig": {"Mode": "INLINE"}}
    every = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrencyPath": "$.most",
        "ItemProcessor": inner,
        "End": True,
    }

    state = _run_machine(
        cloud, {"StartAt": "All", "States": {"All": every}}, {"items": [1, 2, 3], "most": 1}
    )

    spans = sorted(json.loads(state["output"]))
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_what_would_be_passed_over_is_refused(cloud: Cloud) -> None:
    every = {
        "Type": "Map",
        "ItemBatcher": {"MaxItemsPerBatch": 2},
        "ItemProcessor": {
            "StartAt": "P",
            "States": {
                "P": {"Type": "Pass", "Parameters": {"Type": 1, "ResultWriter": 1}, "End": True}
            },
        },
        "End": True,
    }
    machine = {"StartAt": "All", "States": {"All": every}}

    with pytest.raises(cloud.client("stepfunctions").exceptions.InvalidDefinition) as refused:
        _run_machine(cloud, machine, [1])

    assert "ItemBatcher is not supported by the embedded AWS" in str(refused.value)
    del every["ItemBatcher"]
    assert _run_machine(cloud, machine, [1])["status"] == "SUCCEEDED"


def test_a_stack_serves_its_api_over_http(cloud: Cloud) -> None:
    client = cloud.client("cloudformation")
    client.create_stack(
        StackName="api",
        TemplateBody=STACK,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    client.get_waiter("stack_create_complete").wait(StackName="api", WaiterConfig=OFTEN)
    [stack] = client.describe_stacks(StackName="api")["Stacks"]
    api_id = stack["Outputs"][0]["OutputValue"]

    url = f"{cloud.endpoint.url}/restapis/{api_id}/Prod/_user_request_/DynamoDBManager"

    assert _post(url, {"operation": "ping"}) == (200, "512")


TEMPLATE_HOSTS = {
    "templates-1.s3.eu-west-1.amazonaws.com": "",
    "templates-1.s3.amazonaws.com": "",
    "templates-1.s3-eu-west-1.amazonaws.com": "",
    "templates-1.s3.dualstack.us-gov-west-1.amazonaws.com": "",
    "templates-1.s3.cn-north-1.amazonaws.com.cn": "",
    "templates-1.s3.localhost:4566": "",
    "s3.eu-west-1.amazonaws.com": "templates-1/",
    "s3.dualstack.eu-west-1.amazonaws.com": "templates-1/",
    "s3.amazonaws.com": "templates-1/",
    "127.0.0.1:4566": "templates-1/",
}
"""Hosts of S3, and what comes before the key in the path."""


def test_a_large_template_is_read_from_s3_by_any_form_of_its_url(cloud: Cloud) -> None:
    client, storage = cloud.client("cloudformation"), cloud.client("s3")
    topic = {"Type": "AWS::SNS::Topic", "Metadata": {"Padding": "x" * 60_000}}
    url = "https://templates-1.s3.eu-west-1.amazonaws.com"
    within = {"TemplateURL": f"{url}/cdk/inner.json"}
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": within}
    storage.create_bucket(Bucket="templates-1")
    for key, resource in (("a b/outer.json", nested), ("cdk/inner.json", topic)):
        body = json.dumps({"Description": key, "Resources": {"One": resource}})
        storage.put_object(Bucket="templates-1", Key=key, Body=body.encode())

    for host, bucket in TEMPLATE_HOSTS.items():
        summary = client.get_template_summary(TemplateURL=f"https://{host}/{bucket}cdk/inner.json")
        assert summary["ResourceTypes"] == ["AWS::SNS::Topic"], host
    client.create_stack(StackName="from-s3", TemplateURL=f"{url}/a%20b/outer.json")
    client.get_waiter("stack_create_complete").wait(StackName="from-s3", WaiterConfig=OFTEN)
    (inner,) = client.describe_stack_resources(StackName="from-s3")["StackResources"]
    assert inner["ResourceType"] == "AWS::CloudFormation::Stack"
    with pytest.raises(client.exceptions.ClientError, match="Template not found"):
        client.get_template_summary(TemplateURL=f"{url}/missing.json")
    client.delete_stack(StackName="from-s3")


def test_functions_of_a_deleted_stack_are_gone(cloud: Cloud) -> None:
    name = cloud.function("import os\ndef handler(event, context):\n    return os.getpid()\n")
    cloud.invoke(name)
    client = cloud.client("lambda")

    client.delete_function(FunctionName=name)

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName=name)


def test_log_events_are_paged(cloud: Cloud) -> None:
    name = cloud.function(
        "def handler(event, context):\n    print('\\n'.join(str(n) for n in range(event)))\n",
        MemorySize=1769,
    )
    cloud.invoke(name, 5_100)
    time.sleep(0.01)
    cloud.invoke(name, 5_100)

    messages = cloud.messages(f"/aws/lambda/{name}")

    assert [m for m in messages if m.isdigit()] == [str(n) for n in range(5_100)] * 2
    few = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", limit=3)
    assert len(few["events"]) == 3
    assert few["nextToken"]


def test_code_that_was_never_uploaded_is_reported(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="code")
    client = cloud.client("lambda")
    template = {
        "Resources": {
            "F": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": "codeless",
                    "Runtime": "python3.12",
                    "Handler": "app.handler",
                    "Role": ROLE,
                    "Code": {"S3Bucket": "code", "S3Key": "missing.zip"},
                },
            }
        }
    }
    stacks = cloud.client("cloudformation")
    stacks.create_stack(StackName="codeless", TemplateBody=json.dumps(template))
    time.sleep(1.0)
    try:
        client.get_function(FunctionName="codeless")
    except client.exceptions.ResourceNotFoundException:
        return  # ministack has learned to refuse it itself

    answer = cloud.invoke("codeless")

    assert "has no code" in answer.payload["errorMessage"]


def test_a_change_set_says_what_is_replaced_and_what_stays(cloud: Cloud) -> None:
    client = cloud.client("cloudformation")

    def template(days: int, name: str) -> str:
        properties = {"RetentionInDays": days, "LogGroupName": name}
        return json.dumps({"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup",
                                                  "Properties": properties}}})  # fmt: skip

    client.create_stack(StackName="logs-alone", TemplateBody=template(7, "kept-7"))
    client.get_waiter("stack_create_complete").wait(StackName="logs-alone", WaiterConfig=OFTEN)
    replacements = []
    for number, body in enumerate((template(30, "kept-7"), template(7, "other"))):
        made = client.create_change_set(
            StackName="logs-alone", ChangeSetName=f"c{number}", TemplateBody=body
        )
        client.get_waiter("change_set_create_complete").wait(
            ChangeSetName=made["Id"], WaiterConfig=OFTEN
        )
        (change,) = client.describe_change_set(ChangeSetName=made["Id"])["Changes"]
        replacements.append(change["ResourceChange"]["Replacement"])
    client.delete_stack(StackName="logs-alone")
    assert replacements == ["False", "True"]


def test_properties_that_replace_a_resource_are_those_of_aws_s_schemas() -> None:
    for kind, names in REPLACING.items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
        assert {path.split("/")[2] for path in schema.get("createOnlyProperties", ())} == {*names}


def test_executions_are_gone_with_their_state_machine(cloud: Cloud) -> None:
    client = cloud.client("stepfunctions")
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 30, "End": True}}}
    named = {"name": "short-lived", "definition": json.dumps(wait), "roleArn": ROLE}
    arn = client.create_state_machine(**named)["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    client.describe_execution(executionArn=execution)

    client.delete_state_machine(stateMachineArn=arn)

    for again in (False, True):
        with pytest.raises(client.exceptions.ExecutionDoesNotExist):
            client.describe_execution(executionArn=execution)
        with pytest.raises(client.exceptions.ExecutionDoesNotExist):
            client.get_execution_history(executionArn=execution)
        if not again:
            with pytest.raises(client.exceptions.StateMachineDoesNotExist):
                client.list_executions(stateMachineArn=arn)
        # One of the same name does not bring them back.
        client.create_state_machine(**named)
    assert client.list_executions(stateMachineArn=arn)["executions"] == []


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 10_001}, {"nextToken": "x-y"}])
def test_odd_questions_for_log_events_are_refused(cloud: Cloud, wrong: dict[str, Any]) -> None:
    client = boto3.client(
        "logs",
        endpoint_url=cloud.endpoint.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )

    with pytest.raises(client.exceptions.InvalidParameterException):
        client.filter_log_events(logGroupName="/aws/lambda/any", **wrong)
