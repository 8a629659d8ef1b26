"""Text for people: tables that fit the terminal, in any encoding."""

import io
import platform
import warnings
from pathlib import Path

import pandas as pd
import pytest

from lambdatuning import __version__
from lambdatuning.cli import app, output
from lambdatuning.core.errors import RunSkippedWarning

FRAME = pd.DataFrame(
    {
        "run_id": ["20261121T090500-aaaaaa", "20261122T090500-bbbbbb"],
        "function": ["shop-OrdersFunction-1JKHDUVWFRX5T", "orders"],
        "power": [512, 1024],
    }
)


def narrow(monkeypatch: pytest.MonkeyPatch, width: int | None) -> str:
    monkeypatch.setattr(output, "_terminal_width", lambda: width)
    return output.table(FRAME)


def test_a_table_is_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = narrow(monkeypatch, 50).splitlines()
    assert max(map(len, lines)) <= 50
    assert lines[0].split() == ["run_id", "function", "power"]
    assert lines[1].endswith("  512")
    assert "…" in lines[1]


def test_nothing_is_cut_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "shop-OrdersFunction-1JKHDUVWFRX5T    512" in narrow(monkeypatch, None)


def test_a_terminal_too_narrow_for_a_table_gets_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    first = narrow(monkeypatch, 20).split("\n\n")[0]
    assert first.splitlines()[1] == "function  shop-OrdersFunction-1JKHDUVWFRX5T"


@pytest.mark.parametrize(
    ("encoding", "written"), [("ascii", "4 x 5 - EUR3 -> u?"), ("latin-1", "4 × 5 - EUR3 -> µ?")]
)
def test_what_an_encoding_does_not_have_is_written_in_ascii(encoding: str, written: str) -> None:
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding=encoding)
    output.readable_anywhere(stream)
    stream.write("4 × 5 – €3 → µ✓")
    stream.flush()
    assert data.getvalue().decode(encoding) == written


def test_names_of_files_that_are_no_utf_8_can_be_printed() -> None:
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding="utf-8")
    output.readable_anywhere(stream)
    stream.write("no run in \udcff€")
    stream.flush()
    assert data.getvalue() == "no run in \\udcff€".encode()


def test_a_fault_of_ours_is_one_line_to_report_and_its_trace_is_kept() -> None:
    try:
        dict[str, int]()["sizes"]
    except KeyError as exc:
        message, code = app._message(exc)
    assert code == 1
    assert message.startswith("this is a fault of lambdatuning, not of yours ('sizes'); please")
    assert f"lambdatuning {__version__}, Python {platform.python_version()}" in message
    trace = Path(message.rpartition("(its trace: ")[2].rstrip(")"))
    assert "KeyError: 'sizes'" in trace.read_text()
    trace.unlink()


@pytest.mark.parametrize(
    "error",
    [
        UnicodeEncodeError("ascii", "\u20ac", 0, 1, "ordinal not in range(128)"),
        ValueError("Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_aws_is_not_blamed_for_it(error: Exception) -> None:
    message, _ = app._message(error)
    assert "AWS" not in message
    Path(message.rpartition("(its trace: ")[2].rstrip(")")).unlink()


def test_what_a_function_says_does_not_control_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.fail("the run failed: \x1b]0;title\x07 \u202eabc \x9b31m", 1)
    output.Output().show({}, "a\x1b[2Jb\nc\td")
    written = capsys.readouterr()
    line = "lambdatuning: the run failed: \\x1b]0;title\\x07 \\u202eabc \\x9b31m\n"
    assert written.err == line
    assert written.out == "a\\x1b[2Jb\nc    d\n"


def test_what_is_not_known_is_left_open() -> None:
    frame = pd.DataFrame({"power": pd.array([512, None], "Int64"), "cause": [None, "x"]})
    assert output.table(frame).splitlines() == ["power  cause", "  512", "       x"]


def test_what_is_left_out_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with output.warnings_in_one_line():
        for text in ("left out: a", "left out: a", "left out: b"):
            warnings.warn(text, RunSkippedWarning, stacklevel=1)
    assert capsys.readouterr().err.splitlines() == [
        "lambdatuning: left out: a",
        "lambdatuning: left out: b",
    ]
