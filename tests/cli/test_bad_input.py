"""Bad input: one line that says what to do, the right exit code, before anything is created."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import boto3
import pytest

from tests.analysis.synthetic import store_synthetic_run

from .conftest import Result, Shell, command, environment


def refused(done: Result, code: int, *words: str) -> None:
    """It ended with this code and a single line that has these words; nothing on stdout."""
    assert done.code == code, done.err
    assert done.out == ""
    complaints = [line for line in done.err.splitlines() if line.startswith("lambdatuning: ")]
    assert len(complaints) == 1, done.err
    for word in words:
        assert word in done.complaint


def stacks(shell: Shell) -> list[str]:
    """The names of the stacks that are there, but for the deployed one that other tests use."""
    client = boto3.client(
        "cloudformation",
        endpoint_url=shell.given["AWS_ENDPOINT_URL"],
        region_name=shell.given["AWS_REGION"],
        aws_access_key_id=shell.given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=shell.given["AWS_SECRET_ACCESS_KEY"],
    )
    names = [stack["StackName"] for stack in client.describe_stacks()["Stacks"]]
    return [name for name in names if name != "lambdatuning"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--payload", "digset"), ('unknown payload type "digset"', 'did you mean "digest"')),
        (("--powers", "64"), ("64", "128 to 10240")),
        (("--powers", "10241"), ("10241", "128 to 10240")),
        (("--powers", "128,1.5"), ("1.5", "whole number")),
        (("--powers", "128,128"), ("twice",)),
        (("--num", "0"), ("num", "1 or more")),
        (("--num", "many"), ("num", "must be a whole number")),
        (("--num", "५"), ("num", "must be a whole number")),
        (("--store", "s3:/bucket/runs"), ("s3:/bucket/runs", "write s3://bucket/runs")),
        (("--strategy", "sped"), ("sped", "speed")),
        (("--weight", "2"), ("weight", "from 0 to 1")),
        (("--payloads", "nowhere"), ("nowhere", "no payload file")),
    ],
)
def test_bad_options_of_a_benchmark_create_nothing(
    served: Shell, words: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    refused(served("benchmark", "--yes", "--stack", "never", *words), 2, *expected)
    assert stacks(served) == []


def test_a_malformed_payload_file_is_named_with_its_line(served: Shell, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{"name": "broken",\n "event": {]}')
    done = served("benchmark", "--yes", "--stack", "never", "--payload", str(file))
    refused(done, 2, f"{file}:2: not JSON")


def test_executions_are_asked_for_by_arn(served: Shell) -> None:
    refused(served("executions", "my-tuner"), 2, "my-tuner", "ARN")


def test_a_stack_that_is_not_there(served: Shell) -> None:
    refused(served("status", "--stack", "none"), 1, 'no stack "none"', "lambdatuning deploy")
    done = served("tune", "any", "--yes", "--stack", "none")
    refused(done, 1, 'no stack "none"', "lambdatuning deploy", "--tuner-only")


def test_an_embedded_aws_of_its_own_has_no_function_to_tune(nobody: Shell) -> None:
    refused(
        nobody("tune", "mine", "--local"), 2, "mine", "`lambdatuning local`", "benchmark --local"
    )


def test_no_credentials(nobody: Shell) -> None:
    refused(nobody("status", AWS_REGION="eu-west-1"), 1, "credentials", "--local")


def test_no_region(nobody: Shell) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "x"}
    refused(nobody("status", **keys), 1, "region", "--region", "--local")


def test_an_unknown_profile(nobody: Shell) -> None:
    refused(nobody("status", "--profile", "none"), 2, "none", "list-profiles")


def test_an_endpoint_that_does_not_answer(nobody: Shell) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
    done = nobody("status", "--endpoint-url", "http://127.0.0.1:9", **keys)
    refused(done, 1, "127.0.0.1:9", "lambdatuning local")


def test_local_excludes_another_place(nobody: Shell) -> None:
    refused(nobody("status", "--local", "--profile", "mine"), 2, "--local", "--profile")


def test_bad_local_options(nobody: Shell) -> None:
    refused(nobody("local", "--port", "70000"), 2, "--port", "65535")
    refused(nobody("local", "--port", "0", "--limiter", "cgruop1"), 2, "cgruop1", "cgroup1")
    refused(nobody("local", "--run"), 2, "name a command")
    refused(nobody("local", "--run", "no-such-command", "x"), 2, "no-such-command x")


def test_a_code_that_nobody_can_type(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile mfa]\nregion = eu-west-1\nsource_profile = keys\n"
        "role_arn = arn:aws:iam::111122223333:role/x\n"
        "mfa_serial = arn:aws:iam::111122223333:mfa/me\n"
        "[profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    done = subprocess.run(
        command("status", "--profile", "mfa"),
        env=environment({"AWS_CONFIG_FILE": str(config), "HOME": str(tmp_path)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,  # no terminal of who runs the tests
        check=False,
    )
    assert done.returncode == 1
    assert "nobody can be asked here" in done.stderr.splitlines()[-1]


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(
    served: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = served("benchmark", "--yes", "--stack", "never", "--store", str(file / "runs"))
    refused(done, 2, "no run can be stored there")
    assert served("status", "--stack", "never").code == 1
    done = served("report", "notebooks/05_compare.ipynb", "--out", str(file / "reports"))
    refused(done, 2, "no report can be written there")
    assert file.read_text() == ""


def test_without_a_yes_nothing_is_done(served: Shell) -> None:
    done = served("deploy", "--stack", "unwanted", "--parameter", "TableName=other")
    refused(done, 4, "--yes")
    assert "added" in done.err
    assert served("status", "--stack", "unwanted").code == 1


def test_unknown_notebook_parameters_name_the_closest(served: Shell) -> None:
    done = served("report", "notebooks/01_benchmark.ipynb", "-p", "sedd", "1")
    refused(done, 2, "sedd", "seed")
    done = served("report", "notebooks/01_benchmark.ipynb", "-p", "num", "ten")
    refused(done, 2, "num", "ten")
    refused(served("report", "--at-once", "0"), 2, "--at-once", "1 or more")


def test_a_run_that_is_not_there(served: Shell, tmp_path: Path) -> None:
    listed = served("runs", "--store", str(tmp_path), "--json")
    assert (listed.code, json.loads(listed.out)) == (0, [])
    shown = served("show", "missing", "--store", str(tmp_path))
    refused(shown, 1, "no run missing in", "; it has none: `lambdatuning tune` makes one")
    file = tmp_path / "runs.json"
    file.write_text("[]")
    refused(served("runs", "--store", str(file)), 2, "runs.json is a file; a store is a folder")


class _Answers(BaseHTTPRequestHandler):
    """An AWS of two answers: `body` by the action that is asked for."""

    answers: ClassVar[dict[str, tuple[int, str]]] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = next(word for word in body.split("&") if word.startswith("Action="))
        status, text = self.answers[action.removeprefix("Action=")]
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[Shell]:
    """A user of a server that gives the answers of `_Answers`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    keys = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
    yield Shell({**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"})
    server.shutdown()
    thread.join()
    server.server_close()


IDENTITY = (
    200,
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/me</Arn>"
    "<UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult>"
    "</GetCallerIdentityResponse>",
)


def test_a_server_that_is_not_aws(answering: Shell) -> None:
    _Answers.answers = {"GetCallerIdentity": (200, "<!DOCTYPE html><html><p>Hello</html>")}
    refused(answering("status"), 1, "does not speak as AWS does", "endpoint's address")


def test_expired_credentials(answering: Shell) -> None:
    _Answers.answers = {
        "GetCallerIdentity": (
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The "
            "security token included in the request is expired</Message></Error></ErrorResponse>",
        )
    }
    refused(answering("status"), 1, "expired")


def test_a_stack_in_rollback_complete(answering: Shell) -> None:
    stack = (
        '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">'
        "<DescribeStacksResult><Stacks><member><StackName>lambdatuning</StackName>"
        "<StackId>arn:aws:cloudformation:us-east-1:111122223333:stack/lambdatuning/1</StackId>"
        "<Description>lambdatuning: x</Description><StackStatus>ROLLBACK_COMPLETE</StackStatus>"
        "<CreationTime>2026-01-01T00:00:00Z</CreationTime></member></Stacks>"
        "</DescribeStacksResult></DescribeStacksResponse>"
    )
    _Answers.answers = {"GetCallerIdentity": IDENTITY, "DescribeStacks": (200, stack)}
    for words in (("benchmark", "--payload", "ping"), ("tune", "any"), ("deploy",)):
        refused(answering(*words, "--yes"), 1, "ROLLBACK_COMPLETE", "lambdatuning destroy")


def test_a_damaged_run_is_named_and_the_others_are_listed(nobody: Shell, tmp_path: Path) -> None:
    store_synthetic_run(tmp_path)
    (tmp_path / "function=shop" / "run=2026a").mkdir(parents=True)
    (tmp_path / "function=shop" / "run=2026a" / "_manifest.json").write_text("{")
    done = nobody("runs", "--json", "--store", str(tmp_path))
    assert done.code == 0
    assert [run["function"] for run in json.loads(done.out)] == ["LambdaFunctionOverHttps"]
    assert done.err.splitlines() == [
        f"lambdatuning: left out: {tmp_path}/function=shop/run=2026a/: its _manifest.json is "
        "damaged; copy the run again or delete it"
    ]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--max-usd", "-3", "--max-usd must be a number, 0 or more; not '-3'"),
        ("--speed-worth", "-1", "--speed-worth must be a number from 0 to 50; not '-1'"),
        ("--weight", "3", "--weight must be a number from 0 to 1; not '3'"),
        ("--max-minutes", "0", "--max-minutes must be a number, 0.01 or more; not '0'"),
        ("--min-sure", "101", "--min-sure (per cent) must be a number from 0 to 100; not '101'"),
    ],
)
def test_an_option_is_refused_by_the_name_that_was_typed(
    served: Shell, option: str, value: str, words: str
) -> None:
    done = served("tune", "shop", "--state-machine", "arn", option, value, "--yes")
    refused(done, 2, f"lambdatuning: {words}")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("num=0", "num must be a whole number, 1 or more; not '0'"),
        ("num=५", "num must be a whole number, 1 or more; not '५'"),
        ("weight=7", "weight must be a number from 0 to 1; not '7'"),
        ("environments=0", "environments must be a whole number"),
        ("max-minutes=nan", "--max-minutes must be a number"),
        ("tolerance=-1", "--tolerance (per cent) must be a number, 0 or more; not '-1'"),
        ("strategy=sped", "speed"),
        ("powers=64", "128 to 10240"),
    ],
)
def test_a_schedule_that_would_always_fail_is_not_printed(
    served: Shell, option: str, message: str
) -> None:
    refused(served("schedule", "print", "cron", "f", "--option", option), 2, message)


@pytest.mark.parametrize(
    ("event", "message"),
    [("none.json", "none.json"), ("pign", 'did you mean "ping"'), ('{"a": ', "JSON")],
)
def test_a_schedule_whose_event_cannot_be_sent_is_not_printed(
    served: Shell, event: str, message: str
) -> None:
    done = served("schedule", "print", "cron", "f", "--payload", event)
    refused(done, 2, message)
