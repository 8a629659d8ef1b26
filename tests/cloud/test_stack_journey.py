"""The life of the stack of template.yaml on the embedded AWS, step after step."""

import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import lambdatuning as lt
from lambdatuning.cloud.session import Cloud
from lambdatuning.cloud.stack.deploy import DeployOptions, discard, execute, plan_deploy
from lambdatuning.cloud.stack.destroy import execute_destroy, plan_destroy
from lambdatuning.cloud.stack.package import load_template, local_code
from lambdatuning.cloud.stack.status import StackEvent, find, status
from lambdatuning.core.errors import NotFoundError, StackError, UsageError
from tests.journeys.policies import statements

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
NAME = "lambdatuning"


def options(name: str = NAME, **parameters: str) -> DeployOptions:
    return DeployOptions(name, TEMPLATE, parameters)


def left(cloud: Cloud) -> dict[str, Any]:
    """Everything that a stack might leave in an account."""
    return {
        "buckets": cloud.client("s3").list_buckets()["Buckets"],
        "tables": cloud.client("dynamodb").list_tables()["TableNames"],
        "functions": cloud.client("lambda").list_functions()["Functions"],
        "groups": cloud.client("logs").describe_log_groups()["logGroups"],
        "roles": cloud.client("iam").list_roles()["Roles"],
        "apis": cloud.client("apigateway").get_rest_apis()["items"],
        "machines": cloud.client("stepfunctions").list_state_machines()["stateMachines"],
        "stacks": cloud.client("cloudformation").describe_stacks()["Stacks"],
    }


def nothing_left(cloud: Cloud) -> bool:
    return not any(left(cloud).values())


def changed(cloud: Cloud, **parameters: str) -> dict[str, str]:
    """Logical ID -> action of what a plan with these parameters would change."""
    plan = plan_deploy(cloud, options(**parameters))
    discard(cloud, plan)
    return {change.logical_id: change.action for change in plan.changes}


def post(url: str, request: Any) -> tuple[int, Any]:
    data = request if isinstance(request, bytes) else json.dumps(request).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


@pytest.fixture(scope="module")
def outputs(embedded: Cloud) -> dict[str, str]:
    """The stack, deployed."""
    return execute(embedded, plan_deploy(embedded, options()))


def test_before_it_there_is_none(embedded: Cloud) -> None:
    with pytest.raises(NotFoundError, match="run `lambdatuning deploy` first"):
        status(embedded, NAME)
    with pytest.raises(NotFoundError):
        plan_destroy(embedded, NAME)


def test_a_bad_parameter_creates_nothing(embedded: Cloud) -> None:
    with pytest.raises(UsageError, match='did you mean "MemorySize"'):
        plan_deploy(embedded, options(MemorySise="256"))
    with pytest.raises(UsageError, match="from 128 to 10240"):
        plan_deploy(embedded, options(MemorySize="64"))
    assert nothing_left(embedded)


def test_a_declined_plan_leaves_nothing(embedded: Cloud) -> None:
    plan = plan_deploy(embedded, options())
    assert plan.creates
    actions = {change.logical_id: change.action for change in plan.changes}
    assert actions["LambdaFunctionOverHttps"] == actions["Table"] == "added"
    discard(embedded, plan)
    assert nothing_left(embedded)


def test_deploying_gives_what_a_client_needs(embedded: Cloud, outputs: dict[str, str]) -> None:
    stack = status(embedded, NAME)
    assert stack.state == "CREATE_COMPLETE"
    assert stack.outputs == outputs
    assert stack.parameters["MemorySize"] == "128"
    assert outputs["TableName"] == "lambda-apigateway"
    function = embedded.client("lambda").get_function(FunctionName=outputs["FunctionName"])
    assert function["Configuration"]["FunctionArn"] == outputs["FunctionArn"]
    assert function["Configuration"]["MemorySize"] == 128
    assert function["Tags"]["lambdatuning"] == NAME


def test_the_function_answers_over_http(outputs: dict[str, str]) -> None:
    url, key = outputs["ApiUrl"], {"Key": {"id": "a"}}
    number = 12345678901234567890
    item = {"Item": {"id": "a", "number": number}}
    assert post(url, {"operation": "ping"}) == (200, "pong")
    assert post(url, {"operation": "create", "payload": item})[0] == 200
    assert post(url, {"operation": "read", "payload": key})[1]["Item"]["number"] == number
    assert post(url, {"operation": "delete", "payload": key})[0] == 200
    assert post(url, {"operation": "read", "payload": key})[0] == 404
    assert post(url, {"operation": "list", "tableName": "other"})[0] == 403
    assert post(url, {"operation": "drop"})[0] == 400
    assert post(url, b"{")[0] == 400


