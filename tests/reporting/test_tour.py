"""README's tour as its readers take it: block after block in one shell, on an embedded AWS.

Its first block, which asks nothing of AWS, is run by `test_browser`.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from lambdatuning.local import endpoint

from ..cli.conftest import environment
from ..cli.forked import run_forked
from .readme import RECORDED, TOUR, copy_checkout

PROGRAM = """
import json, socket, sys
with socket.create_connection(("127.0.0.1", {port})) as server, server.makefile("rw") as stream:
    print(json.dumps(sys.argv[1:]), file=stream, flush=True)
    code, out, complaint = json.load(stream)
sys.stdout.write(out)
sys.stderr.write(complaint)
sys.exit(code)
"""
"""`lambdatuning` in the shell: it has the words run where everything is imported already."""

pytestmark = pytest.mark.timeout(900)


@contextmanager
def forking(given: Mapping[str, str], folder: Path) -> Iterator[int]:
    """A port at which commands are run as `run_forked` does, each a line of JSON."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            words = json.loads(self.rfile.readline())
            ended = run_forked(words, given, folder, limit_s=600)
            self.wfile.write(json.dumps(ended).encode())

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


def test_the_tour_runs(tmp_path: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("needs curl: apt-get install curl")
    copy_checkout(tmp_path, "data/payloads", "notebooks", "lambdatuning", "template.yaml")
    # What it computes is not the point here, and a tenth of it takes less long.
    digest = tmp_path / "data" / "payloads" / "digest.json"
    cheaper = digest.read_text("utf-8").replace('"rounds": 1000000', '"rounds": 100000')
    assert cheaper != digest.read_text("utf-8")
    digest.write_text(cheaper, "utf-8")
    program = tmp_path / "program.py"
    with endpoint.start() as running:
        given = environment(running.environment)
        with forking(given, tmp_path) as port:
            program.write_text(PROGRAM.format(port=port), "utf-8")
            command = f'lambdatuning() {{ "{sys.executable}" -ISX utf8 "{program}" "$@"; }}'
            done = subprocess.run(
                ["bash", "-c", "\n".join(["set -euo pipefail", command, *TOUR])],
                cwd=tmp_path,
                env=given,
                capture_output=True,
                text=True,
                check=False,
            )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(TOUR) >= 4
    assert '{"hello": "world"}' in done.stdout.replace('":"', '": "')
    assert (tmp_path / "reports" / "02_payload_types.html").is_file()


def test_it_begins_with_the_recorded_runs() -> None:
    assert RECORDED == (
        "lambdatuning report -p store data/recorded -p runs latest -p strategy value "
        "--out reports/recorded\n"
    )
