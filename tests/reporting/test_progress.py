import doctest
import io
from typing import Any

from lambdatuning.core import progress as core_progress
from lambdatuning.core.progress import Progress
from lambdatuning.reporting.progress import METADATA, notebook_progress, terminal_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_descriptions_do_as_their_examples_say() -> None:
    assert doctest.testmod(core_progress).failed == 0


def test_a_terminal_has_one_line_a_stage_that_rewrites_itself() -> None:
    stream = Terminal()
    listen = terminal_progress(stream)
    for done in range(3):
        listen(Progress("seeding", done, 2, done))
    listen(Progress("measuring", 1, 10, 1))
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.split("\n")[0].split("\r")[-1].startswith("seeding: 2 of 2 (100 %)")
    assert "\rmeasuring: 1 of 10" in text


def test_a_shorter_line_leaves_nothing_of_a_longer_one() -> None:
    stream = Terminal()
    listen = terminal_progress(stream)
    listen(Progress("a", 1, 10, 1, detail="something long"))
    listen(Progress("a", 2, 10, 1))
    first, second = stream.getvalue().split("\r")[1:]
    assert len(second) == len(first)


def test_a_log_file_has_few_lines() -> None:
    stream = io.StringIO()
    listen = terminal_progress(stream)
    for done in range(1001):
        listen(Progress("measuring", done, 1000, done / 10))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[-1].startswith("measuring: 1,000 of 1,000 (100 %)")
    assert "\r" not in stream.getvalue()


def test_a_log_file_is_never_silent_for_long_while_a_stage_stands_still() -> None:
    stream = io.StringIO()
    listen = terminal_progress(stream)
    for elapsed_s in range(91):
        listen(Progress("reports", 3, 60, elapsed_s, detail=f"measuring, {elapsed_s} calls"))
    lines = stream.getvalue().splitlines()
    assert [line.rpartition(", ")[2] for line in lines] == [
        f"{elapsed_s} calls" for elapsed_s in (0, 30, 60, 90)
    ]


def test_a_notebook_updates_one_output_a_stage_which_reports_leave_out() -> None:
    shown: list[dict[str, str]] = []

    class Handle:
        def update(self, data: dict[str, str], **options: Any) -> None:
            assert options == {"raw": True, "metadata": METADATA}
            shown[-1] = data

    def display(data: dict[str, str], **options: Any) -> Handle:
        assert options["metadata"] == METADATA
        shown.append(data)
        return Handle()

    listen = notebook_progress(display)
    listen(Progress("seeding", 1, 2, 1))
    listen(Progress("seeding", 2, 2, 1))
    listen(Progress("measuring", 1, 2, 1))
    assert [data["text/plain"][:12] for data in shown] == ["seeding: 2 o", "measuring: 1"]
