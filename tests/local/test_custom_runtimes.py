"""Custom runtimes (provided.al2023), wrapper scripts and extensions: programs of one's own.

By the Lambda Developer Guide: "Building a custom runtime", "Using wrapper scripts", "Using the
Lambda Extensions API".
"""

import io
import json
import stat
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

import lambdatuning as lt
from tests.local.conftest import NODE, OFTEN, ROLE, Cloud, package

BOOTSTRAP = f"""#!{sys.executable} -S
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
RUNTIME = "/2018-06-01/runtime"
print("loaded", os.environ["_HANDLER"], flush=True)
while True:
    api.request("GET", f"{{RUNTIME}}/invocation/next")
    answer = api.getresponse()
    event = answer.read()
    request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    if event == b'"fail"':
        error = json.dumps({{"errorType": "Own.Error", "errorMessage": "as asked"}}).encode()
        api.request("POST", f"{{RUNTIME}}/invocation/{{request_id}}/error", error)
    else:
        api.request("POST", f"{{RUNTIME}}/invocation/{{request_id}}/response", event)
    api.getresponse().read()
"""
EXTENSION = f"""#!{sys.executable} -S
import http.client, json, os, pathlib
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
EXTENSIONS = "/2020-01-01/extension"
name = pathlib.Path(__file__).name
body = json.dumps({{"events": ["INVOKE", "SHUTDOWN"]}})
api.request("POST", f"{{EXTENSIONS}}/register", body, {{"Lambda-Extension-Name": name}})
answer = api.getresponse()
print("registered", answer.read().decode(), flush=True)
ident = answer.headers["Lambda-Extension-Identifier"]
while True:
    headers = {{"Lambda-Extension-Identifier": ident}}
    api.request("GET", f"{{EXTENSIONS}}/event/next", headers=headers)
    event = json.loads(api.getresponse().read())
    print("event", event["eventType"], event.get("shutdownReason", event.get("requestId")),
          flush=True)
    if event["eventType"] == "SHUTDOWN":
        break
"""


