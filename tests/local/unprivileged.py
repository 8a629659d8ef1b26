"""What an ordinary user sees of the embedded AWS, as JSON: `python -m tests.local.unprivileged`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from lambdatuning.core.sizes import vcpus
from lambdatuning.local import endpoint
from tests.local.conftest import Cloud

BURN = """
    import time
    def handler(event, context):
        end = time.thread_time() + event
        while time.thread_time() < end:
            pass
    """
MOST_PROCESSES = """
    import resource
    def handler(event, context):
        return resource.getrlimit(resource.RLIMIT_NPROC)[0]
    """


def main() -> None:
    """Measure some sizes, unsettled, on a server of one's own."""
    with endpoint.start(settle="period", limiter="sigstop") as running:
        cloud = Cloud(running)
        limiter = running.facts()["limiter"]
        rows = [_row(cloud, memory_mb, cpu_s) for memory_mb, cpu_s in ((128, 0.03), (512, 0.1))]
        most_processes = cloud.run(MOST_PROCESSES).payload
    measured = {
        "uid": os.geteuid(),
        "limiter": limiter,
        "rows": rows,
        "stopped_left": _stopped(),
        "most_processes": most_processes,
        # Twice as many as now, so that a program that ends meanwhile matters not.
        "threads_of_all": 2 * int(Path("/proc/loadavg").read_text().split()[3].split("/")[1]),
    }
    json.dump(measured, sys.stdout)


def _row(cloud: Cloud, memory_mb: int, cpu_s: float) -> dict[str, float]:
    name = cloud.function(BURN, MemorySize=memory_mb)
    cloud.invoke(name, 0)
    facts = [cloud.facts(cloud.invoke(name, cpu_s).request_id)[0] for _ in range(3)]
    least: dict[str, Any] = min(facts, key=lambda row: row["stolen_ms"])
    return {
        "duration_ms": least["duration_ms"],
        "stolen_ms": least["stolen_ms"],
        "owed_ms": least["cpu_ms"] / vcpus(memory_mb),
    }


def _stopped() -> list[str]:
    """Processes of this user that are stopped: none may outlive the server."""
    pids = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if "State:\tT" in text and f"Uid:\t{os.geteuid()}\t" in text:
            pids.append(status.parent.name)
    return pids


if __name__ == "__main__":
    main()
