"""template.yaml: what it grants, what it protects, and that it means the same to SAM as to us."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint_file  # type: ignore[import-untyped]
from samtranslator.translator.transform import transform

from lambdatuning.cloud.stack.package import (
    build,
    load_template,
    local_code,
    read_folder,
    template_body,
    with_code_in_s3,
)
from lambdatuning.cloud.stack.parameters import check_parameters, policy_sizes
from lambdatuning.core.errors import UsageError

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
        (role, statement)
        for role, document in documents()
        for statement in document["Statement"]
        if "Fn::If" not in statement
    ]


def conditional_statements() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Statements that parameters add, by the role's logical ID and the condition."""
    statements: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for role, document in documents():
        for condition, statement, otherwise in (
            entry["Fn::If"] for entry in document["Statement"] if "Fn::If" in entry
        ):
            assert otherwise == {"Ref": "AWS::NoValue"}
            statements.setdefault((role, condition), []).append(statement)
    return statements


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


def test_cfn_lint_has_nothing_to_say_with_all_of_its_rules() -> None:
    # I4010 asks for a block of context for agents; comments beside the resources say it to people.
    every = ManualArgs(include_checks=["I"], include_experimental=True, ignore_checks=["I4010"])
    assert [str(match) for match in lint_file(ROOT / "template.yaml", every)] == []


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
    assert table["SSESpecification"]["Fn::If"][2] == {"SSEEnabled": True}


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
    wide = [
        (condition, statement["Action"])
        for (_, condition), added in conditional_statements().items()
        for statement in added
        if statement["Resource"] == "*"
    ]
    # Lambda makes and removes network interfaces in the role's name; EC2 knows no narrower right.
    assert {condition for condition, _ in wide} == {"InVpc"}
    assert all(action.startswith("ec2:") for _, actions in wide for action in actions)


def test_functions_are_never_deleted_as_a_whole() -> None:
    deleting = [s for _, s in statements() if "lambda:DeleteFunction" in s["Action"]]
    [statement] = deleting
    shapes = json.dumps(statement["Resource"])
    resources = re.findall(r'[^",]+', shapes)
    named = [each for each in resources if each.startswith(("$", "arn:"))]
    assert len(named) == 3
    assert all(each.endswith(":*") for each in named)


ROLES = ("FunctionRole", "TunerRole", "TunerControlRole", "TunerMeasureRole")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_can_be_bounded_named_and_put_on_a_path(role: str) -> None:
    properties = RESOURCES[role]["Properties"]
    none = {"Ref": "AWS::NoValue"}
    bounded = ["IsBounded", {"Ref": "PermissionsBoundaryArn"}, none]
    assert properties["PermissionsBoundary"] == {"Fn::If": bounded}
    assert properties["Path"] == {"Ref": "RolePath"}
    condition, name, otherwise = properties["RoleName"]["Fn::If"]
    assert (condition, otherwise) == ("NamesRoles", none)
    assert name["Fn::Sub"].startswith("${RoleNamePrefix}${AWS::StackName}-${AWS::Region}-")


def test_a_vpc_and_a_key_reach_everything_that_takes_them() -> None:
    functions = TEMPLATE["Globals"]["Function"]
    assert functions["VpcConfig"]["Fn::If"][0] == "InVpc"
    assert functions["KmsKeyArn"]["Fn::If"][0] == "HasKey"
    for group in of_type(RESOURCES, "AWS::Logs::LogGroup").values():
        assert group["Properties"]["KmsKeyId"]["Fn::If"][1] == {"Ref": "KmsKeyArn"}
    with_key = RESOURCES["Samples"]["Properties"]["BucketEncryption"]["Fn::If"][1]
    [rule] = with_key["ServerSideEncryptionConfiguration"]
    encrypted = rule["ServerSideEncryptionByDefault"]
    assert encrypted == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}}
    added = conditional_statements()
    for role in ("FunctionRole", "TunerControlRole", "TunerMeasureRole"):
        assert added[role, "HasKey"]
        assert added[role, "InVpc"]