def test_the_api_answers_under_its_host_name_too(outputs: dict[str, str]) -> None:
    """As `ID.execute-api.localhost:PORT/STAGE/...`, which browsers and curl resolve to loopback."""
    endpoint = urlsplit(outputs["ApiUrl"])
    connection = http.client.HTTPConnection(endpoint.netloc)
    host = f"{outputs['ApiId']}.execute-api.localhost:{endpoint.port}"
    body = b'{"operation": "ping"}'
    connection.request("POST", "/Prod/DynamoDBManager", body, {"Host": host})
    answer = connection.getresponse()
    assert (answer.status, json.load(answer)) == (200, "pong")
    connection.close()


def test_a_direct_call_raises_as_in_the_tutorial(embedded: Cloud, outputs: dict[str, str]) -> None:
    answer = embedded.client("lambda").invoke(
        FunctionName=outputs["FunctionName"], Payload=b'{"operation": "x"}'
    )
    error = json.load(answer["Payload"])
    assert (error["errorType"], error["errorMessage"]) == (
        "ValueError",
        'Unrecognized operation "x"',
    )


def test_no_changes_is_success(embedded: Cloud, outputs: dict[str, str]) -> None:
    plan = plan_deploy(embedded, options())
    assert (plan.changes, plan.change_set_id) == ((), None)
    assert execute(embedded, plan) == outputs
    sets = embedded.client("cloudformation").list_change_sets(StackName=NAME)["Summaries"]
    assert [entry["Status"] for entry in sets if entry["Status"] == "FAILED"] == []


def test_an_update_changes_the_given_parameters_and_keeps_the_rest(
    embedded: Cloud, outputs: dict[str, str]
) -> None:
    reported = list[StackEvent]()
    plan = plan_deploy(embedded, options(MemorySize="256"))
    assert not plan.creates
    changed = [c for c in plan.changes if not c.follows]
    assert [c.logical_id for c in changed] == ["LambdaFunctionOverHttps"]
    assert not any(c.replacement or c.conditional for c in plan.changes)
    assert execute(embedded, plan, reported.append) == outputs
    assert reported[-1].state == "UPDATE_COMPLETE"
    execute(embedded, plan_deploy(embedded, options(LogRetentionDays="7")))
    parameters = status(embedded, NAME).parameters
    assert (parameters["MemorySize"], parameters["LogRetentionDays"]) == ("256", "7")
    function = embedded.client("lambda").get_function(FunctionName=outputs["FunctionName"])
    assert function["Configuration"]["MemorySize"] == 256


@pytest.mark.parametrize("access", ["AWS_IAM", "API_KEY", "NONE"])
def test_access_to_the_api_is_switched_for_good(
    embedded: Cloud, outputs: dict[str, str], access: str
) -> None:
    client = embedded.client("apigateway")
    before = client.get_stage(restApiId=outputs["ApiId"], stageName="Prod")["deploymentId"]
    execute(embedded, plan_deploy(embedded, options(ApiAuth=access)))
    after = client.get_stage(restApiId=outputs["ApiId"], stageName="Prod")["deploymentId"]
    assert after != before
    resources = client.get_resources(restApiId=outputs["ApiId"], embed=["methods"])["items"]
    [methods] = [r["resourceMethods"] for r in resources if r["path"] == "/DynamoDBManager"]
    method = methods["POST"]
    assert (method["authorizationType"] == "AWS_IAM") == (access == "AWS_IAM")
    assert method["apiKeyRequired"] == (access == "API_KEY")
    assert ("ApiKeyId" in status(embedded, NAME).outputs) == (access == "API_KEY")


