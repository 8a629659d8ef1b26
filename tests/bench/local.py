"""How fast, small and true the embedded AWS is: `python -m tests.bench.local`, one JSON line last.

Every figure stands beside the bare minimum measured in the same run: a raw socket echo between two
Python processes, and a bare Python subprocess. `--quick` takes fewer samples, `--tuning` also runs
the main job's tuning run for its overhead (minutes).
"""

import argparse
import contextlib
import io
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from lambdatuning.local import command, own_tmp, python_runtime, sweep
from lambdatuning.local.admission import Admission
from lambdatuning.local.endpoint import LocalEndpoint, start
from lambdatuning.local.function import FunctionSpec, Request
from lambdatuning.local.invoker import Invoker
from lambdatuning.local.ledger import Ledger
from lambdatuning.local.limiters import choose
from lambdatuning.local.pool import Pool
from lambdatuning.local.shares import host_cores, share_for

ECHO = "def handler(event, context):\n    return event\n"
BURN = """
import time
def handler(event, context):
    end = time.thread_time() + event["cpu_ms"] / 1e3
    while time.thread_time() < end:
        pass
    time.sleep(event.get("sleep_ms", 0) / 1e3)
"""
SIZES_MB = (128, 256, 512, 1024, 1769)
ECHO_SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    peer, _ = server.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := peer.recv(65536):
        peer.sendall(data)
