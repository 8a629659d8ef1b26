"""The command line itself: help, data on stdout, talk on stderr, Ctrl-C."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lambdatuning as lt
from lambdatuning import cli
from lambdatuning.cli.options import defaults
from lambdatuning.workspace.settings import read_settings

from .conftest import ROOT, Shell, command, environment

HEAVY = {"boto3", "botocore", "pandas", "numpy", "matplotlib", "papermill", "ministack", "IPython"}


def test_what_only_tells_or_writes_text_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom lambdatuning.cli.app import COMMANDS, main\n"
        "main(['--help'])\nfor name in COMMANDS:\n    main([name, '--help'])\n"
        "main(['config'])\nmain(['init', sys.argv[1]])\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "project"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert not HEAVY & set(done.stderr.split())
    assert all(name in done.stdout for name in cli.COMMANDS)
    assert done.stdout.count("Usage: lambdatuning ") == len(cli.COMMANDS) + 1
    assert (tmp_path / "project" / "lambdatuning.toml").is_file()


def test_an_unknown_command_is_wrong_usage(nobody: Shell) -> None:
    done = nobody("tnue")
    assert (done.code, done.out) == (2, "")
    assert "tune" in done.err


def test_no_command_at_all_shows_which_there_are(nobody: Shell) -> None:
    done = nobody()
    assert (done.code, done.out) == (2, "")
    assert done.err == nobody("--help").out
    schedule = nobody("schedule").err
    assert "\n  print " in schedule
    assert "..." not in schedule.partition("Commands:")[2]


def test_a_strategy_of_reports_alone_is_no_default_of_runs(tmp_path: Path) -> None:
    file = tmp_path / "lambdatuning.toml"
    file.write_text('strategy = "deadline"\ndeadline = 200\n')
    assert "strategy" not in defaults(read_settings(tmp_path))
    file.write_text('strategy = "cost"\n')
    assert defaults(read_settings(tmp_path))["strategy"] == "cost"


@pytest.mark.parametrize(
    "words",
    [
        ("init", ""),
        ("runs", "--store", ""),
        ("report", "a.ipynb", "--out", " "),
        ("report", ""),
        ("report", "-f", ""),
        ("show", "--png", ""),
        ("deploy", "--template", ""),
        ("benchmark", "--payloads", ""),
        ("prices", "--price-book", ""),
    ],
)
def test_a_place_of_no_name_is_refused(nobody: Shell, words: tuple[str, ...]) -> None:
    """As a variable that is not set leaves behind: never the working folder."""
    done = nobody(*words)
    assert (done.code, done.out) == (2, "")
    assert "it is empty; name a place, or leave it out" in done.complaint


def shell(line: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A line of bash in which $LT is the command."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; LT='{sys.executable} -m lambdatuning'; {line}"],
        env=environment({"PYTHONPATH": str(ROOT)}),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    done = shell("$LT schema | head -1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_one_line() -> None:
    done = shell("$LT --version > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "lambdatuning: No space left on device; fix that, then try again\n"


def test_messages_never_go_to_stdout_and_closed_streams_are_no_error() -> None:
    done = shell("$LT tnue 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    done = shell("$LT schema runs >&- <&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = shell(f"rmdir {gone}; $LT runs", gone)
    assert done.returncode == 2
    assert done.stderr.startswith("lambdatuning: the working folder is not there any more;")


def test_a_new_project_says_where_to_go_on(nobody: Shell, tmp_path: Path) -> None:
    done = nobody("init", str(tmp_path / "my shop"))
    assert done.out.endswith(f"\nnext: cd '{tmp_path}/my shop' && lambdatuning report --local\n")


def test_prices_need_no_login(nobody: Shell) -> None:
    done = nobody("prices", "us-east-1", "eu-west-1", "--json")
    assert done.code == 0, done.err
    book = json.loads(done.out)
    assert [row["region"] for row in book["regions"]] == ["us-east-1", "eu-west-1"]
    assert book["regions"][0]["x86_64_usd_per_gb_s"] == pytest.approx(0.0000166667)
    assert "price book 2" in nobody("prices", "us-east-1").out
    unknown = nobody("prices", "mars-north-1")
    assert (unknown.code, unknown.out) == (2, "")
    assert "known are: af-south-1" in unknown.err
    assert nobody("prices", "--price-book", "none.json").code == 2


CURVE = "gAAAAQ==;AADIQgAASEI=;XHxhNFx84TQ="


def test_published_urls_are_shown_as_data(nobody: Shell) -> None:
    done = nobody("show", f"http://localhost:8080/ui?x=1#{CURVE}&utm=mail", "--json")
    assert done.code == 0, done.err
    assert [row["memory_mb"] for row in json.loads(done.out)] == [128, 256]
    both = nobody("show", f"https://lambda-power-tuning.show/#{CURVE};{CURVE};old;new%20one")
    assert both.code == 0
    assert "new one" in both.out
    best = "cheapest 128 MB, fastest 256 MB"
    assert both.out.splitlines()[-2:] == [f"old: {best}", f"new one: {best}"]
    one = nobody("show", f"https://lambda-power-tuning.show/#{CURVE}").out.splitlines()
    assert (one[0].split()[0], one[-1]) == ("memory_mb", best)
    wrong = nobody("show", "https://lambda-power-tuning.show/")
    assert (wrong.code, wrong.out) == (2, "")


def test_broken_settings_hinder_neither_doctor_nor_help(nobody: Shell, tmp_path: Path) -> None:
    (tmp_path / "lambdatuning.toml").write_text("stak = 'x'")
    here = {"LAMBDATUNING_FOLDER": str(tmp_path)}
    done = nobody("doctor", "--json", "--local", **here)
    assert done.code == 1
    first, *others = json.loads(done.out)
    assert (first["severity"], first["name"]) == ("error", "settings")
    assert 'unknown key "stak"' in first["cause"]
    assert first["next_step"] == 'did you mean "stack"?'
    assert {finding["name"] for finding in others} == {"reports", "embedded AWS", "notebooks"}
    assert nobody("tune", "--help", **here).code == 0
    assert nobody("schema", "runs", **here).code == 0
    assert nobody("runs", **here).code == 2


def test_the_foreground_server_prints_exports_and_stops_at_ctrl_c() -> None:
    process = subprocess.Popen(
        command("local", "--port", "0"),
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    exports = dict(
        process.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(5)
    )
    assert Shell(exports)("doctor", "--json").code == 0
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 0


def test_local_runs_a_command_and_takes_its_exit_code() -> None:
    code = (
        "import boto3, sys; sys.exit(int(boto3.client('sts').get_caller_identity()['Account'][:2]))"
    )
    done = subprocess.run(
        command("local", "--host", "0.0.0.0", "--port", "0", "--run", sys.executable, "-c", code),
        env=environment({}),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 11
    assert "0.0.0.0 is no loopback address: whoever reaches it can run code here" in done.stderr


def test_unknown_words_name_the_closest(nobody: Shell) -> None:
    done = nobody("tnue")
    assert done.complaint.startswith("lambdatuning: No such command 'tnue'. Did you mean 'tune'?")
    done = nobody("tune", "mine", "--stor", "x")
    assert (done.code, done.out) == (2, "")
    assert "'--store'" in done.complaint


def test_the_version(nobody: Shell) -> None:
    assert nobody("--version").out == f"lambdatuning {lt.__version__}\n"


def test_a_terminal_without_unicode_is_written_in_ascii(nobody: Shell) -> None:
    done = nobody("compare", "--store", "data/recorded", PYTHONIOENCODING="ascii")
    assert done.code == 0, done.err
    assert done.out.isascii()
    assert "?" not in done.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_are_completed(nobody: Shell, shell: str) -> None:
    script = nobody(_LAMBDATUNING_COMPLETE=f"{shell}_source")
    assert "_LAMBDATUNING_COMPLETE" in script.out
    words = {"COMP_WORDS": "lambdatuning comp", "COMP_CWORD": "1" if shell != "fish" else "comp"}
    done = nobody(_LAMBDATUNING_COMPLETE=f"{shell}_complete", **words)
    assert "compare" in done.out.replace(",", "\n").split()
