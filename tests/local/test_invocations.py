"""What a function and its caller see: results, errors, logs, reports - all on real processes."""

import base64
import json
import platform
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local.conftest import OFTEN, PYTHON, ROLE, Cloud, package
from tests.waiting import until

ECHO = "def handler(event, context):\n    return event\n"


def test_a_handler_gets_its_event_and_gives_its_result(cloud: Cloud) -> None:
    event = {"text": "Grüße ✓", "number": 1.5, "list": [None, True]}

    answer = cloud.run(ECHO, event)

    assert answer.payload == event
    assert answer.error is None


def test_report_lines_have_the_form_that_aws_writes(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    print('hello')\n", MemorySize=256)

    cold, warm = cloud.invoke(name), cloud.invoke(name)

    numbers = r"Duration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
    assert re.fullmatch(
        rf"START RequestId: {cold.request_id} Version: \$LATEST\nhello\n"
        rf"END RequestId: {cold.request_id}\nREPORT RequestId: {cold.request_id}\t{numbers}"
        r"Max Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t\n",
        cold.log,
    )
    assert re.fullmatch(
        rf"REPORT RequestId: {warm.request_id}\t{numbers}Max Memory Used: \d+ MB\t", warm.report
    )


def test_the_init_phase_is_billed(cloud: Cloud) -> None:
    answer = cloud.run("import time\ntime.sleep(0.3)\n" + ECHO)

    [facts] = cloud.facts(answer.request_id)
    assert facts["init_ms"] > 300
    assert 0 <= facts["billed_ms"] - facts["duration_ms"] - facts["init_ms"] < 1.1


def test_an_exception_is_a_function_error_with_type_and_trace(cloud: Cloud) -> None:
    answer = cloud.run("def handler(event, context):\n    raise ValueError('no')\n")

    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "ValueError"
    assert answer.payload["errorMessage"] == "no"
    assert "Status:" not in answer.report


def test_a_result_that_is_no_json_is_a_function_error(cloud: Cloud) -> None:
    answer = cloud.run("def handler(event, context):\n    return {1, 2}\n")

    assert answer.payload["errorType"] == "Runtime.MarshalError"


def test_half_a_character_is_answered_as_by_aws_own_client(cloud: Cloud) -> None:
    """Up to Python 3.11 awslambdaric answers in ASCII; since 3.12 in UTF-8, in which there is no
    half of an emoji: its own main loop ends (`post_invocation_result`, `Encoder`)."""
    echo = "def handler(event, context):\n    return event\n"
    older, newer = (cloud.function(echo, Runtime=f"python3.{minor}") for minor in (11, 12))

    assert cloud.invoke(older, "\ud83d").payload == "\ud83d"
    assert cloud.invoke(newer, "\ud83d").payload["errorType"] == "Runtime.ExitError"
    assert cloud.invoke(newer, "\U0001f600").payload == "\U0001f600"


def test_a_timeout_ends_the_environment(cloud: Cloud) -> None:
    name = cloud.function(
        "import time\nstate = []\ndef handler(event, context):\n"
        "    state.append(1)\n    time.sleep(event)\n    return len(state)\n",
        Timeout=1,
    )

    def times_run() -> int | None:
        """None where the machine was held up for longer than the function may run."""
        answer = cloud.invoke(name, 0)
        return None if answer.error else answer.payload

    until(times_run, "an invocation in time")
    answer = cloud.invoke(name, 30)

    assert answer.error == "Unhandled"
    assert answer.payload == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after 1.00 seconds",
    }
    assert f"{answer.request_id} Task timed out after 1.00 seconds" in answer.log
    assert "Duration: 1000.00 ms\tBilled Duration: 1000 ms" in answer.report
    assert answer.report.endswith("\tStatus: timeout\t")
    assert until(times_run, "an invocation in time") == 1


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("sys.exit(3)", "with error: exit status 3"),
        ("os._exit(0)", "without providing a reason"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "with error: signal: segmentation fault"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "with error: signal: terminated"),
    ],
)
def test_an_exit_names_its_reason(cloud: Cloud, statement: str, text: str) -> None:
    answer = cloud.run(f"import os, signal, sys\ndef handler(event, context):\n    {statement}\n")

    assert answer.payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: Runtime exited {text}",
    }
    assert answer.report.endswith("\tStatus: error\tError Type: Runtime.ExitError\t")


