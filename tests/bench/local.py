"""How fast, small and true the embedded AWS is: `python -m tests.bench.local`, one JSON line last.

Every figure stands beside the bare minimum measured in the same run: a raw socket echo between two
Python processes, and a bare Python subprocess. `--quick` takes fewer samples and leaves the tuning
run out; `--cold-starts` says how many starts must leave nothing behind; `--limiter sigstop` holds
the functions as for a user without rights (to be one altogether, run it as one), and `--fidelity`
measures nothing but fidelity. On two cores it takes about five minutes, fidelity alone two.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time

from lambdatuning.local.limiters.cores import host_cores
from tests.bench.local_fidelity import fidelity
from tests.bench.local_inside import warm_and_cold
from tests.bench.local_served import through_http, tuning_overhead

ECHO_SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    peer, _ = server.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := peer.recv(65536):
        peer.sendall(data)
"""


def main() -> None:
    """Measure everything and print the line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.local")
    parser.add_argument("--quick", action="store_true", help="fewer samples, no tuning run")
    parser.add_argument("--cold-starts", type=int, default=1000, metavar="N")
    parser.add_argument("--limiter", default="auto", help="as of `lambdatuning local`")
    parser.add_argument("--fidelity", action="store_true", help="fidelity alone")
    options = parser.parse_args()
    figures: dict[str, object] = {"cores": host_cores(), "load_before": os.getloadavg()[0]}
    if not options.fidelity:
        figures |= speed(options)
    figures |= fidelity(4 if options.quick else 1, options.limiter)
    if not options.fidelity:
        # A tuning run chooses its limiter by itself.
        runs = not options.quick and options.limiter == "auto"
        figures["tuning_overhead"] = tuning_overhead() if runs else None
    print(json.dumps(figures))


def speed(options: argparse.Namespace) -> dict[str, object]:
    """How fast it is, beside the bare minimum, and what it leaves behind."""
    divisor = 4 if options.quick else 1
    return {
        **bare_minimum(2000),
        **warm_and_cold(2000, options.cold_starts // divisor, options.limiter),
        **through_http(240 // divisor, options.limiter),
    }


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
            started = time.perf_counter()
            for _ in range(messages):
                peer.sendall(b"{}")
                peer.recv(65536)
            return messages / (time.perf_counter() - started)


def _subprocess_ms() -> float:
    times = []
    for _ in range(10):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-S", "-c", "import json"], check=True)
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


if __name__ == "__main__":
    main()
