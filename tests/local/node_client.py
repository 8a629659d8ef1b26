"""Runs a Node function on a Lambda runtime client, by the Runtime API alone, and says what it did.

`python -m tests.local.node_client FOLDER` records what AWS's own client does: FOLDER is an
installed npm package aws-lambda-ric, of version 3.x or 4.x, which needs a compiler.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdatuning.local.function import Request
from lambdatuning.local.logs.printed import LogEvent
from lambdatuning.local.runtime import command
from lambdatuning.local.runtime.process import RuntimeProcess
from lambdatuning.local.runtime.runtime_api import RuntimeApi

RECORDED = Path(__file__).parent / "node_client.json"
BOOTSTRAP = Path(command.__file__).with_name("node_bootstrap.mjs")
LIMIT_S = 30.0
ALL = ("nodejs22.x", "nodejs24.x")
"""The runtimes whose clients differ: 3.x of AWS's client serves the one, 4.x the other."""


@dataclass(frozen=True)
class Case:
    """One function: its files, or the source of `app.js`, and the events that it gets."""

    name: str
    source: str = ""
    events: tuple[str, ...] = ("1",)
    files: Mapping[str, str] | None = None
    handler: str = "app.handler"
    variables: tuple[tuple[str, str], ...] = ()
    runtimes: tuple[str, ...] = ALL


def _cases() -> tuple[Case, ...]:
    sources = json.loads((Path(__file__).parent / "node_cases.json").read_text())
    return tuple(
        Case(
            name=name,
            source=given.get("source", ""),
            events=tuple(given.get("events", ["1"])),
            files=given.get("files"),
            handler=given.get("handler", "app.handler"),
            variables=tuple(given.get("variables", {}).items()),
            runtimes=tuple(given.get("runtimes", ALL)),
        )
        for name, given in sources.items()
    )


CASES = _cases()


def ours() -> list[str]:
    """The command of our own client."""
    return ["node", str(BOOTSTRAP)]


def of_aws(package: Path) -> list[str]:
    """The command of AWS's client, installed in `package`."""
    if (package / "dist" / "index.mjs").exists():
        program = (
            "const { run } = await import(process.argv[1]);"
            "await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);"
        )
        index = (package / "dist" / "index.mjs").as_uri()
        return ["node", "--input-type=module", "-e", program, index]
    return ["node", str(package / "index.mjs")]


def run(case: Case, runtime: str, program: Sequence[str]) -> list[Any]:
    """What the client did, act by act: what it posted and logged, how it ended."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (case.files or {"app.js": case.source}).items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        api = RuntimeApi()
        process = RuntimeProcess.start(program, _variables(case, runtime, api, folder), folder)
        api.watch(process.log_fd, process.exit_fd)
        try:
            return _acts(case, api, process, folder)
        finally:
            process.kill()
            process.close()
            api.close()


def _variables(case: Case, runtime: str, api: RuntimeApi, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "group",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "LAMBDA_TASK_ROOT": str(folder),
        "_HANDLER": case.handler,
        **dict(case.variables),
    }


def _acts(case: Case, api: RuntimeApi, process: RuntimeProcess, folder: Path) -> list[Any]:
    acts: list[Any] = []
    deadline = time.monotonic() + LIMIT_S
    waiting = [Request(f"r{n}", text.encode(), "arn") for n, text in enumerate(case.events)]
    while True:
        event = api.wait(deadline)
        if event.kind == "timeout":
            raise TimeoutError(f"{case.name}: {acts}")
        if event.kind == "exit":
            acts += _logged(api, folder)
            return [*acts, {"exit": process.returncode()}]
        if event.kind != "next":
            acts.append({event.kind: _plain(event.body.decode(), folder)})
        elif waiting:
            acts += _logged(api, folder)
            api.send(waiting.pop(0), int((time.time() + LIMIT_S) * 1e3))
        else:
            return [*acts, *_logged(api, folder), "waits"]


def _logged(api: RuntimeApi, folder: Path) -> list[dict[str, str]]:
    api.drain_log()
    return [{"log": text} for event in api.log.take() if (text := _line(event, folder))]


def _line(event: LogEvent, folder: Path) -> str:
    """An event without what differs from run to run: times, folders, stacks."""
    text = event.text.replace(str(folder), "/var/task")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r'"(stack|stackTrace|trace)":\[("(\\.|[^"\\])*",?)*\]', r'"\1":[]', text)
    text = re.sub(r'\\n    at [^"]*', "", text)
    text = re.sub(r"Require stack:.*", "Require stack", text)
    # What node itself prints of a crash is left out.
    return text.partition("\n")[0] if text.startswith(("TIME", "{")) else ""


def _plain(text: str, folder: Path) -> Any:
    try:
        content = json.loads(text.replace(str(folder), "/var/task"))
    except ValueError:
        return text
    if isinstance(content, dict) and "errorType" in content:
        content.pop("trace", None)
        content["errorMessage"] = content["errorMessage"].partition("\nRequire stack")[0]
    return content


def main(package: Path) -> None:
    """Record what the client of AWS in `package` does."""
    version = json.loads((package / "package.json").read_text())["version"]
    runtime = "nodejs24.x" if version.startswith("4") else "nodejs22.x"
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    recorded[runtime] = {
        "source": f"npm package aws-lambda-ric {version}, on node {node.stdout.strip()}",
        "acts": {
            case.name: run(case, runtime, of_aws(package))
            for case in CASES
            if runtime in case.runtimes
        },
    }
    RECORDED.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    assert threading.active_count() == 1
    main(Path(sys.argv[1]).resolve())