"""
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Measure everything and print the line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.local")
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--tuning", action="store_true", help="also a whole tuning run (minutes)")
    options = parser.parse_args()
    rounds = 1 if options.quick else 4
    figures: dict[str, object] = {"cores": host_cores(), "load_before": os.getloadavg()[0]}
    figures |= bare_minimum(500 * rounds)
    figures |= inside_the_server(500 * rounds, 5 * rounds)
    figures |= through_http(60 * rounds)
    figures["fidelity"] = fidelity(rounds)
    figures["tuning_overhead"] = tuning_overhead() if options.tuning else None
    print(json.dumps(figures))


# --- the bare minimum


def bare_minimum(messages: int) -> dict[str, float]:
    """A raw socket echo, a bare Python process."""
    return {
        "socket_echo_per_s": round(_socket_echo_per_s(messages)),
        "subprocess_ms_median": round(_subprocess_ms(), 2),
    }


def _socket_echo_per_s(messages: int) -> float:
    arguments = [sys.executable, "-S", "-c", ECHO_SERVER]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        with socket.create_connection(("127.0.0.1", int(server.stdout.readline()))) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            began = time.perf_counter()
            for _ in range(messages):
                peer.sendall(b"{}")
                peer.recv(65536)
            return messages / (time.perf_counter() - began)


def _subprocess_ms() -> float:
    times = []
    for _ in range(10):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-S", "-c", "import json"], check=True)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


# --- inside the server: no HTTP, no ministack


def inside_the_server(warm: int, cold: int) -> dict[str, float]:
    """Warm and cold invocations as the server runs them, at one full vCPU, strict."""
    with _invoker() as (invoker, spec):
        for number in range(20):
            invoker.invoke(spec, Request(f"warmup{number}", b"{}", spec.arn))
        times = [_timed_ms(invoker, spec, number) for number in range(warm)]
        fresh = [
            _timed_ms(invoker, replace(spec, revision=f"new{number}"), number)
            for number in range(cold)
        ]
    return {
        "warm_ms_median": round(statistics.median(times), 3),
        "warm_ms_p99": round(statistics.quantiles(times, n=100)[98], 3),
        "warm_per_s": round(1e3 * len(times) / sum(times)),
        "cold_ms_median": round(statistics.median(fresh), 1),
    }


def _timed_ms(invoker: Invoker, spec: FunctionSpec, number: int) -> float:
    began = time.perf_counter()
    outcome = invoker.invoke(spec, Request(f"{spec.revision}-{number}", b"{}", spec.arn))
    assert outcome.payload == b"{}"
    return (time.perf_counter() - began) * 1e3


@contextlib.contextmanager
def _invoker() -> Iterator[tuple[Invoker, FunctionSpec]]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text(ECHO)
        python_runtime.link_packages(folder / "python")
        ident = sweep.server_ident(os.getpid())
        tools = own_tmp.find_tools(folder)
        host = command.Host("http://127.0.0.1:9", ident, folder / "python", None, tmp_tools=tools)
        limiter = choose("auto", ident)
        pool = Pool(host, limiter, folder / "environments", lambda _arn: True)
        admission = Admission(host_cores())
        try:
            limiter.protect(os.getpid())
            yield (
                Invoker(pool, admission, Ledger(), lambda *_: None, strict=True),
                _echo_spec(folder / "code"),
            )
        finally:
            pool.close()
            limiter.close()


def _echo_spec(code: Path) -> FunctionSpec:
    return FunctionSpec(
        arn="arn:aws:lambda:us-east-1:111122223333:function:echo",
        name="echo",
        version="$LATEST",
        runtime="python3.12",
        handler="app.handler",
        memory_mb=1769,
        timeout_s=10,
        task_root=code,
        revision="first",
        account_id="111122223333",
        region="us-east-1",
        log_group="/aws/lambda/echo",
    )


# --- through boto3 and HTTP


def through_http(calls_per_thread: int) -> dict[str, float | None]:
    """Start, calls from 8 threads, deployment of template.yaml, memory of the server."""
    began = time.perf_counter()
    with start() as endpoint:
        client = _client(endpoint, "sts")
        client.get_caller_identity()
        start_s = time.perf_counter() - began
        http_per_s = _http_per_s(endpoint, calls_per_thread)
        deploy_s = _deploy_s(endpoint)
        status = Path(f"/proc/{endpoint.process.pid}/status").read_text()
    rss_mb = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    return {
        "start_s": round(start_s, 2),
        "http_per_s": round(http_per_s),
        "deploy_s": deploy_s,
        "rss_mb": round(rss_mb, 1),
    }


def _http_per_s(endpoint: LocalEndpoint, calls_per_thread: int) -> float:
    client = _client(endpoint, "lambda")
    name = _function(client, "echo", ECHO, 1769)

    def call(times: int) -> None:
        for _ in range(times):
            client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(call, [5] * 8))
        began = time.perf_counter()
        list(threads.map(call, [calls_per_thread] * 8))
        return 8 * calls_per_thread / (time.perf_counter() - began)


def _deploy_s(endpoint: LocalEndpoint) -> float | None:
    """Seconds that `lambdatuning deploy` takes for template.yaml, process start included."""
    arguments = [sys.executable, "-m", "lambdatuning", "deploy", "--yes", "--quiet"]
    began = time.perf_counter()
    done = subprocess.run(
        arguments, cwd=ROOT, env=os.environ | endpoint.environment, capture_output=True, check=False
    )
    if done.returncode:
        print(done.stderr.decode().strip(), file=sys.stderr)
        return None
    return round(time.perf_counter() - began, 2)


# --- fidelity


def fidelity(rounds: int) -> list[dict[str, object]]:
    """Duration against CPU used / share: idle, with one core loaded, and 8 environments at once.

    A row's `error` is median(duration / ideal) - 1 and `cv` the variation of that ratio; of the
    sleeping row, ideal is the sleep itself and `error_ms` the difference.
    """
    rows: list[dict[str, object]] = []
    with start() as endpoint:
        for memory_mb in SIZES_MB:
            for cpu_ms in (5, 50, 500):
                samples = max(2, rounds * (6 if cpu_ms < 500 else 1))
                rows.append(_row(endpoint, memory_mb, cpu_ms, samples))
            rows.append(_sleeping_row(endpoint, memory_mb, 2 * rounds))
        with _one_core_loaded():
            rows += [_row(endpoint, size, 50, 4 * rounds, load="one core") for size in SIZES_MB]
        rows += [_row(endpoint, size, 50, 8 * rounds, environments=8) for size in SIZES_MB]
    return rows


def _row(
    endpoint: LocalEndpoint,
    memory_mb: int,
    cpu_ms: int,
    samples: int,
    load: str = "idle",
    environments: int = 1,
) -> dict[str, object]:
    measured = _burn(endpoint, memory_mb, {"cpu_ms": cpu_ms}, samples, environments)
    ratios = [row["duration_ms"] * share_for(memory_mb) / row["cpu_ms"] for row in measured]
    return {
        "cpu_ms": cpu_ms,
        "memory_mb": memory_mb,
        "load": load,
        "environments": environments,
        "error": round(statistics.median(ratios) - 1, 4),
        "cv": round(statistics.pstdev(ratios) / statistics.mean(ratios), 4),
        "stolen": round(
            sum(row["stolen_ms"] for row in measured) / sum(row["duration_ms"] for row in measured),
            4,
        ),
    }


def _sleeping_row(endpoint: LocalEndpoint, memory_mb: int, samples: int) -> dict[str, object]:
    measured = _burn(endpoint, memory_mb, {"cpu_ms": 0, "sleep_ms": 50}, samples, 1)
    late_ms = statistics.median(row["duration_ms"] for row in measured) - 50
    return {"sleep_ms": 50, "memory_mb": memory_mb, "load": "idle", "error_ms": round(late_ms, 2)}


def _burn(
    endpoint: LocalEndpoint, memory_mb: int, event: dict[str, int], samples: int, environments: int
) -> list[dict[str, Any]]:
    client = _client(endpoint, "lambda")
    name = _function(client, "burn", BURN, memory_mb)
    warm_up, payload = b'{"cpu_ms": 0, "sleep_ms": 100}', json.dumps(event).encode()

    def call(body: bytes) -> str:
        request_id: str = client.invoke(FunctionName=name, Payload=body)["ResponseMetadata"][
            "RequestId"
        ]
        return request_id

    with ThreadPoolExecutor(environments) as threads:
        list(threads.map(call, [warm_up] * environments))
        request_ids = list(threads.map(call, [payload] * samples))
    query = urllib.parse.urlencode([("request_id", one) for one in request_ids])
    address = f"{endpoint.url}/_lambdatuning/invocations?{query}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        rows: list[dict[str, Any]] = json.load(answer)
    return rows


@contextlib.contextmanager
def _one_core_loaded() -> Iterator[None]:
    busy = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.send_signal(signal.SIGKILL)
        busy.wait()


# --- the main job


def tuning_overhead() -> float | None:
    """Wall time of a tuning run over the billed time on its critical path, from the command."""
    arguments = ["benchmark", "--local", "--yes", "--json", "--quiet", "--powers", "128,512,1769"]
    with tempfile.TemporaryDirectory() as store:
        done = subprocess.run(
            [sys.executable, "-m", "lambdatuning", *arguments, "--store", store],
            cwd=ROOT,
            capture_output=True,
            check=False,
            text=True,
        )
    if done.returncode:
        print(done.stderr.strip(), file=sys.stderr)
        return None
    overhead: float = json.loads(done.stdout.splitlines()[-1])["overhead"]
    return overhead


# --- clients and functions

_numbers = count()


def _client(endpoint: LocalEndpoint, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=endpoint.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=20, read_timeout=300, retries={"total_max_attempts": 1}),
    )


def _function(client: Any, kind: str, source: str, memory_mb: int) -> str:
    name = f"{kind}{next(_numbers)}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", source)
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::111122223333:role/anyone",
        Handler="app.handler",
        MemorySize=memory_mb,
        Timeout=120,
        Code={"ZipFile": buffer.getvalue()},
    )
    return name


if __name__ == "__main__":
    main()