def test_memory_is_limited_to_the_memory_size(cloud: Cloud) -> None:
    name = cloud.function(
        "def handler(event, context):\n    return len(bytearray(event << 20))\n", MemorySize=128
    )
    assert cloud.invoke(name, 40).payload == 40 << 20

    answer = cloud.invoke(name, 400)

    assert answer.payload["errorType"] == "Runtime.OutOfMemory"
    assert answer.payload["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB\t" in answer.report
    assert cloud.invoke(name, 40).error is None


def test_memory_of_children_counts(cloud: Cloud) -> None:
    answer = cloud.run(
        """
        import subprocess, sys
        def handler(event, context):
            child = subprocess.run([sys.executable, "-c", "bytearray(400 << 20)"])
            return child.returncode
        """,
        MemorySize=128,
    )

    assert answer.payload == -9 or answer.payload["errorType"] == "Runtime.OutOfMemory"


def test_max_memory_used_follows_the_handler(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    return len(b'x' * (event << 20))\n")

    small, large = cloud.invoke(name, 1), cloud.invoke(name, 200)

    used = [cloud.facts(one.request_id)[0]["max_memory_mb"] for one in (small, large)]
    assert 195 < used[1] - used[0] < 205


@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), 9)", "time.sleep(60)"])
@pytest.mark.parametrize("where", ["    ", ""])
def test_max_memory_used_of_a_process_that_ends_at_once(cloud: Cloud, end: str, where: str) -> None:
    """In its first invocation, or while it is loaded: nothing is left then to be asked."""
    source = (
        "import os, time\ndef handler(event, context):\n    return 1\n"
        if not where
        else "import os, time\ndef handler(event, context):\n"
    )
    source += f"{where}held = bytearray(100 << 20)\n{where}time.sleep(0.1)\n{where}{end}\n"
    if not where and "sleep" in end:
        pytest.skip("the init phase may take 10 s")

    answer = cloud.run(source, Timeout=3)

    used_mb = re.search(r"Max Memory Used: (\d+) MB", answer.report)
    assert used_mb
    assert 100 <= int(used_mb[1]) <= 200


def test_an_import_error_tells_the_module(cloud: Cloud) -> None:
    answer = cloud.run("import nowhere\n" + ECHO)

    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'nowhere'" in answer.payload["errorMessage"]


def test_a_missing_handler_is_named(cloud: Cloud) -> None:
    answer = cloud.run("x = 1\n")

    assert answer.payload["errorType"] == "Runtime.HandlerNotFound"


def test_an_exit_in_the_init_phase_is_an_error(cloud: Cloud) -> None:
    answer = cloud.run("raise SystemExit(7)\n")

    assert answer.payload["errorType"] == "Runtime.ExitError"
    assert "exit status 7" in answer.payload["errorMessage"]


def test_a_failed_init_phase_is_tried_again_inside_the_invocation(cloud: Cloud) -> None:
    source = """
        import os, socket, time
        with socket.create_connection(("127.0.0.1", int(os.environ["DOOR"]))) as meeting:
            assert meeting.recv(1) == b"2"
        time.sleep(0.2)
        def handler(event, context):
            return "second"
        """
    with socket.create_server(("127.0.0.1", 0)) as door, ThreadPoolExecutor(1) as threads:
        door.settimeout(120)
        variables = {"DOOR": str(door.getsockname()[1])}
        waiting = threads.submit(cloud.run, source, Environment={"Variables": variables})
        for turn in (b"1", b"2"):
            guest, _ = door.accept()
            with guest:
                guest.sendall(turn)
        answer = waiting.result(120)

    assert answer.payload == "second"
    assert "Init Duration" not in answer.report
    assert answer.duration_ms > 200


def test_a_payload_of_six_megabytes_passes_and_more_does_not(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    return 'y' * event['n']\n")

    assert len(cloud.invoke(name, {"n": 6 * 1024 * 1024 - 2}).payload) == 6 * 1024 * 1024 - 2
    too_large = cloud.invoke(name, {"n": 6 * 1024 * 1024 + 200})
    assert too_large.payload["errorType"] == "Function.ResponseSizeTooLarge"
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName=name, Payload=json.dumps("x" * 6 * 1024 * 1024))


