"""template.yaml: what it grants, what it protects, and that it means the same to SAM as to us."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file  # type: ignore[import-untyped]
from samtranslator.translator.transform import transform

from lambdatuning.cloud.stack.package import (
    build,
    load_template,
    local_code,
    read_folder,
    template_body,
    with_code_in_s3,
)

ROOT = Path(__file__).parents[1]
TEMPLATE = load_template(ROOT / "template.yaml")
RESOURCES = TEMPLATE["Resources"]
OUTPUTS = {
    "ApiUrl",
    "FunctionName",
    "FunctionArn",
    "TableName",
    "StateMachineArn",
    "SamplesBucket",
    "TunerControlFunction",
    "TunerMeasureFunction",
}


class NoManagedPolicies:
    """Functions have roles of their own, so that no managed policy is ever asked for."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """The template as SAM makes it into plain CloudFormation."""
    packaged = with_code_in_s3(
        TEMPLATE, "bucket", {code.logical_id: "key" for code in local_code(TEMPLATE, ROOT)}.get
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources: dict[str, Any] = transform(packaged, {}, NoManagedPolicies())["Resources"]
    return resources


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: entry for name, entry in resources.items() if entry["Type"] == kind}


def statements() -> list[tuple[str, dict[str, Any]]]:
    """Every statement of every policy of a role, with the role's logical ID."""
    return [
        (role, statement.get("Fn::If", [None, statement])[1])
        for role, document in documents()
        for statement in document["Statement"]
    ]


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy document of a role, inside it or apart, with the role's logical ID."""
    for name, resource in RESOURCES.items():
        properties = resource["Properties"]
        for policy in properties.get("Policies", ()):
            yield name, policy["PolicyDocument"]
        if resource["Type"] == "AWS::IAM::Policy":
            yield properties["Roles"][0]["Ref"], properties["PolicyDocument"]


def actions(role: str) -> set[str]:
    granted = [statement["Action"] for name, statement in statements() if name == role]
    return {one for entry in granted for one in ([entry] if isinstance(entry, str) else entry)}


def test_cfn_lint_has_nothing_to_say() -> None:
    assert [str(match) for match in lint_file(ROOT / "template.yaml")] == []


def test_sam_understands_it(plain: dict[str, Any]) -> None:
    assert len(of_type(plain, "AWS::Lambda::Function")) == 3
    assert len(of_type(plain, "AWS::StepFunctions::StateMachine")) == 1
    assert of_type(plain, "AWS::ApiGateway::RestApi").keys() == {"DynamoDBOperations"}
    assert len(of_type(plain, "AWS::IAM::Role")) == 4  # SAM adds none of its own


def test_it_fits_in_a_request() -> None:
    assert len(template_body(TEMPLATE)) < 30_000


def test_outputs_hold_what_clients_need() -> None:
    assert TEMPLATE["Outputs"].keys() >= OUTPUTS


def test_the_table_keeps_the_name_of_the_tutorial_and_is_encrypted() -> None:
    assert TEMPLATE["Parameters"]["TableName"]["Default"] == "lambda-apigateway"
    table = RESOURCES["Table"]["Properties"]
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_the_function_may_use_its_items_and_nothing_else() -> None:
    items = {"DeleteItem", "GetItem", "PutItem", "Scan", "UpdateItem"}
    logs = {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert actions("FunctionRole") == {f"dynamodb:{name}" for name in items} | logs


def test_the_tuner_s_functions_have_apart_what_each_needs() -> None:
    assert "lambda:InvokeFunction" not in actions("TunerControlRole")
    assert "lambda:UpdateFunctionConfiguration" not in actions("TunerMeasureRole")
    assert actions("TunerRole") == {"lambda:InvokeFunction"}


def test_no_statement_grants_everything() -> None:
    for role, statement in statements():
        granted = statement["Action"]
        for action in [granted] if isinstance(granted, str) else granted:
            assert "*" not in action, role
        assert "*" not in (statement["Resource"], *statement["Resource"]), role


def test_no_resource_has_a_fixed_name_but_the_api() -> None:
    """Two stacks fit in an account: names come from parameters or the stack's name."""
    keys = ("FunctionName", "TableName", "BucketName", "RoleName", "LogGroupName", "Name")
    fixed = {
        (name, resource["Properties"][key])
        for name, resource in RESOURCES.items()
        for key in keys
        if isinstance(resource["Properties"].get(key), str)
    }
    assert fixed == {("DynamoDBOperations", "DynamoDBOperations")}


def test_log_groups_expire_and_go_with_the_stack() -> None:
    groups = of_type(RESOURCES, "AWS::Logs::LogGroup")
    assert len(groups) == 2
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        assert group["DeletionPolicy"] == "Delete"
    for function in of_type(RESOURCES, "AWS::Serverless::Function").values():
        assert function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] in groups


def test_the_bucket_is_private_encrypted_tls_only_and_expires() -> None:
    bucket = RESOURCES["Samples"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"]
    [statement] = RESOURCES["SamplesPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_api_is_throttled() -> None:
    [settings] = RESOURCES["Stage"]["Properties"]["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottlingRateLimit"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottlingBurstLimit"}


def test_a_changed_method_gets_a_new_deployment() -> None:
    """A stage serves what its deployment saw: rename the three, then put the new hash here."""
    api = [RESOURCES["DynamoDBManagerResource"], RESOURCES["DynamoDBManagerPost"]]
    digest = hashlib.sha256(json.dumps(api, sort_keys=True).encode()).hexdigest()[:12]
    deployments = of_type(RESOURCES, "AWS::ApiGateway::Deployment")
    assert deployments.keys() == {"OpenDeployment1", "IamDeployment1", "ApiKeyDeployment1"}
    assert digest == "2da620f8c89b"


def test_everything_that_can_be_tagged_carries_the_cost_tags(plain: dict[str, Any]) -> None:
    untaggable = {
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Resource",
        "AWS::ApiGateway::UsagePlanKey",
        "AWS::IAM::Policy",
        "AWS::Lambda::Permission",
        "AWS::S3::BucketPolicy",
    }
    for name, resource in plain.items():
        if resource["Type"] not in untaggable:
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
            assert tags.get("project") == "lambdatuning", name
            assert tags.get("stack") == {"Ref": "AWS::StackName"}, name


def test_code_packages_are_small_and_hold_no_tests() -> None:
    """Nothing of third parties, nothing that only a client needs. The tuner is 130 KB, a third of
    it adaptive exploration, whose import is a tenth of that of boto3 in a cold start."""
    for code in local_code(TEMPLATE, ROOT):
        artifact = build(code)
        assert len(artifact.data) < 150_000, code.logical_id


IMPORT_ALL = """
import functions.entry, importlib, pkgutil
import lambdatuning.functions.tuner as tuner
for module in pkgutil.walk_packages(tuner.__path__, tuner.__name__ + "."):
    importlib.import_module(module.name)
print(tuner.__file__)
"""


@pytest.mark.parametrize("by", ["sam", "us"])
def test_the_tuner_finds_all_that_it_imports_in_its_package(tmp_path: Path, by: str) -> None:
    """`sam build` copies whole folders; we leave out what the template names."""
    (code,) = [each for each in local_code(TEMPLATE, ROOT) if each.logical_id == "TunerControl"]
    for name, data in read_folder(code.path, code.package if by == "us" else ()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    handler = RESOURCES["TunerControl"]["Properties"]["Handler"]
    region = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "_HANDLER": handler, "SAMPLES_BUCKET": "b", **region},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)
