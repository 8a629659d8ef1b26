"""`lambdatuning report` with the options of papermill."""

import html
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest

from lambdatuning.cli.commands.schema import output_schemas

from ..reporting.notebooks import write_notebook
from .conftest import Shell

PARAMETERS = """from typing import List, Optional
num: int = 3
sizes: List[int] = [1]
name: Optional[str] = None
free = 2 * 3
"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write_notebook(
        tmp_path / "a.ipynb", "print([num, sizes, name, free])", parameters=PARAMETERS
    )


def shown(path: str) -> str:
    return html.unescape(Path(path).read_text("utf-8"))


def test_parameters_are_given_in_every_form_of_papermill_and_the_last_counts(
    nobody: Shell, notebook: Path, tmp_path: Path
) -> None:
    file = tmp_path / "given.yaml"
    file.write_text("num: 1\nsizes: [1, 2]\nname: 2026-11-01\n")
    done = nobody(
        *("report", "-p", "num=41", str(notebook), "-f", str(file), "-y", "{name: b, num: 40}"),
        *("-p", "sizes", "128,256", "-r", "free=5", "--out", str(tmp_path / "out"), "--json"),
        *("--name", "{notebook}-{num}"),
    )
    assert done.code == 0, done.err
    (path,) = json.loads(done.out)
    jsonschema.validate([path], output_schemas()["report"])
    assert path == str(tmp_path / "out" / "a-41.html")
    assert "[41, [128, 256], 'b', '5']" in shown(path)


def test_a_parameter_that_has_no_type_is_read_as_papermill_reads_it(
    nobody: Shell, notebook: Path, tmp_path: Path
) -> None:
    done = nobody(
        *("report", "-p", "free=5", "--parameter", "name", "None", str(notebook)),
        *("--out", str(tmp_path / "out"), "--quiet"),
    )
    assert (done.code, done.err) == (0, "")  # cron mails whatever is said
    assert "[3, [1], None, 5]" in shown(done.out.strip())


def test_what_is_wrong_with_parameters_is_one_line(
    nobody: Shell, notebook: Path, tmp_path: Path
) -> None:
    def refused(*words: str, path: str = str(notebook)) -> str:
        done = nobody("report", path, "--out", str(tmp_path / "out"), *words)
        assert done.code == 2
        assert not (tmp_path / "out").exists()
        return done.complaint

    assert "-p num: write -p NAME=VALUE" in refused("--quiet", "-p", "num")
    assert 'unknown parameter "nim"' in refused("-y", "{nim: 1}")
    assert "known are: free, name, num, sizes" in refused("-p", "run_id", "latest")
    ours = refused("-p", "run_id", "latest", path="notebooks/05_compare.ipynb")
    assert ours.endswith("; runs are named by `runs`, in every notebook")
    assert "--parameters-yaml is not YAML: " in refused("-y", "{num")
    assert f"--parameters-file {tmp_path / 'none.yaml'}: No such file" in refused(
        "-f", str(tmp_path / "none.yaml")
    )
    assert "--name {x}: it has an unknown" in refused("--name", "{x}")
    assert "parameter sizes must be List[int]" in refused("-p", "sizes=a,b")


def test_a_notebook_that_measures_on_aws_asks_first(nobody: Shell, tmp_path: Path) -> None:
    with sts() as url:
        done = nobody(
            *("report", "notebooks/01_benchmark.ipynb", "--out", str(tmp_path / "out")),
            AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b",
            AWS_REGION="eu-west-1",
        )  # fmt: skip
    assert done.code == 4, done.err
    assert "let 01_benchmark.ipynb deploy and pay? needs a yes: pass --yes" in done.complaint
    assert "measures in account 111122223333, eu-west-1" in done.err
    assert not (tmp_path / "out").exists()


IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/me</Arn><UserId>U</UserId>
<Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Sts(BaseHTTPRequestHandler):
    """An AWS that says who one is, as its API reference has it, and nothing else."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.end_headers()
        self.wfile.write(IDENTITY)

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def sts() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_where_all_answers_stand_is_said_of_several_reports(
    nobody: Shell, notebook: Path, tmp_path: Path
) -> None:
    other = write_notebook(tmp_path / "b.ipynb", "print(1)")
    to = ("--out", str(tmp_path / "out"))
    done = nobody("report", str(notebook), str(other), *to)
    assert len(done.out.splitlines()) == 2
    assert f"Open {tmp_path / 'out' / 'index.html'}" in done.err
    assert (tmp_path / "out" / "index.html").is_file()
    assert "index.html" not in nobody("report", str(notebook), *to).err