def test_a_payload_that_is_no_json_is_refused(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.InvalidRequestContentException, match="parse request"):
        client.invoke(FunctionName=cloud.function(ECHO), Payload=b"{bad")


def test_an_asynchronous_payload_may_have_one_megabyte(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    name = cloud.function("def handler(event, context):\n    return len(event)\n")
    for size, status in ((1 << 20, 202), ((1 << 20) + 1, 413)):
        payload = b'"' + b"x" * (size - 2) + b'"'
        try:
            answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=payload)
        except client.exceptions.RequestTooLargeException as error:
            answer = error.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


def _memory_kb(cloud: Cloud, what: str) -> int:
    server = Path(f"/proc/{cloud.endpoint.process.pid}/status").read_text()
    return int(server.partition(f"{what}:")[2].split()[0])


def test_a_flood_of_output_neither_blocks_nor_fills_the_server(cloud: Cloud) -> None:
    name = cloud.function(
        "import sys\ndef handler(event, context):\n"
        "    for n in range(event):\n        sys.stdout.write('z' * 99 + '\\n')\n"
        "    return event\n",
        MemorySize=1769,
    )

    # From here on, VmHWM is the highest since now.
    Path(f"/proc/{cloud.endpoint.process.pid}/clear_refs").write_text("5")
    before_kb = _memory_kb(cloud, "VmRSS")

    answer = cloud.invoke(name, 100_000)

    assert answer.payload == 100_000
    assert len(answer.log) == 4096
    assert answer.log.rstrip().endswith(
        "MB\tInit Duration: " + answer.log.rsplit(": ", 1)[1].rstrip()
    )
    assert _memory_kb(cloud, "VmHWM") - before_kb < 100_000


def test_background_threads_are_frozen_between_invocations(cloud: Cloud) -> None:
    name = cloud.function(
        """
        import threading, time
        ticks = []
        def tick():
            while True:
                ticks.append(time.monotonic())
                time.sleep(0.01)
        threading.Thread(target=tick, daemon=True).start()
        def handler(event, context):
            return ticks
        """
    )
    assert cloud.invoke(name).payload
    answered_s = time.monotonic()
    time.sleep(0.5)
    called_again_s = time.monotonic()

    ticks = cloud.invoke(name).payload

    # What is told to stop may run for a moment longer.
    assert not [tick for tick in ticks if answered_s + 0.1 < tick < called_again_s]


def test_an_environment_is_reused_and_serves_one_at_a_time(cloud: Cloud) -> None:
    name = cloud.function(
        "import os\ncount = 0\ndef handler(event, context):\n"
        "    global count\n    count += 1\n    return [os.getpid(), count]\n"
    )

    answers = [cloud.invoke(name).payload for _ in range(3)]

    assert [count for _, count in answers] == [1, 2, 3]
    assert len({pid for pid, _ in answers}) == 1


def test_new_configuration_and_new_code_make_new_environments(cloud: Cloud) -> None:
    name = cloud.function(
        "import os\ndef handler(event, context):\n    return os.environ['XX']\n",
        Environment={"Variables": {"XX": "1"}},
    )
    client = cloud.client("lambda")
    assert cloud.invoke(name).payload == "1"

    cloud.change(name, Environment={"Variables": {"XX": "2"}})
    assert cloud.invoke(name).payload == "2"
    client.update_function_code(FunctionName=name, ZipFile=package({"app.py": ECHO}))
    assert cloud.invoke(name, "new").payload == "new"


def test_versions_and_aliases_have_environments_of_their_own(cloud: Cloud) -> None:
    name = cloud.function(
        "def handler(event, context):\n"
        "    return [context.function_version, context.invoked_function_arn.split(':')[6:],"
        " context.memory_limit_in_mb]\n",
        MemorySize=200,
    )
    client = cloud.client("lambda")
    cloud.settle(name)
    version = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    cloud.change(name, MemorySize=300)

    assert cloud.invoke(name).payload == ["$LATEST", [name], "300"]
    assert cloud.invoke(name, Qualifier=version).payload == [version, [name, version], "200"]
    assert cloud.invoke(name, Qualifier="live").payload == [version, [name, "live"], "200"]