def test_functions_to_tune_are_granted_by_arn(embedded: Cloud, outputs: dict[str, str]) -> None:
    arn = "arn:aws:lambda:us-east-1:111122223333:function"
    execute(embedded, plan_deploy(embedded, options(TunableFunctionArns=f"{arn}:a*,{arn}:b")))
    iam = embedded.client("iam")
    [role] = [r for r in iam.list_roles()["Roles"] if "TunerMeasureRole" in r["RoleName"]]
    policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName="measure")
    granted = policy["PolicyDocument"]["Statement"][0]
    own = outputs["FunctionArn"]
    assert granted["Action"] == "lambda:InvokeFunction"
    assert granted["Resource"] == [
        "arn:aws:lambda:*:111122223333:function:lambdatuning-copy-*:*",
        f"{own}:*",
        f"{arn}:a*:*",
        f"{arn}:b:*",
    ]


EXAMPLE = {
    "AWS::ApiGateway::RestApi",
    "AWS::DynamoDB::Table",
    "AWS::Lambda::Permission",
}


def test_the_tuner_alone_has_nothing_of_the_example(
    embedded: Cloud, outputs: dict[str, str]
) -> None:
    """It is deployed beside a stack that has the table, and updated without losing its kind."""
    alone = execute(embedded, plan_deploy(embedded, options("tuner", Example="false")))
    assert alone.keys() == {
        "StateMachineArn", "SamplesBucket", "TunerControlFunction", "TunerMeasureFunction",
    }  # fmt: skip
    plan = plan_deploy(embedded, options("tuner", LogRetentionDays="7"))
    assert "added" not in {change.action for change in plan.changes}
    assert execute(embedded, plan) == alone
    removal = plan_destroy(embedded, "tuner")
    types = {resource.type for resource in removal.resources}
    assert not EXAMPLE & types
    roles = [r.physical_id for r in removal.resources if r.type == "AWS::IAM::Role"]
    granted = [s for role in roles for s in statements(embedded, role)]
    functions = {
        resource
        for statement in granted
        for resource in statement.resources
        if ":function:" in resource and "-Tuner" not in resource
    }
    copies = "arn:aws:lambda:*:111122223333:function:lambdatuning-copy-*"
    assert functions == {copies, f"{copies}:*"}
    with pytest.raises(StackError, match=r"has the tuner alone: .* deploy --with-example"):
        lt.benchmark(embedded, stack="tuner", payload="ping")
    execute_destroy(embedded, removal)


def test_a_second_stack_needs_another_table(embedded: Cloud, outputs: dict[str, str]) -> None:
    with pytest.raises(StackError, match="--parameter TableName=NAME"):
        plan_deploy(embedded, options("second"))
    assert find(embedded, "second") is None
    plan = plan_deploy(embedded, options("second", TableName="second-table"))
    second = execute(embedded, plan)
    assert second["FunctionName"] != outputs["FunctionName"]
    execute_destroy(embedded, plan_destroy(embedded, "second"))
    assert find(embedded, "second") is None
    assert post(outputs["ApiUrl"], {"operation": "ping"}) == (200, "pong")


def test_the_whole_folders_that_sam_would_zip_work_too(
    embedded: Cloud, outputs: dict[str, str], tmp_path: Path
) -> None:
    template = load_template(TEMPLATE)
    for code in local_code(template, TEMPLATE.parent):
        resource = template["Resources"][code.logical_id]
        resource.pop("Metadata", None)
        resource["Properties"][code.property] = str(code.path)
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    execute(embedded, plan_deploy(embedded, DeployOptions(NAME, path)))
    assert post(outputs["ApiUrl"], {"operation": "ping"}) == (200, "pong")
    for name in ("TunerControlFunction", "TunerMeasureFunction"):
        answer = embedded.client("lambda").invoke(FunctionName=outputs[name], Payload=b"{}")
        error = json.load(answer["Payload"])
        assert "import" not in error["errorType"].lower(), error


def test_destroying_leaves_nothing(embedded: Cloud, outputs: dict[str, str]) -> None:
    for number in range(3):
        key = f"function=f/run=r/{number}.csv"
        embedded.client("s3").put_object(Bucket=outputs["SamplesBucket"], Key=key, Body=b"x")
    reported = list[StackEvent]()
    plan = plan_destroy(embedded, NAME)
    assert plan.objects == 3
    assert plan.packages is not None
    assert plan.packages >= 3
    assert {resource.logical_id for resource in plan.resources} >= {"Table", "Samples", "Tuner"}
    assert execute_destroy(embedded, plan, reported.append).notes == ()
    assert reported[-1].state == "DELETE_COMPLETE"
    assert nothing_left(embedded), left(embedded)
