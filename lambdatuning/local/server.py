"""The embedded AWS as one process: what `python -m lambdatuning.local --port 0` runs.

Prints one line of JSON with its address when it answers. With `--lifeline`, it ends when its
standard input does.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import platform
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..core.errors import LambdaTuningError, UsageError
from . import cleanup
from .admission import Admission
from .apis.asgi import Services
from .apis.front import Front
from .apis.log_events import LogWriter
from .invoker import Invoker, Ledger
from .limiters import Choice, choose
from .limiters.cores import host_cores
from .packages import PackageStore
from .pool import Pool
from .runtime import command, mounts
from .services import corrections, executor, ministack
from .services.gateway import Gateway
from .services.strict import Strict, read_switches
from .settings import ACCOUNT_ID, LOOPBACK, REGION, SETTLES, check_platform

_KEEP_ALIVE_S = 75
_COLLECT_AFTER = 10_000
"""Objects; Python's own 700 would take a quarter of the time in which CloudFormation is loaded."""
_END_LIMIT_S = 1.5
"""How long the end in order may take, before the server just ends."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT, SIGTERM or the end of the lifeline; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        serve(options)
    except LambdaTuningError as exc:
        print(f"error: {exc}", file=sys.stderr)  # noqa: T201 - the command line's own voice
        return exc.exit_code
    return 0


def serve(options: argparse.Namespace) -> None:
    """Run one server as `options` say. Raises `UsageError` for what cannot be served."""
    check_platform()
    _allow_many_descriptors()
    _warn_of_strangers(options.host)
    if options.strict:
        read_switches(options.strict)
    state: Path = (options.state or _default_state()).resolve()
    state.mkdir(parents=True, exist_ok=True)
    cleanup.clear_dead_servers(command.MARKER_NAME, state)
    listener = _listen(options.host, options.port)
    ident = cleanup.server_ident(os.getpid())
    folder = state / ident
    lifeline = cleanup.start_supervisor(f"{command.MARKER_NAME}={ident}", folder)
    try:
        folder.mkdir(mode=0o700)
        _limited(options, listener, ident, folder)
    finally:
        cleanup.remove_tree(folder)
        os.close(lifeline)


def _limited(
    options: argparse.Namespace, listener: socket.socket, ident: str, folder: Path
) -> None:
    chosen = choose(options.limiter, ident)
    limiter = chosen.limiter
    cleanup.note_cgroups(limiter.leftovers(), folder)
    try:
        # Its clocks measure the functions: it should not wait a time slice behind other load.
        limiter.protect(os.getpid())
        _run(options, listener, ident, folder, chosen)
    finally:
        limiter.close()


def _run(
    options: argparse.Namespace, listener: socket.socket, ident: str, folder: Path, chosen: Choice
) -> None:
    port = listener.getsockname()[1]
    os.environ.update(
        ministack.settings(port=port, account_id=ACCOUNT_ID, region=REGION, folder=str(folder))
    )
    tempfile.tempdir = str(folder)
    host, why_no_view = _host(f"http://{_reached_at(options.host)}:{port}", ident, folder)
    pool = Pool(host, chosen.limiter, folder / "environments", executor.function_exists)
    ledger = Ledger()
    admission = Admission(host_cores())
    strict = options.settle == "strict"
    services = Services(ministack.application(), port)
    logs = LogWriter(services)
    invoker = Invoker(pool, admission, ledger, logs.append, strict=strict)
    packages = PackageStore(folder / "packages")
    executor.install(invoker.invoke, packages, host.endpoint_url, services)
    facts = (
        _facts(options, chosen, host)
        | _isolation(host, why_no_view)
        | {"measuring_cores": admission.capacity}
    )
    application = Gateway(
        _front(options, services, pool, logs),
        lambda: facts,
        ledger,
        options.host,
        pool.is_key,
        host.users,
        lambda runtime, image: command.why_not_here(runtime, host, image=image),
    )
    try:
        serving = _listen_and_serve(application, listener, host.endpoint_url, options, pool.kill)
        asyncio.run(services.serving(serving))
    finally:
        pool.close()
        if host.view is not None:
            host.view.close()


def _front(options: argparse.Namespace, services: Services, pool: Pool, logs: LogWriter) -> Front:
    """ministack with what AWS answers otherwise in front of it; strict where that is asked for."""
    inner = ministack.application()
    before_stacks = partial(corrections.install_for_stacks, services)
    if options.strict:
        inner = Strict(inner, options.strict, pool.by_key, executor.settle_in, services)
        corrections.authorise_tasks(inner.refuses_task, services)
        before_stacks = partial(before_stacks, inner.refuses_change)
    return Front(inner, services, logs, executor.url_streams, before_stacks)


async def _listen_and_serve(
    application: Any,
    listener: socket.socket,
    url: str,
    options: argparse.Namespace,
    kill_environments: Callable[[], None],
) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)
        # Invocations that run now would be waited for. What is left is the supervisor's.
        threading.Thread(target=kill_environments, daemon=True).start()
        time.sleep(_END_LIMIT_S)
        os._exit(0)

    wakers = [_signalled()] + ([0] if options.lifeline else [])
    threading.Thread(target=_wait_for_end, args=(wakers, end), daemon=True).start()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = _KEEP_ALIVE_S
    config.graceful_timeout = 0.5
    config.loglevel = "ERROR"
    # Events of REST APIs carry the names of headers as they were sent.
    config.h11_pass_raw_headers = True
    _settle_memory()
    # The socket listens already: what comes before the first answer waits in its queue.
    print(json.dumps({"url": url}), flush=True)  # noqa: T201 - the handshake with `endpoint.start`
    await hypercorn_serve(application, config, shutdown_trigger=stop.wait)


def _settle_memory() -> None:
    """What is loaded stays: it is not searched for garbage again, and what follows not as often."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    gc.enable()