def test_documented_variables_are_set(cloud: Cloud) -> None:
    name = cloud.function(
        "import os\ndef handler(event, context):\n    return dict(os.environ)\n", MemorySize=300
    )

    variables = cloud.invoke(name).payload

    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "300"
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{PYTHON}"
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["AWS_ENDPOINT_URL"] == cloud.endpoint.url
    assert variables["_HANDLER"] == "app.handler"


def test_the_python_path_is_the_functions_to_set(cloud: Cloud) -> None:
    """Unreserved, by "Working with environment variables"; its order is that of AWS's runtime."""
    files = {
        "app.py": "import sys, helper, jmespath\ndef handler(event, context):\n"
        "    return [helper.WHO, sys.path[:2]]\n",
        "vendor/helper.py": "WHO = 'vendor'\n",
        "vendor/awslambdaric/__init__.py": "raise RuntimeError('not the runtime')\n",
    }
    for path in ("vendor", "/nowhere:vendor"):
        answer = cloud.run(
            "",
            Code={"ZipFile": package(files)},
            Environment={"Variables": {"PYTHONPATH": path}},
        )
        assert answer.error is None, answer.payload
        assert answer.payload[0] == "vendor"


def test_what_is_not_reserved_is_the_functions_to_set(cloud: Cloud) -> None:
    source = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"
    own = {"TZ": "Europe/Berlin", "LANG": "C", "PATH": "/own", "AWS_XRAY_CONTEXT_MISSING": "IGNORE"}

    variables = cloud.run(source, Environment={"Variables": own}).payload

    assert {name: variables[name] for name in own} == own
    defaults = cloud.run(source).payload
    assert defaults["TZ"] == ":UTC"
    assert "PYTHONPATH" not in defaults


def test_provisioned_concurrency_is_reported(cloud: Cloud) -> None:
    name = cloud.function(
        "import os\ndef handler(event, context):\n"
        "    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
    )
    client = cloud.client("lambda")
    cloud.settle(name)
    version = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    client.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=1
    )

    assert cloud.invoke(name).payload == "on-demand"
    assert cloud.invoke(name, Qualifier="live").payload == "provisioned-concurrency"


def test_what_the_emulator_needs_cannot_be_set(cloud: Cloud) -> None:
    """Past the API's check, as a stack may; the function still runs."""
    template = {
        "Resources": {
            "F": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": "stubborn",
                    "Runtime": PYTHON,
                    "Handler": "index.handler",
                    "Role": ROLE,
                    "Code": {"ZipFile": "def handler(event, context):\n    return 1\n"},
                    "Environment": {
                        "Variables": {"AWS_LAMBDA_RUNTIME_API": "x:1", "_HANDLER": "no.no"}
                    },
                },
            }
        }
    }
    client = cloud.client("cloudformation")
    client.create_stack(StackName="stubborn", TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName="stubborn", WaiterConfig=OFTEN)

    assert cloud.invoke("stubborn").payload == 1


def test_the_context_object_counts_down(cloud: Cloud) -> None:
    answer = cloud.run(
        "def handler(event, context):\n"
        "    return [context.aws_request_id, context.get_remaining_time_in_millis()]\n",
        Timeout=7,
    )

    assert answer.payload[0] == answer.request_id
    assert 6000 < answer.payload[1] <= 7000


def test_only_the_packages_of_the_python_runtime_are_there(cloud: Cloud) -> None:
    answer = cloud.run(
        """
        import importlib.util
        def handler(event, context):
            import boto3
            return [boto3.__version__ != "", [m for m in event if importlib.util.find_spec(m)]]
        """,
        ["boto3", "botocore", "lambdatuning", "pandas", "ministack", "tests"],
    )

    assert answer.payload == [True, ["boto3", "botocore"]]