def _programs(files: Mapping[str, str | bytes], mode: int = 0o755) -> bytes:
    """A zip of files that may be run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(member, text)
    return buffer.getvalue()


def _layer(cloud: Cloud, name: str, files: dict[str, str]) -> str:
    answer = cloud.client("lambda").publish_layer_version(
        LayerName=name, Content={"ZipFile": _programs(files)}
    )
    return str(answer["LayerVersionArn"])


def _custom(cloud: Cloud, files: Mapping[str, str | bytes], mode: int = 0o755, **more: Any) -> str:
    code = {"ZipFile": _programs(files, mode)}
    return cloud.function("", Runtime="provided.al2023", Handler="my.handler", Code=code, **more)


def test_a_bootstrap_runs(cloud: Cloud) -> None:
    name = _custom(cloud, {"bootstrap": BOOTSTRAP})

    first, second = cloud.invoke(name, {"a": [1, None]}), cloud.invoke(name, "fail")

    assert first.payload == {"a": [1, None]}
    assert "loaded my.handler\n" in first.log
    assert (second.error, second.payload["errorType"]) == ("Unhandled", "Own.Error")
    assert "Init Duration" not in second.report


def test_a_bootstrap_may_be_in_a_layer(cloud: Cloud) -> None:
    layer = _layer(cloud, "runtime", {"bootstrap": BOOTSTRAP})

    name = _custom(cloud, {"own.txt": ""}, Layers=[layer])

    assert cloud.invoke(name, 1).payload == 1


def test_a_missing_bootstrap_is_named(cloud: Cloud) -> None:
    answer = cloud.invoke(_custom(cloud, {"own.txt": ""}))

    assert answer.payload == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": f"RequestId: {answer.request_id} Error: Couldn't find valid bootstrap(s): "
        "[/var/task/bootstrap /opt/bootstrap]",
    }


def test_a_bootstrap_that_may_not_run_is_reported(cloud: Cloud) -> None:
    if cloud.endpoint.facts()["isolation"] == "none":
        pytest.skip("needs /var/task")
    answer = cloud.invoke(_custom(cloud, {"bootstrap": BOOTSTRAP}, mode=0o644))

    assert answer.payload["errorType"] == "Runtime.InvalidEntrypoint"
    assert answer.payload["errorMessage"].endswith(
        "Error: fork/exec /var/task/bootstrap: permission denied"
    )


# An empty program for no processor that exists (`e_machine` 0xffff), of 64 bits.
FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\xff" + bytes(44)


@pytest.mark.parametrize(
    "program",
    ["echo no interpreter is named\n", FOREIGN.decode("latin-1"), "MZ\x90"],
    ids=["without #!", "another processor", "another system"],
)
def test_a_bootstrap_of_another_kind_is_reported(cloud: Cloud, program: str) -> None:
    answer = cloud.invoke(_custom(cloud, {"bootstrap": program.encode("latin-1")}))

    # In AWS's words, as people meet them: a program for arm64 on x86_64, say.
    why = f"RequestId: {answer.request_id} Error: fork/exec /var/task/bootstrap: exec format error"
    assert answer.payload == {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": why}
    assert f"{why}\nRuntime.InvalidEntrypoint\n" in answer.log
    assert answer.report.endswith("Status: error\tError Type: Runtime.InvalidEntrypoint\t")


WRAPPER = """#!/bin/sh
echo "wrapped $1"
export FROM_WRAPPER=yes
exec "$@"
"""


@pytest.mark.parametrize(
    ("runtime", "source"),
    [
        (
            "python3.12",
            "import os\ndef handler(event, context):\n    return os.environ['FROM_WRAPPER']\n",
        ),
        (NODE, "export const handler = async () => process.env.FROM_WRAPPER;"),
    ],
)
def test_wrapper_scripts_run(cloud: Cloud, runtime: str, source: str) -> None:
    if cloud.endpoint.facts()["isolation"] == "none":
        pytest.skip("needs /opt")
    layer = _layer(cloud, "wrapper", {"wrapper": WRAPPER})

    answer = cloud.run(
        source,
        Runtime=runtime,
        Layers=[layer],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}},
    )

    assert answer.payload == "yes"
    assert "wrapped /" in answer.log


def test_extensions_start_register_and_get_events(cloud: Cloud) -> None:
    layer = _layer(cloud, "extension", {"extensions/watcher": EXTENSION})
    name = cloud.function("def handler(event, context):\n    return event\n", Layers=[layer])

    first, second = cloud.invoke(name, 1), cloud.invoke(name, 2)

    assert (first.payload, second.payload) == (1, 2)
    registered = json.loads(first.log.partition("registered ")[2].partition("\n")[0])
    assert registered == {
        "functionName": name,
        "functionVersion": "$LATEST",
        "handler": "app.handler",
    }
    # As the log of an AppConfig agent on AWS shows it: before START, the events as registered.
    line = "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"
    assert first.log.index(line) < first.log.index("START RequestId: ")
    assert "EXTENSION" not in second.log
    assert f"event INVOKE {first.request_id}\n" in first.log
    assert f"event INVOKE {second.request_id}\n" in second.log


def test_an_invocation_ends_when_its_extensions_have(cloud: Cloud) -> None:
    """ "Invoke phase": it ends after the runtime and all extensions ask for what comes next."""
    slow = EXTENSION.replace(
        '    if event["eventType"]', '    __import__("time").sleep(0.3)\n    if event["eventType"]'
    )
    layer = _layer(cloud, "slow", {"extensions/slow": slow})

    answer = cloud.run("def handler(event, context):\n    return 1\n", Layers=[layer])

    assert answer.payload == 1
    assert answer.duration_ms >= 300


CRASHING = EXTENSION.replace("while True:", "while False:") + "\nraise SystemExit(3)\n"
CRASHING_LATER = EXTENSION.replace("    event = json", "    raise SystemExit(3)\n    event = json")


@pytest.mark.parametrize(
    ("program", "mode", "kind", "why"),
    [
        ("#!/bin/sh\nexit 1\n", 0o755, "Extension.Crash", "exit status 1"),
        ("#!/bin/sh\nkill -9 $$\n", 0o755, "Extension.Crash", "signal: killed"),
        (CRASHING, 0o755, "Extension.Crash", "exit status 3"),
        (CRASHING_LATER, 0o755, "Extension.Crash", "exit status 3"),
        (EXTENSION, 0o644, "Extension.LaunchError", "fork/exec {}: permission denied"),
    ],
    ids=["at once", "by a signal", "registered", "at an invocation", "not executable"],
)
def test_the_end_of_an_extension_is_the_end(
    cloud: Cloud, program: str, mode: int, kind: str, why: str
) -> None:
    """As AWS words it (its emulator's fatal errors), and at once: not when time is up."""
    if mode == 0o644 and cloud.endpoint.facts()["isolation"] == "none":
        pytest.skip("needs /opt")
    code = _programs({"extensions/short": program}, mode)
    layer = cloud.client("lambda").publish_layer_version(
        LayerName=f"short{next(cloud.numbers)}", Content={"ZipFile": code}
    )["LayerVersionArn"]

    answer = cloud.run("def handler(event, context):\n    return 1\n", Layers=[layer])

    text = why.format("/opt/extensions/short")
    assert answer.payload == {
        "errorType": kind,
        "errorMessage": f"RequestId: {answer.request_id} Error: {text}",
    }
    assert f"Error: {text}\n{kind}\n" in answer.log
    assert answer.report.endswith(f"Status: error\tError Type: {kind}\t")


def test_extensions_are_notified_of_the_end(cloud: Cloud) -> None:
    last_words = EXTENSION.replace(
        "        break",
        "        import urllib.request\n"
        '        body = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/last/words",'
        ' event["shutdownReason"].encode(), method="PUT")\n'
        "        urllib.request.urlopen(body).read()\n        break",
    )
    cloud.client("s3").create_bucket(Bucket="last")
    layer = _layer(cloud, "last", {"extensions/last": last_words})
    name = cloud.function("def handler(event, context):\n    return 1\n", Layers=[layer])
    cloud.invoke(name)

    cloud.change(name, MemorySize=512)
    cloud.invoke(name)

    client = cloud.client("s3")
    client.get_waiter("object_exists").wait(Bucket="last", Key="words", WaiterConfig=OFTEN)
    assert client.get_object(Bucket="last", Key="words")["Body"].read() == b"spindown"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"Runtime": "java21"}, "Lambda's client for Java would have to be part of the package"),
        ({"Runtime": "dotnet8"}, 'with a "bootstrap" program and use provided.al2023'),
        ({"Runtime": "ruby3.3"}, "tune it on AWS"),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "1.dkr.ecr.us-east-1.amazonaws.com/a"}},
            "a container image is not supported by the embedded AWS",
        ),
    ],
)
def test_what_cannot_run_is_refused_before_a_run(
    cloud: Cloud, settings: dict[str, Any], why: str
) -> None:
    name = f"cannot{next(cloud.numbers)}"
    client = cloud.client("lambda")
    code = {"Code": {"ZipFile": package({"a": "1"})}, "Handler": "a.b"}
    if "PackageType" in settings:
        code = {}
    client.create_function(FunctionName=name, Role=ROLE, **code, **settings)
    session = lt.connect(endpoint_url=cloud.endpoint.url)

    # There is not even a tuner here.
    machine = "arn:aws:states:us-east-1:111122223333:stateMachine:none"
    with pytest.raises(lt.LambdaTuningError) as refused:
        lt.tune(session, name, {"a": 1}, state_machine=machine)

    assert refused.value.exit_code == 2
    assert f"{name} cannot be tuned here" in str(refused.value)
    assert why in str(refused.value)
    assert len(client.list_versions_by_function(FunctionName=name)["Versions"]) == 1
