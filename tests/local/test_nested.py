"""Functions that invoke functions: nobody deadlocks, nobody holds CPU while waiting."""

import json
import threading

import pytest

from tests.local.conftest import Cloud

CALLER = """
    import boto3, json
    from concurrent.futures import ThreadPoolExecutor
    client = boto3.client("lambda")
    def call(name):
        return json.loads(client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read())
    def handler(event, context):
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(call, [event["name"]] * event["times"]))
    """
# Who calls is read from the key; to import boto3 would be most of the work of these functions.
PLAIN_CALLER = """
    import json, os
    from concurrent.futures import ThreadPoolExecutor
    from urllib.request import Request, urlopen
    def call(name):
        address = f"{os.environ['AWS_ENDPOINT_URL']}/2015-03-31/functions/{name}/invocations"
        scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20261128/us-east-1/lambda/aws4_request"
        signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        with urlopen(Request(address, b"{}", {"Authorization": signed})) as answer:
            return json.load(answer)
    def handler(event, context):
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(call, [event["name"]] * event["times"]))
    """
WORKER = """
    import time
    def handler(event, context):
        time.sleep(0.05)
        return "worked"
    """


@pytest.mark.parametrize(("memory_mb", "source"), [(256, CALLER), (3008, PLAIN_CALLER)])
def test_nested_invokes_from_several_threads(cloud: Cloud, memory_mb: int, source: str) -> None:
    worker = cloud.function(WORKER, MemorySize=memory_mb)
    caller = cloud.function(source, MemorySize=3008, Timeout=60)

    answer = cloud.invoke(caller, {"name": worker, "times": 12})

    assert answer.payload == ["worked"] * 12


def test_many_callers_that_fill_the_host_do_not_deadlock(cloud: Cloud) -> None:
    worker = cloud.function(WORKER, MemorySize=1769)
    caller = cloud.function(PLAIN_CALLER, MemorySize=1769, Timeout=60)
    answers: list[object] = []

    def call() -> None:
        answers.append(cloud.invoke(caller, {"name": worker, "times": 2}).payload)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert answers == [["worked"] * 2] * 4


def test_the_account_of_nested_callers_is_the_endpoints(cloud: Cloud) -> None:
    answer = cloud.run(
        "import boto3\ndef handler(event, context):\n"
        "    return boto3.client('sts').get_caller_identity()['Account']\n"
    )

    assert answer.payload == cloud.endpoint.facts()["account_id"]


def test_a_waiting_caller_uses_its_own_time_only(cloud: Cloud) -> None:
    worker = cloud.function(WORKER, MemorySize=512)
    caller = cloud.function(PLAIN_CALLER, MemorySize=512, Timeout=60)
    cloud.invoke(caller, {"name": worker, "times": 1})

    answer = cloud.invoke(caller, {"name": worker, "times": 1})

    [facts] = cloud.facts(answer.request_id)
    assert facts["duration_ms"] > 50
    assert facts["cpu_ms"] < facts["duration_ms"]
    assert json.loads(json.dumps(facts)) == facts


def test_an_init_phase_may_invoke_too(cloud: Cloud) -> None:
    worker = cloud.function(WORKER, MemorySize=1769)
    answer = cloud.run(f"{PLAIN_CALLER}SAID = call('{worker}')\n    handler = lambda *_: SAID\n")

    assert answer.payload == "worked"
    assert "Init Duration" in answer.report
