"""The AWS CLI and a plain boto3 script work unchanged: nothing is set but AWS_ENDPOINT_URL."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lambdatuning.local.endpoint import environment_for
from tests.local.conftest import (
    BESIDE_PYTHON,
    OFTEN,
    ROLE,
    AwsCli,
    Cloud,
    missing,
    package,
    printed,
)
from tests.local.test_services import STACK
from tests.waiting import until

ROOT = Path(__file__).parents[2]
ECHO = "def handler(event, context):\n    print('heard', event)\n    return event\n"


@pytest.fixture(scope="module")
def function(aws: AwsCli, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An echo function that the CLI made."""
    code = tmp_path_factory.mktemp("code") / "code.zip"
    code.write_bytes(package({"app.py": ECHO}))
    aws(
        *("lambda", "create-function", "--function-name", "echo", "--runtime", "python3.12"),
        *("--role", ROLE, "--handler", "app.handler", "--zip-file", f"fileb://{code}"),
    )
    aws("lambda", "wait", "function-active-v2", "--function-name", "echo")
    return "echo"


def test_lambda_invoke(cloud: Cloud, function: str, tmp_path: Path) -> None:
    output = tmp_path / "out.json"

    answer = AwsCli(cloud.endpoint.environment, BESIDE_PYTHON).json(
        *("lambda", "invoke", "--function-name", function, "--payload", '{"a": 1}'),
        *("--log-type", "Tail", str(output)),
    )

    assert json.loads(output.read_text()) == {"a": 1}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["LogResult"]


def _tail(cloud: Cloud, group: str) -> str:
    """What `aws logs tail` of an AWS CLI 2 on this machine prints; AWS CLI 1 does not have it."""
    # It knows AWS_ENDPOINT_URL since 2.13; older ones must not ask AWS.
    words = ["logs", "tail", group, "--since", "5m", "--endpoint-url", cloud.endpoint.url]
    folders = (folder for folder in os.get_exec_path() if Path(folder) != BESIDE_PYTHON.parent)
    for program in filter(None, (shutil.which("aws", path=folder) for folder in folders)):
        done = subprocess.run(
            [program, *words],
            env={"PATH": os.environ["PATH"], **cloud.endpoint.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if "Invalid choice" not in done.stderr:
            assert done.returncode == 0, done.stderr
            return done.stdout
    return missing("AWS CLI 2 is not installed; on Debian: apt-get install awscli")


def test_logs_tail(cloud: Cloud, function: str) -> None:
    answer = cloud.invoke(function, "tailed")

    lines = _tail(cloud, f"/aws/lambda/{function}").splitlines()
    mine = [line for line in lines if answer.request_id in line or "heard tailed" in line]
    assert [line.split()[2] for line in mine] == ["START", "heard", "END", "REPORT"]
    times = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*\+00:00"
    assert all(re.match(rf"{times} \d{{4}}/\d\d/\d\d/\[\$LATEST\]", line) for line in mine)


def test_stepfunctions_execution(cloud: Cloud, aws: AwsCli, function: str) -> None:
    definition = {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": function, "Payload.$": "$"},
                "OutputPath": "$.Payload",
                "End": True,
            }
        },
    }
    machine = aws.json(
        *("stepfunctions", "create-state-machine", "--name", "by-cli", "--role-arn", ROLE),
        *("--definition", json.dumps(definition)),
    )
    execution = aws.json(
        *("stepfunctions", "start-execution", "--input", '{"b": 2}'),
        *("--state-machine-arn", machine["stateMachineArn"]),
    )

    arn = execution["executionArn"]

    def is_over() -> bool:
        described = cloud.client("stepfunctions").describe_execution(executionArn=arn)
        return bool(described["status"] != "RUNNING")

    until(is_over, "the end of the execution")
    state = aws.json("stepfunctions", "describe-execution", "--execution-arn", arn)
    assert (state["status"], json.loads(state["output"])) == ("SUCCEEDED", {"b": 2})


def test_dynamodb_scan(aws: AwsCli) -> None:
    aws(
        *("dynamodb", "create-table", "--table-name", "things"),
        *("--attribute-definitions", "AttributeName=id,AttributeType=S"),
        *("--key-schema", "AttributeName=id,KeyType=HASH", "--billing-mode", "PAY_PER_REQUEST"),
    )
    aws("dynamodb", "put-item", "--table-name", "things", "--item", '{"id": {"S": "1"}}')

    assert aws.json("dynamodb", "scan", "--table-name", "things")["Items"] == [{"id": {"S": "1"}}]


def test_s3_cp(aws: AwsCli, tmp_path: Path) -> None:
    sent, back = tmp_path / "sent", tmp_path / "back"
    # Above the CLI's threshold of 8 MB it uploads in parts.
    sent.write_bytes(os.urandom(9 << 20))
    aws("s3", "mb", "s3://by-cli")

    aws("s3", "cp", str(sent), "s3://by-cli/folder/file", "--no-progress")
    aws("s3", "cp", "s3://by-cli/folder/file", str(back), "--no-progress")

    assert back.read_bytes() == sent.read_bytes()


