"""Starts the embedded AWS as a child process and says how to reach it."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

from ..core.errors import LambdaTuningError, UsageError
from .settings import ACCESS_KEY_ID, LOOPBACK, REGION, SECRET_ACCESS_KEY, check_platform

START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0


@dataclass(frozen=True)
class LocalEndpoint:
    """A running embedded AWS; a context manager that stops it at the end.

    `environment` holds the variables that make boto3, the AWS CLI and others use it.
    """

    url: str
    region: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] = field(repr=False, compare=False)

    def stop(self) -> None:
        """End the server and everything it started; harmless when it is gone already."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            # Its supervisor takes along what it started.
            self.process.kill()
            self.process.wait()

    def facts(self) -> dict[str, object]:
        """What the server says of itself: limiter, settling, cores, versions."""
        return _get(f"{self.url}/_lambdatuning")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    *,
    port: int = 0,
    host: str = LOOPBACK[0],
    state_dir: Path | None = None,
    limiter: str = "auto",
    settle: str = "strict",
    log_file: Path | None = None,
    strict: Path | None = None,
) -> LocalEndpoint:
    """Start the embedded AWS and return when it answers.

    `port` 0 takes a free one; a `host` beyond loopback lets your network run code here;
    `state_dir` holds its temporary files (default: a folder of the system's); what the server
    complains of goes to `log_file` (default: nowhere); `strict` is a file of switches (see
    `services.strict`). Raises `UsageError` when it refuses to start
    (port in use, Windows) and `LambdaTuningError` when it does not answer.
    """
    check_platform()
    arguments = ["--port", str(port), "--host", host, "--lifeline"]
    arguments += ["--limiter", limiter, "--settle", settle]
    if state_dir is not None:
        arguments += ["--state", str(state_dir)]
    if strict is not None:
        arguments += ["--strict", str(strict)]
    with _log(log_file) as log:
        process = _spawn(arguments, log)
        try:
            url = _announced(process, log)
            _get(f"{url}/_lambdatuning")
        except BaseException:
            process.kill()
            process.communicate()
            raise
    return LocalEndpoint(url, REGION, environment_for(url), process)


def environment_for(url: str) -> dict[str, str]:
    """Variables that point AWS tools to the endpoint at `url`."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **_past_proxies(url),
    }


def _past_proxies(url: str) -> dict[str, str]:
    """What keeps a user's proxy from between AWS tools and us; nothing where there is none."""
    if not urllib.request.getproxies_environment():
        return {}
    exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    hosts = dict.fromkeys(filter(None, (exempt, urlsplit(url).hostname, *LOOPBACK)))
    return {"NO_PROXY": ",".join(hosts), "no_proxy": ",".join(hosts)}


def _log(log_file: Path | None) -> IO[bytes]:
    return log_file.open("a+b") if log_file else tempfile.TemporaryFile()


def _spawn(arguments: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "lambdatuning.local", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**_clean(os.environ), **_past_proxies("")},
        # Ctrl-C belongs to the client, which then ends the server in order.
        start_new_session=True,
    )


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    # The server's own calls must never leave this machine with the user's credentials.
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def _announced(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    """The address that the server prints once it listens."""
    assert process.stdout is not None
    with process.stdout as output, selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        line = output.readline() if selector.select(START_LIMIT_S) else b""
    if line:
        url: str = json.loads(line)["url"]
        return url
    if process.poll() is None and _still_running(process):
        raise LambdaTuningError(
            f"the embedded AWS did not start within {START_LIMIT_S:.0f} s; look at its --log-file"
        )
    raise _refusal(process.returncode, log)


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    # The end of its output comes a moment before the end of the process.
    try:
        process.wait(1.0)
    except subprocess.TimeoutExpired:
        return True
    return False


def _refusal(exit_code: int, log: IO[bytes]) -> LambdaTuningError:
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    reason = lines[-1].removeprefix("error: ")
    kind = UsageError if exit_code == UsageError.exit_code else LambdaTuningError
    return kind(reason if kind is UsageError else f"the embedded AWS ended at once: {reason}")


def _get(url: str) -> dict[str, object]:
    # No proxy of the user's may come between us and loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=START_LIMIT_S) as answer:
            content: dict[str, object] = json.load(answer)
    except OSError as exc:
        raise LambdaTuningError(
            f"the embedded AWS at {url} does not answer ({exc}); start it again"
        ) from exc
    return content