BAD = [
    ("TunableFunctionArns", "*"),
    ("TunableFunctionArns", "arn:aws:lambda:*:*:function:*"),
    ("TunableFunctionArns", "arn:aws:lambda:eu-west-1:111122223333:function:a:live"),
    ("TunableFunctionArns", "checkout"),
    ("ProcessorFunctionArns", "*"),
    ("LogGroupArns", "*"),
    ("PermissionsBoundaryArn", "boundary"),
    ("RolePath", "lambda"),
    ("SubnetIds", "subnet-0a,vpc-1"),
    ("KmsKeyArn", "alias/mine"),
    ("ReservedConcurrency", "-2"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_grants_too_much_or_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name):
        check_parameters(TEMPLATE, {name: value})


GOOD = [
    ("TunableFunctionArns", ""),
    ("TunableFunctionArns", "arn:aws:lambda:*:111122223333:function:*"),
    (
        "TunableFunctionArns",
        "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:a,"
        "arn:aws-cn:lambda:cn-north-1:111122223333:function:b-*",
    ),
    ("LogGroupArns", "arn:aws:logs:eu-west-1:111122223333:log-group:/company/apps/*"),
    ("PermissionsBoundaryArn", "arn:aws:iam::111122223333:policy/team/boundary"),
    ("PermissionsBoundaryArn", "arn:aws:iam::aws:policy/PowerUserAccess"),
    ("RolePath", "/team/lambda/"),
    ("SubnetIds", "subnet-0a1b,subnet-0c2d"),
    ("KmsKeyArn", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    ("ReservedConcurrency", "-1"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_what_organisations_write_is_taken(name: str, value: str) -> None:
    check_parameters(TEMPLATE, {name: value})


def arns(count: int, length: int) -> str:
    start = "arn:aws:lambda:eu-west-1:111122223333:function:"
    return ",".join(f"{start}{number:0{length - len(start)}d}" for number in range(count))


def test_sixty_functions_fit_into_the_policies() -> None:
    sixty = {"TunableFunctionArns": arns(60, 66)}
    check_parameters(TEMPLATE, sixty)
    assert max(policy_sizes(TEMPLATE, sixty).values()) < 10_240


def test_a_list_that_fits_into_no_policy_or_parameter_is_refused() -> None:
    many = {"TunableFunctionArns": arns(60, 66), "ProcessorFunctionArns": arns(40, 90)}
    with pytest.raises(UsageError, match=r"TunerMeasureRole would have .* 10,240: name several"):
        check_parameters(TEMPLATE, many)
    with pytest.raises(UsageError, match=r"6,059 characters, of which CloudFormation takes 4,096"):
        check_parameters(TEMPLATE, {"TunableFunctionArns": arns(60, 100)})


def test_no_arn_is_of_one_partition() -> None:
    """The stack deploys in AWS GovCloud (US) and in China as well."""
    machine = (ROOT / "lambdatuning/functions/tuner/state_machine.asl.json").read_text("utf-8")
    resources = json.dumps({**RESOURCES, **TEMPLATE["Outputs"]})
    partitions = [
        re.findall(r"arn:(\$\{[A-Za-z:]+\}|[^:]*):", text) for text in (machine, resources)
    ]
    assert [set(each) for each in partitions] == [{"${Partition}"}, {"${AWS::Partition}"}]
    assert "amazonaws.com/" not in resources


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


def test_the_bucket_is_as_s3_makes_it_for_tls_alone_and_expires() -> None:
    """Private, without ACLs and encrypted by default: service control policies deny to ask for it
    (Amazon S3 User Guide, "Default settings for new S3 buckets FAQ")."""
    bucket = RESOURCES["Samples"]["Properties"]
    assert not {"PublicAccessBlockConfiguration", "OwnershipControls", "AccessControl"} & {*bucket}
    assert bucket["BucketEncryption"]["Fn::If"][2] == {"Ref": "AWS::NoValue"}
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
    api = [
        {key: value for key, value in RESOURCES[name].items() if key != "Condition"}
        for name in ("DynamoDBManagerResource", "DynamoDBManagerPost")
    ]
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
            assert tags.get("lambdatuning") == {"Ref": "AWS::StackName"}, name
            # IAM takes keys that differ by case alone for the same: none of an organisation's.
            assert not {"project", "stack", "owner", "team"} & {key.lower() for key in tags}, name


def test_code_packages_are_small_and_hold_no_tests() -> None:
    """Nothing of third parties, nothing that only a client needs. The tuner is 180 KB, a third of
    it adaptive exploration, whose import is a tenth of that of boto3 in a cold start."""
    for code in local_code(TEMPLATE, ROOT):
        artifact = build(code)
        assert len(artifact.data) < 190_000, code.logical_id


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