def test_cloudformation_deploy_and_the_rest_api(cloud: Cloud, aws: AwsCli, tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(STACK)
    deploy = (
        *("cloudformation", "deploy", "--template-file", str(template), "--stack-name", "by-cli"),
        *("--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"),
    )

    aws(*deploy)

    described = aws.json("cloudformation", "describe-stack-resources", "--stack-name", "by-cli")
    own = {resource["PhysicalResourceId"] for resource in described["StackResources"]}
    # The server is shared: other tests have APIs on it, too.
    listed = aws.json("apigateway", "get-rest-apis")["items"]
    [api] = [each for each in listed if each["id"] in own]
    [stack] = aws.json("cloudformation", "describe-stacks", "--stack-name", "by-cli")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Outputs"][0]["OutputValue"] == api["id"]
    assert "No changes to deploy" in aws(*deploy, "--no-fail-on-empty-changeset")


STATUS = """
import sys
from lambdatuning.cli.app import main
for stack in sys.argv[1:]:
    main(["status", "--stack", stack])
    print(flush=True)
"""
"""What our own command line prints about stacks of the same endpoint."""


def test_our_own_template_deployed_by_the_cli_is_recognised(aws: AwsCli, tmp_path: Path) -> None:
    packaged = tmp_path / "packaged.yaml"
    aws("s3", "mb", "s3://artifacts")
    aws(
        *("cloudformation", "package", "--template-file", "template.yaml"),
        *("--s3-bucket", "artifacts", "--output-template-file", str(packaged)),
        cwd=ROOT,
    )
    aws(
        *("cloudformation", "deploy", "--template-file", str(packaged), "--stack-name", "ours"),
        *("--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"),
    )

    # It has no tag of ours, as `lambdatuning deploy` sets it, but begins its text with our name.
    shown = printed([sys.executable, "-c", STATUS, "ours", "by-cli"], aws.environment)

    ours, foreign = (part.splitlines()[0] for part in shown.split("\n\n")[:2])
    assert ours == "ours  CREATE_COMPLETE"
    assert foreign == "by-cli  CREATE_COMPLETE  not a stack of lambdatuning"


CONDITIONAL = """
Description: Two topics, one of them on demand
Parameters:
  Both: {Type: String, Default: "no"}
Conditions:
  WantsBoth: !Equals [!Ref Both, "yes"]
Resources:
  Always: {Type: AWS::SNS::Topic}
  Sometimes: {Type: AWS::SNS::Topic, Condition: WantsBoth}
"""


def test_a_change_set_lists_what_will_be_made(cloud: Cloud) -> None:
    """ministack lists resources whose condition is false, and forgets the stack's text."""
    client = cloud.client("cloudformation")

    def change(kind: str, both: str) -> list[str]:
        made = client.create_change_set(
            StackName="conditional",
            ChangeSetName=f"{kind}-{both}",
            ChangeSetType=kind,
            TemplateBody=CONDITIONAL,
            Parameters=[{"ParameterKey": "Both", "ParameterValue": both}],
        )
        changes = client.describe_change_set(ChangeSetName=made["Id"])["Changes"]
        client.execute_change_set(ChangeSetName=made["Id"])
        waiter = "stack_create_complete" if kind == "CREATE" else "stack_update_complete"
        client.get_waiter(waiter).wait(StackName="conditional", WaiterConfig=OFTEN)
        shown = [one["ResourceChange"] for one in changes]
        return [f"{one['Action']} {one['LogicalResourceId']}" for one in shown]

    assert change("CREATE", "no") == ["Add Always"]
    assert change("UPDATE", "yes") == ["Add Sometimes"]
    assert change("UPDATE", "no") == ["Remove Sometimes"]
    [stack] = client.describe_stacks(StackName="conditional")["Stacks"]
    assert stack["Description"] == "Two topics, one of them on demand"


SCRIPT = """
import boto3, json
lambda_ = boto3.client("lambda")
answer = lambda_.invoke(FunctionName="echo", Payload=json.dumps({"plain": True}))
print(answer["Payload"].read().decode())
table = boto3.resource("dynamodb").create_table(
    TableName="plain",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    BillingMode="PAY_PER_REQUEST",
)
table.wait_until_exists()
table.put_item(Item={"id": "1", "many": 5})
print(table.scan()["Items"][0]["many"])
print(boto3.client("sts").get_caller_identity()["Account"])
"""


@pytest.mark.usefixtures("function")
def test_a_plain_boto3_script(cloud: Cloud) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PATH": os.environ["PATH"], **environment_for(cloud.endpoint.url)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ['{"plain": true}', "5", "111122223333"]
