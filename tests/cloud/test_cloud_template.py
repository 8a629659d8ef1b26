"""Reading CloudFormation's YAML and refusing what CloudFormation would refuse."""

import json
from pathlib import Path

import pytest

from lambdatuning.cloud.stack.package import (
    load_template,
    local_code,
    template_body,
    with_code_in_s3,
)
from lambdatuning.cloud.stack.parameters import check_parameters
from lambdatuning.core.errors import UsageError

TEXT = """
Parameters:
  Size: {Type: Number, MinValue: 1, MaxValue: 9}
  Color: {Type: String, AllowedValues: [red, blue]}
  Name: {Type: String, AllowedPattern: "[a-z]+"}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: 2012-10-17}
      Arn: !GetAtt Function.Nested.Arn
      Name: !Sub "${A}-x"
      Maybe: !If [IsIt, !Ref Size, !Ref AWS::NoValue]
      Long: !Join ["", [!Select [0, !Split [",", "a,b"]], !Base64 x]]
  Function:
    Type: AWS::Serverless::Function
    Metadata: {Package: [a.py]}
    Properties: {CodeUri: src}
  Elsewhere:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: s3://bucket/key}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: machine.json}
Conditions:
  Both: !And [!Condition IsIt, !Equals [a, b]]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(text)
    return path


def test_short_tags_become_their_long_form(tmp_path: Path) -> None:
    template = load_template(write(tmp_path, TEXT))
    properties = template["Resources"]["Role"]["Properties"]
    assert properties["AssumeRolePolicyDocument"] == {"Version": "2012-10-17"}
    assert properties["Arn"] == {"Fn::GetAtt": ["Function", "Nested.Arn"]}
    assert properties["Name"] == {"Fn::Sub": "${A}-x"}
    assert properties["Maybe"] == {"Fn::If": ["IsIt", {"Ref": "Size"}, {"Ref": "AWS::NoValue"}]}
    assert properties["Long"] == {
        "Fn::Join": ["", [{"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]}, {"Fn::Base64": "x"}]]
    }
    both = template["Conditions"]["Both"]
    assert both == {"Fn::And": [{"Condition": "IsIt"}, {"Fn::Equals": ["a", "b"]}]}
    assert json.loads(template_body(template)) == template


def test_only_code_that_lies_here_is_uploaded(tmp_path: Path) -> None:
    template = load_template(write(tmp_path, TEXT))
    packages = {code.logical_id: code for code in local_code(template, tmp_path)}
    assert packages.keys() == {"Function", "Machine"}
    assert packages["Function"].path == tmp_path / "src"
    assert packages["Function"].package == ("a.py",)


def test_the_rewritten_template_points_to_s3(tmp_path: Path) -> None:
    template = load_template(write(tmp_path, TEXT))
    packaged = with_code_in_s3(template, "b", {"Function": "f.zip", "Machine": "m.json"}.get)
    resources = packaged["Resources"]
    assert resources["Function"]["Properties"]["CodeUri"] == {"Bucket": "b", "Key": "f.zip"}
    assert resources["Machine"]["Properties"]["DefinitionUri"] == {"Bucket": "b", "Key": "m.json"}
    assert resources["Elsewhere"]["Properties"]["CodeUri"] == "s3://bucket/key"
    assert template["Resources"]["Function"]["Properties"]["CodeUri"] == "src"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Resources: {a: [}", r"template\.yaml:1: "),
        ("Resources:\n  A: {}\n  A: {}\n", r"template\.yaml:3: .*stands twice"),
        ("Resources:\n  A: !Sub\n    b: 1\n    b: 2\n", r"template\.yaml:4: .*stands twice"),
        ("a: 1", "has no Resources"),
        ("- a", "has no Resources"),
        ("", "has no Resources"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_template(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_template(tmp_path / "no.yaml")


def test_a_template_over_the_limit_is_refused() -> None:
    with pytest.raises(UsageError, match="51200 bytes"):
        template_body({"Resources": {}, "Description": "x" * 60_000})


def test_parameters_that_fit_are_taken(tmp_path: Path) -> None:
    template = load_template(write(tmp_path, TEXT))
    check_parameters(template, {"Size": "9", "Color": "red", "Name": "abc"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Colour", "red", 'no parameter "Colour"; did you mean "Color"'),
        ("Color", "green", 'Color must be one of red, blue; not "green"'),
        ("Size", "10", 'Size must be a number from 1 to 9; not "10"'),
        ("Size", "big", 'Size must be a number from 1 to 9; not "big"'),
        ("Name", "ABC", r'Name must match \[a-z\]\+; not "ABC"'),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    template = load_template(write(tmp_path, TEXT))
    with pytest.raises(UsageError, match=message):
        check_parameters(template, {name: value})