def _signalled() -> int:
    """A descriptor that becomes readable with SIGINT or SIGTERM, whatever the main thread does."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


def _wait_for_end(wakers: list[int], end: Callable[[], None]) -> None:
    """Call `end` when a signal comes in, or standard input ends (descriptor 0)."""
    while True:
        for waker in select.select(wakers, [], [])[0]:
            if os.read(waker, 1) == b"" or waker != 0:
                end()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=512)
    except OSError as exc:
        raise UsageError(
            f"port {port} on {host} cannot be used ({exc.strerror}); choose another with --port"
        ) from exc


def _default_state() -> Path:
    # Not /tmp where it can be helped: functions may get a /tmp of their own.
    elsewhere = Path("/var/tmp")  # noqa: S108 - a private folder is made in it
    return elsewhere if os.access(elsewhere, os.W_OK) else Path(tempfile.gettempdir())


def _host(url: str, ident: str, folder: Path) -> tuple[command.ServerHost, str]:
    """What environments have in common, and why they see the host as it is, if they do."""
    packages = folder / "python"
    command.link_packages(packages)
    node = command.find_node()
    needed = command.needed(packages, node)
    prepared = mounts.prepare(folder, packages, needed, {command.MARKER_NAME: ident})
    host = command.ServerHost(
        endpoint_url=url,
        marker=ident,
        runtime_packages=packages,
        node=node,
        node_version=command.node_version(node),
        view=prepared.view,
    )
    return host, prepared.why


def _facts(
    options: argparse.Namespace, chosen: Choice, host: command.ServerHost
) -> dict[str, object]:
    return {
        "kind": "embedded",
        "version": version("lambdatuning"),
        "limiter": chosen.limiter.name,
        "limiter_why": chosen.why,
        "settle": options.settle,
        "cores": host_cores(),
        "account_id": ACCOUNT_ID,
        "ministack": version("ministack"),
        "awslambdaric": version("awslambdaric"),
        "python": platform.python_version(),
        "node": host.node_version,
    }


def _isolation(host: command.ServerHost, why: str) -> dict[str, object]:
    """What functions see of the host, and why it is no more than that."""
    level = "none" if host.view is None else "namespace"
    if host.view is not None and host.view.user is not None:
        level = "namespace and user"
    return {"isolation": level, "isolation_why": why}


def _reached_at(host: str) -> str:
    """Where functions and clients of this machine find what is bound to `host`."""
    return LOOPBACK[0] if host in (*LOOPBACK, "0.0.0.0") else host  # noqa: S104 - not bound here


def _allow_many_descriptors() -> None:
    """As many as this user may have: an environment takes about ten, a client's connection one."""
    with contextlib.suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _warn_of_strangers(host: str) -> None:
    if host not in LOOPBACK:
        print(  # noqa: T201 - the command line's own voice
            f"warning: {host} is no loopback address: whoever reaches it can run code here",
            file=sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lambdatuning.local")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--host", default=LOOPBACK[0], help="any other is open to your network")
    parser.add_argument("--state", type=Path, help="folder for its temporary files")
    parser.add_argument("--limiter", default="auto")
    parser.add_argument("--settle", choices=SETTLES, default="strict")
    parser.add_argument("--strict", type=Path, metavar="FILE", help="switches; see services.strict")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input ends")
    return parser
