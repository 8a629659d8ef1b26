"""Text for people: tables that fit the terminal, in any encoding."""

import io

import pandas as pd
import pytest

from lambdatuning.cli import output

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
