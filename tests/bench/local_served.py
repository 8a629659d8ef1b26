"""The embedded AWS as its users meet it: its start, boto3 calls, a deployment, a tuning run."""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lambdatuning.local.endpoint import LocalEndpoint, start
from tests.bench.local_functions import client_of, function
from tests.local.inside import ECHO

ROOT = Path(__file__).parents[2]
THREADS = 8


def through_http(calls_per_thread: int, limiter: str = "auto") -> dict[str, float | None]:
    """Start to the first answer, calls from 8 threads, deployment, memory of the server."""
    started = time.perf_counter()
    with start(limiter=limiter) as endpoint:
        client_of(endpoint, "sts").get_caller_identity()
        start_s = time.perf_counter() - started
        http_per_s = _http_per_s(endpoint, calls_per_thread)
        deploy_s = _deploy_s(endpoint)
        status = Path(f"/proc/{endpoint.process.pid}/status").read_text()
    return {
        "start_s": round(start_s, 2),
        "http_per_s": round(http_per_s),
        "deploy_s": deploy_s,
        "rss_mb": round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1),
    }


def _http_per_s(endpoint: LocalEndpoint, calls_per_thread: int) -> float:
    client = client_of(endpoint, "lambda")
    name = function(client, ECHO, 1769)

    def call(times: int) -> None:
        for _ in range(times):
            client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read()

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(call, [5] * THREADS))
        started = time.perf_counter()
        list(threads.map(call, [calls_per_thread] * THREADS))
        return THREADS * calls_per_thread / (time.perf_counter() - started)


def _deploy_s(endpoint: LocalEndpoint) -> float | None:
    """Seconds that `lambdatuning deploy` takes for template.yaml, process start included."""
    started = time.perf_counter()
    output = _lambdatuning("deploy", "--yes", "--quiet", **endpoint.environment)
    return None if output is None else round(time.perf_counter() - started, 2)


def tuning_overhead() -> float | None:
    """Wall time of the main job, all payload types at all sizes, over the billed time on its
    critical path; None when it failed.
    """
    with tempfile.TemporaryDirectory() as store:
        arguments = ["benchmark", "--local", "--yes", "--json", "--quiet", "--store", store]
        output = _lambdatuning(*arguments)
    return None if output is None else round(float(json.loads(output)["overhead"]), 3)


def _lambdatuning(*arguments: str, **variables: str) -> str | None:
    """What the command printed; None, and its complaint on stderr, when it failed."""
    process = subprocess.run(
        [sys.executable, "-m", "lambdatuning", *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        print(process.stderr.strip(), file=sys.stderr)
        return None
    return process.stdout
