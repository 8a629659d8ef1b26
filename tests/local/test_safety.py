"""The endpoint harms nobody and leaves nothing behind."""

import io
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambdatuning.core.errors import UsageError
from lambdatuning.local import endpoint
from lambdatuning.local.function import Request
from lambdatuning.local.limiters import processes
from lambdatuning.local.packages import PackageStore, check_package
from lambdatuning.local.settings import check_platform
from tests.local import inside
from tests.local.conftest import NODE, PYTHON, ROLE, Cloud, package
from tests.local.plain_http import send
from tests.local.remains import gone, left_by, processes_of_server, wait_for_processes

STUBBORN = """
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    def handler(event, context):
        # A child that left the process group and the session, too.
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
        return os.getpid()
    """


def test_it_listens_on_loopback_alone(cloud: Cloud) -> None:
    port = int(cloud.endpoint.url.rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        own_address = probe.getsockname()[0]
    with socket.socket() as client:
        assert client.connect_ex((own_address, port)) != 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:4566"}, 200),
        ({"Host": "bucket.s3.localhost"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:8888"}, 200),
    ],
)
def test_web_pages_cannot_reach_it(cloud: Cloud, headers: dict[str, str], status: int) -> None:
    assert send(cloud, "GET", "/_lambdatuning", headers=headers)[0] == status


def _zip_with(name: str, mode: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 1\n")
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        archive.writestr(member, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../../escaped.py", 0),
        ("/tmp/escaped.py", 0),
        ("a/../../escaped.py", 0),
        ("..\\escaped.py", 0),
        ("link", stat.S_IFLNK | 0o777),
        ("app.py/inner.py", 0),
        ("app.py/", 0),
        ("x" * 300, 0),
        ("d/" * 2_500 + "deep", 0),
        ("pipe", stat.S_IFIFO | 0o666),
        ("", 0),
    ],
)
def test_packages_that_would_escape_are_refused(cloud: Cloud, name: str, mode: int) -> None:
    refusal = cloud.client("lambda").exceptions.InvalidParameterValueException
    with pytest.raises(refusal) as refused:
        cloud.function("", Code={"ZipFile": _zip_with(name, mode)})

    message = refused.value.response["Error"]["Message"]
    assert f'(code package refused: "{name[:97]}' in message
    assert "/var/" not in message


def _damaged() -> bytes:
    whole = package({"app.py": "def handler(event, context):\n    return 1\n"})
    return whole.replace(b"return 1", b"return 2", 1)


def _marked(flag: int = 0, method: int = 0) -> bytes:
    """A zip whose member says that it is encrypted, or compressed by another method."""
    whole = bytearray(package({"app.py": "def handler(event, context):\n    return 1\n"}))
    for header, at in ((whole.find(b"PK\x01\x02"), 8), (0, 6)):
        whole[header + at] |= flag
        whole[header + at + 2] = method
    return bytes(whole)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (_damaged(), '"app.py" is damaged (its checksum is wrong); package it again'),
        (_marked(flag=1), '"app.py" is encrypted; package it without a password'),
        (_marked(method=99), '"app.py" is compressed by a method unknown here (99); use deflate'),
        (b"PK, or so it says", "it is not a zip file; package the code again"),
    ],
)
def test_packages_that_cannot_be_read_are_refused(content: bytes, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_package(content)
    assert str(refused.value) == f"code package refused: {why}"


def _linked(links: dict[str, str], **files: str) -> bytes:
    """A package as `zip -y` makes it."""
    buffer = io.BytesIO(package({name.replace("_", "."): text for name, text in files.items()}))
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, target in links.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, target)
    return buffer.getvalue()


