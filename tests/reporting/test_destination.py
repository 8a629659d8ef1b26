from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from papermill.iorw import papermill_io

from lambdatuning.core.errors import LambdaTuningError, RunFailedError, UsageError
from lambdatuning.reporting.destination import Folder, destination
from lambdatuning.reporting.report import report

from .notebooks import write_notebook

TABLE = (
    "from lambdatuning.analysis.text.tables import table\nfrom pandas import DataFrame\n"
    "table(DataFrame({'a': [1]}), 'Sizes')"
)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 with one bucket, which the environment leads to."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="reports-of-mine")
    yield client
    server.stop()


def test_an_empty_page_of_somebody_else_is_no_hindrance(s3: Any, tmp_path: Path) -> None:
    s3.create_bucket(Bucket="reports-of-others")
    s3.put_object(Bucket="reports-of-others", Key="empty.html", Body=b"")
    notebook = write_notebook(tmp_path / "a.ipynb", "# T")
    report(notebook, out="s3://reports-of-others")
    index = s3.get_object(Bucket="reports-of-others", Key="index.html")["Body"].read().decode()
    assert "a.html" in index
    assert "empty.html" not in index


def test_reports_go_to_s3_with_types_that_a_browser_shows(s3: Any, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "# T", "print('€')", TABLE)
    out = "s3://reports-of-mine/some/where/"
    (made,) = report(notebook, out=out)
    assert made.address == "s3://reports-of-mine/some/where/a.html"
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="reports-of-mine")["Contents"]]
    assert keys == [
        "some/where/a.html",
        "some/where/a/sizes.csv",
        "some/where/a/sizes.json",
        "some/where/index.html",
    ]
    answer = s3.get_object(Bucket="reports-of-mine", Key="some/where/a.html")
    assert answer["ContentType"] == "text/html; charset=utf-8"
    assert "€" in answer["Body"].read().decode()
    report(notebook, out=out, name="b")
    index = s3.get_object(Bucket="reports-of-mine", Key="some/where/index.html")["Body"].read()
    assert b'href="a.html"' in index
    assert b'href="b.html"' in index


def test_a_bucket_that_is_not_there_is_said_before_anything_runs(s3: Any, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "open('ran', 'w')")
    with pytest.raises(LambdaTuningError, match="bucket does not exist: none-of-mine"):
        report(notebook, out="s3://none-of-mine/x")
    with pytest.raises(UsageError, match="write s3://BUCKET/PREFIX"):
        report(notebook, out="s3://")
    assert not (tmp_path / "ran").exists()


def test_a_failed_notebook_goes_to_s3_too(s3: Any, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "print('reached')", "1 / 0")
    with pytest.raises(RunFailedError, match=r"s3://reports-of-mine/x/a\.failed\.ipynb\)"):
        report(notebook, out="s3://reports-of-mine/x")
    answer = s3.get_object(Bucket="reports-of-mine", Key="x/a.failed.ipynb")
    assert b"reached" in answer["Body"].read()


class Memory:
    """A place that a plug-in of papermill writes to."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.full = False

    def read(self, path: str) -> str:
        return self.files[path]

    def listdir(self, path: str) -> list[str]:
        return [file for file in self.files if file.startswith(path)]

    def write(self, text: str, path: str) -> None:
        if self.full:
            raise OSError("no room")
        self.files[path] = text


@pytest.fixture
def memory() -> Iterator[Memory]:
    place = Memory()
    papermill_io.register("memory://", place)
    yield place
    papermill_io._handlers.remove(("memory://", place))


def test_reports_go_wherever_papermill_writes(memory: Memory, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "# T", TABLE)
    (made,) = report(notebook, out="memory://x")
    assert made.address == "memory://x/a.html"
    assert sorted(memory.files) == [
        "memory://x/a.html",
        "memory://x/a/sizes.csv",
        "memory://x/a/sizes.json",
        "memory://x/index.html",
    ]
    assert 'href="a.html"' in memory.files["memory://x/index.html"]


def test_notebooks_come_from_wherever_papermill_reads(memory: Memory, tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "a.ipynb", "print(num + 1)", parameters="num: int = 1")
    memory.files["memory://y/a.ipynb"] = path.read_text()
    (made,) = report("memory://y/a.ipynb", {"num": 41}, out=tmp_path / "out")
    assert made.html.name == "a.html"
    assert "42" in made.html.read_text()
    with pytest.raises(UsageError, match=r"memory://y/b\.ipynb cannot be read"):
        report("memory://y/b.ipynb", out=tmp_path / "out")


def test_a_place_that_takes_nothing_is_said_first(memory: Memory, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "open('ran', 'w')")
    memory.full = True
    with pytest.raises(UsageError, match=r"memory://x: no report can be written there \(no room\)"):
        report(notebook, out="memory://x")
    for unknown in ("http://127.0.0.1:1/x", "nowhere://x"):
        with pytest.raises(UsageError, match="reports cannot be written there; name a folder"):
            report(notebook, out=unknown)
    assert not (tmp_path / "ran").exists()


def test_a_place_that_fills_up_during_a_run_does_not_lose_it(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    notebook = write_notebook(tmp_path / "a.ipynb", "print(6 * 7)")

    def fill(_: object) -> None:
        memory.full = True

    with pytest.raises(RunFailedError, match=r"could not be written: memory:.*no room") as caught:
        report(notebook, out="memory://x", on_progress=fill)
    kept = Path(str(caught.value).rpartition("notebook: ")[2].rstrip(")"))
    assert kept.parent == tmp_path
    assert "42" in kept.read_text()


def test_a_reader_never_meets_half_a_file(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    place.write("a.html", "old")
    with pytest.raises(UnicodeEncodeError):
        place.write("a.html", "new \ud83d")
    assert (tmp_path / "a.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_what_names_a_folder_is_one() -> None:
    assert isinstance(destination("reports"), Folder)
    assert isinstance(destination(Path("/x")), Folder)