def test_log_streams_are_one_for_each_environment(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    print('said', event)\n")

    answers = [cloud.invoke(name, n) for n in (1, 2)]

    events = cloud.events(f"/aws/lambda/{name}")
    assert len({event["logStreamName"] for event in events}) == 1
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", events[0]["logStreamName"])
    printed = [event["message"] for event in events if event["message"].startswith("said")]
    assert printed == ["said 1\n", "said 2\n"]
    [facts] = cloud.facts(answers[0].request_id)
    assert facts["environment"] == events[0]["logStreamName"]


def test_json_logs_are_json_throughout(cloud: Cloud) -> None:
    answer = cloud.run(
        "import logging\ndef handler(event, context):\n"
        "    logging.getLogger().warning('careful')\n",
        LoggingConfig={"LogFormat": "JSON"},
    )

    lines = [json.loads(line) for line in answer.log.splitlines()]
    assert [line.get("type", line.get("level")) for line in lines] == [
        "platform.start",
        "WARNING",
        "platform.report",
    ]
    record = lines[-1]["record"]
    assert record["requestId"] == answer.request_id
    assert record["status"] == "success"
    metrics = record["metrics"]
    assert metrics["memorySizeMB"] == 1024
    assert metrics["billedDurationMs"] >= metrics["durationMs"] + metrics["initDurationMs"]


def test_json_reports_name_the_error(cloud: Cloud) -> None:
    answer = cloud.run(
        "def handler(event, context):\n    raise KeyError('x')\n",
        LoggingConfig={"LogFormat": "JSON"},
    )

    record = json.loads(answer.log.splitlines()[-1])["record"]
    assert (record["status"], record["errorType"]) == ("error", "KeyError")


def test_asynchronous_invocations_run(cloud: Cloud) -> None:
    name = cloud.function("def handler(event, context):\n    print('ran', event)\n")

    answer = cloud.client("lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=b'"later"'
    )

    assert answer["StatusCode"] == 202
    assert cloud.wait_for_message(f"/aws/lambda/{name}", "ran") == "ran later"


def test_reserved_concurrency_throttles(cloud: Cloud) -> None:
    name = cloud.function(ECHO)
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
        client.invoke(FunctionName=name)

    reason = refused.value.response["Reason"]
    assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_the_client_context_reaches_the_handler(cloud: Cloud) -> None:
    name = cloud.function(
        "def handler(event, context):\n    return context.client_context.custom\n"
    )
    given = base64.b64encode(json.dumps({"custom": {"who": "Jürgen"}}).encode()).decode()

    answer = cloud.invoke(name, ClientContext=given)

    assert answer.payload == {"who": "Jürgen"}


def test_the_log_says_on_what_a_function_really_runs(cloud: Cloud) -> None:
    name = cloud.function(ECHO)
    cloud.invoke(name)

    first = cloud.messages(f"/aws/lambda/{name}")[0]

    assert first == (
        f"INIT_START Runtime Version: {PYTHON}\tEmbedded on: Python {platform.python_version()}"
    )


def test_python_layers_are_importable(cloud: Cloud) -> None:
    layer = cloud.client("lambda").publish_layer_version(
        LayerName="words", Content={"ZipFile": package({"python/words.py": "GREETING = 'hello'\n"})}
    )

    answer = cloud.run(
        "import words\ndef handler(event, context):\n    return words.GREETING\n",
        Layers=[layer["LayerVersionArn"]],
    )

    assert answer.payload == "hello"


def test_nonsense_sent_to_the_runtime_api_is_refused_without_harm(cloud: Cloud) -> None:
    name = cloud.function(
        """
        import os, socket
        def handler(event, context):
            host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
            for nonsense in (b"", b"POST /x HTTP/1.1\\r\\nContent-Length: z"):
                with socket.create_connection((host, int(port))) as connection:
                    connection.sendall(nonsense + b"\\r\\n\\r\\n")
                    assert connection.recv(100) == b""
            return event
        """
    )

    assert [cloud.invoke(name, number).payload for number in range(2)] == [0, 1]


def test_a_warm_call_starts_no_thread_to_poll(cloud: Cloud) -> None:
    """Guards what `python_bootstrap` switches off in awslambdaric: most of a warm call's time."""
    source = "import sys\ndef handler(event, context):\n    return sorted(sys.modules)\n"

    modules = cloud.run(source, Runtime=PYTHON).payload

    assert "awslambdaric.lambda_config" in modules
    assert "concurrent.futures.thread" not in modules
