"""A copy for tuning: the same function in every setting, and gone at the end, however it ends."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import URLError

import boto3
import pytest

from lambdatuning.cloud.session import Cloud, open_url
from lambdatuning.cloud.tuning import isolation
from lambdatuning.cloud.tuning.cleaning import clean_function, remains
from lambdatuning.cloud.tuning.isolation import (
    _COPIED,
    _SHAPED,
    PREFIX,
    copy_settings,
    isolated,
    refuse_uncopied,
)
from lambdatuning.core.errors import CutOffError, LambdaTuningError, UsageError
from lambdatuning.functions.tuner.tunable import OTHER_KINDS
from tests.fakes.aws_lambda import refusal
from tests.journeys.functions import make_function

from .conftest import fake_cloud

EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Tuner:run-1"

CONFIG: Any = {
    "FunctionName": "shop", "FunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:shop",
    "Runtime": "python3.12", "Role": "arn:aws:iam::111122223333:role/r", "Handler": "app.handler",
    "CodeSize": 10, "Description": "mine", "Timeout": 7, "MemorySize": 256, "Version": "$LATEST",
    "VpcConfig": {"SubnetIds": ["s"], "SecurityGroupIds": ["g"], "VpcId": "v"},
    "Environment": {"Variables": {"A": "1"}}, "KMSKeyArn": "arn:aws:kms:x",
    "TracingConfig": {"Mode": "Active"}, "RevisionId": "r", "State": "Active",
    "Layers": [{"Arn": "arn:aws:lambda:us-east-1:1:layer:l:1", "CodeSize": 5}],
    "Architectures": ["arm64"], "EphemeralStorage": {"Size": 1024},
    "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"},
    "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/own", "SystemLogLevel": "INFO"},
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:q"}, "CodeSha256": "c",
    "FileSystemConfigs": [{"Arn": "arn:aws:fs", "LocalMountPath": "/mnt/x"}],
}  # fmt: skip


def test_every_setting_that_decides_how_it_runs_is_copied() -> None:
    assert copy_settings(CONFIG) == {
        "Runtime": "python3.12", "Role": "arn:aws:iam::111122223333:role/r",
        "Handler": "app.handler", "Timeout": 7, "MemorySize": 256, "KMSKeyArn": "arn:aws:kms:x",
        "Architectures": ["arm64"], "EphemeralStorage": {"Size": 1024},
        "VpcConfig": {"SubnetIds": ["s"], "SecurityGroupIds": ["g"]},
        "Environment": {"Variables": {"A": "1"}}, "TracingConfig": {"Mode": "Active"},
        "Layers": ["arn:aws:lambda:us-east-1:1:layer:l:1"],
        "SnapStart": {"ApplyOn": "PublishedVersions"},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/own", "SystemLogLevel": "INFO"},
        "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:q"},
        "FileSystemConfigs": [{"Arn": "arn:aws:fs", "LocalMountPath": "/mnt/x"}],
    }  # fmt: skip


def test_what_a_plain_function_does_not_have_is_left_out() -> None:
    plain: Any = {
        "FunctionName": "shop", "Role": "r", "Timeout": 3, "MemorySize": 128,
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""}, "KMSKeyArn": None,
        "ImageConfigResponse": {"ImageConfig": {"Command": ["app.handler"]}},
    }  # fmt: skip
    assert copy_settings(plain) == {
        "Role": "r", "Timeout": 3, "MemorySize": 128, "ImageConfig": {"Command": ["app.handler"]},
    }  # fmt: skip


def names(cloud: Cloud) -> list[str]:
    functions = cloud.client("lambda").list_functions()["Functions"]
    return sorted(function["FunctionName"] for function in functions)


def settings(cloud: Cloud, name: str) -> dict[str, Any]:
    configuration: dict[str, Any] = cloud.client("lambda").get_function_configuration(
        FunctionName=name
    )
    return {key: value for key, value in configuration.items() if key != "ResponseMetadata"}


def use_and_break_off(cloud: Cloud) -> None:
    """Somebody who uses a copy and presses Ctrl-C."""
    with isolated(cloud, "shop", EXECUTION, lambda _: None) as arn:
        copy, original = settings(cloud, arn), settings(cloud, "shop")
        assert copy["FunctionName"].startswith(PREFIX)
        for same in ("CodeSha256", "Role", "Timeout", "Runtime", "Environment", "MemorySize"):
            assert copy[same] == original[same]
        cloud.client("lambda").invoke(FunctionName=arn, Payload=b'{"a": 1}')
        raise KeyboardInterrupt


def test_the_copy_runs_and_is_gone_at_the_end_also_after_an_error(embedded: Cloud) -> None:
    make_function(embedded, "shop", Environment={"Variables": {"AA": "1"}}, Timeout=7)
    before = settings(embedded, "shop")
    with pytest.raises(KeyboardInterrupt):
        use_and_break_off(embedded)
    assert names(embedded) == ["shop"]
    assert settings(embedded, "shop") == before


def test_the_copy_of_a_killed_client_is_found_and_removed(embedded: Cloud) -> None:
    killed = isolated(embedded, "shop", EXECUTION, lambda _: None)
    arn = killed.__enter__()
    assert remains(embedded, "shop").lines == ()  # its run may be about to start
    left = remains(embedded, "shop", datetime.now(UTC) + timedelta(hours=1))
    name = arn.rpartition(":")[2]
    assert left.lines == (f"function {name}, a copy of it, is removed",)
    clean_function(embedded, left, lambda _: None)
    assert remains(embedded, "shop").lines == ()
    assert "shop" in names(embedded)
    assert name not in names(embedded)


def test_a_version_of_other_code_is_copied_as_it_is(embedded: Cloud) -> None:
    client = embedded.client("lambda")
    make_function(embedded, "versioned")
    version = client.publish_version(FunctionName="versioned")
    arn = f"{version['FunctionArn'].removesuffix(':' + version['Version'])}:{version['Version']}"
    with isolated(embedded, arn, EXECUTION, lambda _: None) as copy:
        configuration = client.get_function_configuration(FunctionName=copy)
        assert configuration["CodeSha256"] == version["CodeSha256"]


SETTINGS = boto3.client(
    "lambda", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
).meta.service_model


def test_every_setting_of_the_api_is_copied_or_refused_by_name() -> None:
    taken = set(SETTINGS.operation_model("CreateFunction").input_shape.members)
    # Of the copy's own, or given beside its settings.
    own = {"FunctionName", "Code", "Description", "Publish", "PublishTo", "Tags"}
    beside = {"CodeSigningConfigArn", "ImageConfig", "Layers"}
    assert taken - own - beside == {*_COPIED, *_SHAPED, *OTHER_KINDS}
    for name, parts in _SHAPED.items():
        shape = SETTINGS.operation_model("CreateFunction").input_shape.members[name]
        assert set(parts) == set(shape.members), name


@pytest.mark.parametrize("setting", list(OTHER_KINDS))
def test_what_would_be_another_function_is_refused_by_name(setting: str) -> None:
    with pytest.raises(UsageError, match=f"shop cannot be tuned: .*{setting}"):
        refuse_uncopied(CONFIG | {setting: {"any": "thing"}})


def test_variables_that_cannot_be_read_are_never_left_out() -> None:
    # As GetFunctionConfiguration answers a caller without kms:Decrypt (Lambda API Reference,
    # EnvironmentResponse and EnvironmentError).
    error = {"ErrorCode": "AccessDeniedException", "Message": "Lambda was unable to decrypt"}
    with pytest.raises(UsageError, match=r"variables cannot be read .* kms:Decrypt on its key arn"):
        refuse_uncopied(CONFIG | {"Environment": {"Error": error}})


def test_json_logs_of_a_copy_have_reports() -> None:
    logging = {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "/own"}
    copied = copy_settings(CONFIG | {"LoggingConfig": logging})["LoggingConfig"]
    assert copied == {"LogFormat": "JSON", "SystemLogLevel": "INFO", "LogGroup": "/own"}


def test_tags_are_copied_and_a_large_package_goes_by_s3(
    embedded: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "_LARGEST_UPLOAD", 10)
    arn = make_function(embedded, "large")
    client, s3 = embedded.client("lambda"), embedded.client("s3")
    client.tag_resource(Resource=arn, Tags={"CostCenter": "42"})
    with (
        pytest.raises(UsageError, match=r"large cannot be copied: its package of 0 MB goes by S3"),
        isolated(embedded, "large", EXECUTION, lambda _: None),
    ):
        pytest.fail("there is no copy")
    s3.create_bucket(Bucket="for-a-while")
    with isolated(embedded, "large", EXECUTION, lambda _: None, "for-a-while") as copy:
        copied = client.get_function(FunctionName=copy)
        assert copied["Configuration"]["CodeSha256"] == settings(embedded, "large")["CodeSha256"]
        assert copied["Tags"] == {"CostCenter": "42", "lambdatuning": "copy"}
        assert "Contents" not in s3.list_objects_v2(Bucket="for-a-while")
    assert "Contents" not in s3.list_objects_v2(Bucket="for-a-while")
    client.delete_function(FunctionName="large")


class DeniedTags:
    """Lambda for somebody who may read a function but not its tags."""

    def get_function(self, **_: str) -> dict[str, Any]:
        error = {"ErrorCode": "AccessDeniedException", "Message": "no lambda:ListTags"}
        return {"Code": {"ImageUri": "uri"}, "TagsError": error}


def test_tags_that_cannot_be_read_are_never_left_out() -> None:
    config: Any = {**CONFIG, "PackageType": "Image"}
    upload = isolation.Upload("", "copy", "us-east-1")
    with (
        pytest.raises(UsageError, match=r"tags cannot be read .* get lambda:ListTags"),
        isolation._package(fake_cloud(), DeniedTags(), config, upload),
    ):
        pytest.fail("there is no copy")


class Refusing:
    """Lambda for somebody who may read functions and make none."""

    class exceptions:  # noqa: N801
        ClientError = type(refusal("x"))
        ResourceNotFoundException = type("ResourceNotFoundException", (ClientError,), {})

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        return {**CONFIG, "PackageType": "Image"}

    def get_function(self, **_: str) -> dict[str, Any]:
        return {"Code": {"ImageUri": "uri"}}

    def get_function_code_signing_config(self, **_: str) -> dict[str, Any]:
        raise refusal("AccessDeniedException")

    def create_function(self, **given: Any) -> None:
        assert given["Code"] == {"ImageUri": "uri"}
        raise refusal("AccessDeniedException")

    def delete_function(self, **_: str) -> None:
        raise self.exceptions.ResourceNotFoundException({"Error": {"Code": "x"}}, "DeleteFunction")


class NoLogs:
    def delete_log_group(self, **_: str) -> None:
        raise refusal("AccessDeniedException")


def test_who_may_create_no_function_reads_which_right_is_missing() -> None:
    cloud = fake_cloud(**{"lambda": Refusing(), "logs": NoLogs()})
    with (
        pytest.raises(LambdaTuningError, match=r"lambda:CreateFunction, .*iam:PassRole on"),
        isolated(cloud, "shop", EXECUTION, lambda _: None),
    ):
        pytest.fail("there is no copy")


def test_no_proxy_carries_the_code(embedded: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    make_function(embedded, "proxied")

    with isolated(embedded, "proxied", EXECUTION, lambda _: None) as copy:
        answer = embedded.client("lambda").invoke(FunctionName=copy, Payload=b"{}")

    assert "FunctionError" not in answer


def test_the_certificates_of_the_company_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/company.pem")
    with pytest.raises(FileNotFoundError):
        open_url("https://127.0.0.1:1/package", 1)
    # Without TLS nothing is to be verified: the certificates are not even read.
    with pytest.raises(URLError, match="refused"):
        open_url("http://127.0.0.1:1/package", 1)


def test_every_setting_of_a_function_is_copied_refused_or_no_setting() -> None:
    """By the model of the API: a setting that Lambda gets shows up here."""
    model = boto3.Session().client("lambda", region_name="us-east-1").meta.service_model
    settings = set(model.operation_model("CreateFunction").input_shape.members)
    read = {*_COPIED, *_SHAPED, *OTHER_KINDS, "Layers", "ImageConfig"}
    made = {"FunctionName", "Code", "Description", "Tags", "CodeSigningConfigArn"}
    published = {"Publish", "PublishTo"}
    assert settings == read | made | published


class Pinned:
    """Lambda with a function whose runtime does not follow the newest."""

    def __init__(self, mode: str = "Manual", refuses: str = "") -> None:
        self.mode, self.refuses = mode, refuses
        self.given: list[dict[str, str]] = []

    def get_runtime_management_config(self, **_: str) -> dict[str, str]:
        if not self.mode:
            raise refusal("AccessDeniedException")
        return {"UpdateRuntimeOn": self.mode}

    def put_runtime_management_config(self, **given: str) -> None:
        if self.refuses:
            raise refusal(self.refuses)
        self.given.append(given)


def test_a_copy_runs_on_the_runtime_version_of_the_original() -> None:
    version = "arn:aws:lambda:us-east-1::runtime:0123"
    config: Any = {**CONFIG, "RuntimeVersionConfig": {"RuntimeVersionArn": version}}
    for mode in ("Manual", "FunctionUpdate"):
        client = Pinned(mode)
        assert isolation._pinned(client, config, "copy")
        given = {"FunctionName": "copy", "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": version}
        assert client.given == [given]
    for follows in (Pinned("Auto"), Pinned("")):
        assert not isolation._pinned(follows, config, "copy")
        assert follows.given == []
    assert not isolation._pinned(Pinned(), CONFIG, "copy")  # a container image has no runtime
    with pytest.raises(LambdaTuningError, match=r"get lambda:PutRuntimeManagementConfig"):
        isolation._pinned(Pinned(refuses="AccessDeniedException"), config, "copy")


def test_a_function_with_as_many_tags_as_there_may_be_is_copied(embedded: Cloud) -> None:
    arn = make_function(embedded, "tagged")
    client = embedded.client("lambda")
    tags = {f"key-{number}": "x" for number in range(50)}
    client.tag_resource(Resource=arn, Tags=tags)
    with isolated(embedded, "tagged", EXECUTION, lambda _: None) as copy:
        assert client.get_function(FunctionName=copy)["Tags"] == tags
    client.delete_function(FunctionName="tagged")


def test_the_copy_of_a_run_that_goes_on_without_its_client_is_named(embedded: Cloud) -> None:
    make_function(embedded, "cut")
    message = (
        r"the login has ended; its copy, the function (lambdatuning-copy-\S+-cut), stays: .*clean"
    )
    with (
        pytest.raises(CutOffError, match=message) as raised,
        isolated(embedded, "cut", EXECUTION, lambda _: None),
    ):
        raise CutOffError("the login has ended")
    (copy,) = re.findall(r"the function (\S+), stays", str(raised.value))
    assert copy in names(embedded)
    client = embedded.client("lambda")
    for name in (copy, "cut"):
        client.delete_function(FunctionName=name)
