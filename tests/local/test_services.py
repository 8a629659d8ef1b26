"""Other services reach our Lambda: API Gateway over HTTP, Step Functions, stacks."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.local.conftest import ROLE, Cloud

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
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _run_machine(cloud: Cloud, definition: dict[str, Any], given: object) -> dict[str, Any]:
    client = cloud.client("stepfunctions")
    machine = client.create_state_machine(
        name=f"m{next(cloud.numbers)}", definition=json.dumps(definition), roleArn=ROLE
    )
    execution = client.start_execution(
        stateMachineArn=machine["stateMachineArn"], input=json.dumps(given)
    )
    deadline = time.monotonic() + 60
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
        "import time\ndef handler(event, context):\n    time.sleep(0.3)\n    return event * 2\n"
    )
    inner = _task(name)
    inner["ProcessorConfig"] = {"Mode": "INLINE"}
    machine = {
        "StartAt": "All",
        "States": {"All": {"Type": "Map", "ItemProcessor": inner, "End": True}},
    }

    state = _run_machine(cloud, machine, [1, 2, 3])

    assert json.loads(state["output"]) == [2, 4, 6]
    assert len({event["logStreamName"] for event in cloud.events(f"/aws/lambda/{name}")}) >= 2


def test_a_stack_serves_its_api_over_http(cloud: Cloud) -> None:
    client = cloud.client("cloudformation")
    client.create_stack(
        StackName="api",
        TemplateBody=STACK,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    client.get_waiter("stack_create_complete").wait(
        StackName="api", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    [stack] = client.describe_stacks(StackName="api")["Stacks"]
    api_id = stack["Outputs"][0]["OutputValue"]

    url = f"{cloud.endpoint.url}/restapis/{api_id}/Prod/_user_request_/DynamoDBManager"

    assert _post(url, {"operation": "ping"}) == (200, "512")


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
    cloud.invoke(name, 9_000)
    time.sleep(0.01)
    cloud.invoke(name, 9_000)

    messages = cloud.messages(f"/aws/lambda/{name}")

    assert [m for m in messages if m.isdigit()] == [str(n) for n in range(9_000)] * 2
    few = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", limit=3)
    assert len(few["events"]) == 3
    assert few["nextToken"]


def test_code_that_was_never_uploaded_is_told(cloud: Cloud) -> None:
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