def test_links_within_a_package_work(cloud: Cloud) -> None:
    content = _linked(
        {"app.py": "real.py", "deep/er/up": "../../real.py"},
        real_py="import os\ndef handler(event, context):\n"
        "    return [os.readlink('app.py'), os.path.samefile('deep/er/up', 'real.py')]\n",
    )

    assert cloud.run("", Code={"ZipFile": content}).payload == ["real.py", True]


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
def test_one_name_for_a_link_and_a_file_is_refused(names: tuple[str, str]) -> None:
    """Whichever comes first; what one of them would be otherwise shows only when it runs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            member = zipfile.ZipInfo("./same" if name == "one" else "same")
            member.external_attr = (stat.S_IFLNK if name == "one" else stat.S_IFREG) << 16
            archive.writestr(member, "app.py")

    with pytest.raises(UsageError, match=r'same" needs "same" as a file and as a link$'):
        check_package(buffer.getvalue())


@pytest.mark.parametrize(
    "links",
    [
        {"out": "/etc/passwd"},
        {"out": "../../outside"},
        {"a/b/c/root": "../../..", "out": "a/b/c/root/.."},
        {"out": ""},
    ],
)
def test_links_out_of_a_package_are_refused(links: dict[str, str], tmp_path: Path) -> None:
    store = PackageStore(tmp_path)

    with pytest.raises(UsageError, match=r'^code package refused: "out" is a link'):
        store.unpack("it", _linked(links))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("runtime", "language", "program"),
    [("ruby3.3", "Ruby", "ruby"), ("java21", "Java", "java"), ("dotnet8", ".NET", "dotnet")],
)
def test_runtimes_that_cannot_run_here_are_refused_in_one_line(
    cloud: Cloud, runtime: str, language: str, program: str
) -> None:
    message = cloud.run("", Runtime=runtime).payload["errorMessage"]

    has = f"{program} is here" if shutil.which(program) else f"{program} is not here either"
    assert message == (
        f'runtime "{runtime}" is not supported by the embedded AWS: Lambda\'s client for '
        f'{language} would have to be part of the package ({has}). Package it with a "bootstrap" '
        "program and use provided.al2023, or tune it on AWS"
    )


def test_images_are_refused_in_one_line(cloud: Cloud) -> None:
    client = cloud.client("lambda")
    image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/thing:1"
    client.create_function(
        FunctionName="image", PackageType="Image", Role=ROLE, Code={"ImageUri": image}
    )

    answer = cloud.invoke("image")

    assert answer.payload["errorMessage"] == (
        "image is a container image; the embedded AWS runs zip packages"
    )


def test_a_missing_node_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    source = "export const handler = async () => 1;"
    with endpoint.start() as running:
        cloud = Cloud(running)
        answer = cloud.run(source, Runtime=NODE)
        still = cloud.run("def handler(event, context):\n    return 1\n", Runtime=PYTHON)

    assert answer.payload["errorMessage"] == (
        f"{NODE} needs node on the PATH; install Node.js and restart"
    )
    assert still.payload == 1


@pytest.mark.parametrize("limiter", ["cgroup1", "cgroup2"])
def test_missing_rights_on_cgroups_are_reported_in_one_line(limiter: str) -> None:
    source = (
        "import os, sys\nfrom lambdatuning.local.limiters import choose\n"
        "if os.geteuid() == 0:\n    os.setgroups([])\n    os.setresuid(65534, 65534, 65534)\n"
        "try:\n    choose(sys.argv[1], 'lambdatuning-1-none')\nexcept Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", source, limiter], capture_output=True, text=True, check=True
    )

    if not shown.stdout:
        pytest.skip("an ordinary user has these rights here")
    assert re.fullmatch(
        f"UsageError limiter {limiter} cannot work here: [^\n]+; use --limiter auto\n", shown.stdout
    )


def test_windows_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"^[^\n]*Windows[^\n]*WSL 2[^\n]*$"):
        check_platform("win32")


def test_a_port_in_use_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1 cannot be used"):
            endpoint.start(port=port)


def test_an_unknown_limiter_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match='unknown limiter "cgroup3"; did you mean'):
        endpoint.start(limiter="cgroup3")


@pytest.mark.parametrize("limiter", ["auto", pytest.param("sigstop", marks=pytest.mark.alone)])
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_nothing_survives_the_server(limiter: str, how: str, tmp_path: Path) -> None:
    running = endpoint.start(limiter=limiter, state_dir=tmp_path)
    server_pid = running.process.pid
    cloud = Cloud(running)
    name = cloud.function(STUBBORN)
    pid = cloud.invoke(name).payload
    wait_for_processes(server_pid, 2)
    assert processes.alive(pid)

    if how == "kill":
        os.kill(server_pid, signal.SIGKILL)
    running.stop()

    assert gone(server_pid, tmp_path), left_by(server_pid, tmp_path)


def test_it_ends_with_the_client_that_started_it(tmp_path: Path) -> None:
    source = (
        "import pathlib, sys, time\nfrom lambdatuning.local import endpoint\n"
        "e = endpoint.start(state_dir=pathlib.Path(sys.argv[1]))\n"
        "print(e.process.pid, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout
        server_pid = int(client.stdout.readline())
        client.kill()

    assert gone(server_pid, tmp_path)


def test_the_next_start_sweeps_what_a_killed_supervisor_left(tmp_path: Path) -> None:
    running = endpoint.start(state_dir=tmp_path)
    cloud = Cloud(running)
    cloud.run("def handler(event, context):\n    return 1\n")
    server_pid = running.process.pid
    children = Path(f"/proc/{server_pid}/task/{server_pid}/children").read_text().split()
    supervisors = [
        int(pid)
        for pid in children
        if b"lambdatuning.local" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    for pid in (*supervisors, server_pid):
        os.kill(pid, signal.SIGKILL)
    running.stop()

    endpoint.start(state_dir=tmp_path).stop()

    assert gone(server_pid, tmp_path), left_by(server_pid, tmp_path)


def test_the_facts_say_what_is_running(cloud: Cloud) -> None:
    facts = cloud.endpoint.facts()

    assert facts["kind"] == "embedded"
    assert facts["account_id"] == cloud.client("sts").get_caller_identity()["Account"]
    assert facts["limiter"] in ("cgroup1", "cgroup2", "sigstop")
    assert facts["settle"] == "strict"
    assert set(facts) == {
        *("kind", "version", "limiter", "limiter_why", "settle", "cores", "measuring_cores"),
        *("account_id", "ministack", "awslambdaric", "python", "node"),
        *("isolation", "isolation_why"),
    }
    json.dumps(facts)


BUSY = """
    import time
    def handler(event, context):
        time.sleep(60)
    """


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number: signal.Signals, tmp_path: Path) -> None:
    """With an environment that is idle and one that works."""
    running = endpoint.start(state_dir=tmp_path)
    cloud = Cloud(running)
    idle, busy = cloud.function(inside.ECHO), cloud.function(BUSY, Timeout=90)
    pid = cloud.endpoint.process.pid
    cloud.invoke(idle)
    beside = len(processes_of_server(pid))
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(cloud.invoke, busy)
        wait_for_processes(pid, beside + 1)
        running.process.send_signal(number)
        assert running.process.wait(120) == 0
        assert isinstance(waiting.exception(120), Exception)
    running.stop()
    assert gone(running.process.pid, tmp_path), left_by(running.process.pid, tmp_path)


MEETS = """
    import socket
    def handler(event, context):
        with socket.create_connection(("127.0.0.1", event["port"])) as meeting:
            meeting.recv(1)
    """


def test_what_a_stopping_server_kills_is_no_error_of_the_function() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door, ThreadPoolExecutor(1) as threads:
        door.settimeout(120)
        event = json.dumps({"port": door.getsockname()[1]}).encode()
        with inside.running(textwrap.dedent(MEETS)) as (invoker, spec):
            waiting = threads.submit(invoker.invoke, spec, Request("request", event, spec.arn))
            guest, _ = door.accept()
            invoker._pool.kill()  # as the server does first when it is told to stop
            with guest, pytest.raises(RuntimeError, match="the embedded AWS is stopping"):
                waiting.result(120)


SAYS = """
    import os, socket, time
    def handler(event, context):
        host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
        with socket.create_connection((host, int(port))) as api:
            api.settimeout(event.get("wait_s", 60))
            api.sendall(event["say"].replace("ID", context.aws_request_id).encode())
            try:
                said = api.recv(1000).decode()
            except TimeoutError:
                said = "nothing"
        time.sleep(event.get("sleep_s", 0))
        return said.partition("\\r\\n")[0]
    """
POST = "POST /2018-06-01/runtime/invocation/"


@pytest.mark.parametrize(
    ("say", "answer"),
    [
        (POST + "ID/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-6\r\n", ""),
        (POST + "ID/response HTTP/1.1\r\nContent-Length: -6\r\n\r\n", ""),
        (POST + "ID/response HTTP/1.1\r\nContent-Length: 9\r\n\r\nforever", "nothing"),
        (POST + "my/response HTTP/1.1\r\nContent-Length: 1\r\n\r\n1", "HTTP/1.1 400 Bad Request"),
        (POST + "ID/unknown HTTP/1.1\r\nContent-Length: 1\r\n\r\n1", "HTTP/1.1 404 Not Found"),
        ("GET /2018-06-01/anything HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("PUT /2022-07-01/telemetry HTTP/1.1\r\n\r\n", "HTTP/1.1 202 Accepted"),
        (POST + "ID/response HTTP/1.1\r\nOrigin: http://lo\r\n\r\n", "HTTP/1.1 403 Forbidden"),
        ("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n\r\n",
         "HTTP/1.1 403 Forbidden"),
        ("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: evil.example:80\r\n\r\n",
         "HTTP/1.1 403 Forbidden"),
    ],
)  # fmt: skip
def test_the_runtime_api_bears_what_a_handler_says(cloud: Cloud, say: str, answer: str) -> None:
    name = cloud.function(SAYS, Timeout=90)
    patience = {"wait_s": 0.5} if answer == "nothing" else {}

    assert cloud.invoke(name, {"say": say, **patience}).payload == answer
    assert cloud.invoke(name, {"say": "\r\n\r\n"}).payload == ""


def test_a_malformed_response_does_not_lift_the_timeout(cloud: Cloud) -> None:
    say = POST + "ID/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-6\r\n-6\r\n"

    answer = cloud.run(SAYS, {"say": say, "sleep_s": 60}, Timeout=2)

    assert answer.payload["errorType"] == "Sandbox.Timedout"
