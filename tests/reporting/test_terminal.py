import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.format import visible
from lambdatuning.reporting import terminal
from lambdatuning.reporting.terminal import terminal_html


def test_examples() -> None:
    assert doctest.testmod(terminal).failed == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0 %\r50 %\r100 %\nnext", "100 %\nnext"),
        ("100 %\r5 %", "5 % %"),  # a terminal overwrites, it does not erase
        ("100 %\r\x1b[K5 %", "5 %"),
        ("abc\x1b[2K", ""),
        ("abc\x1b[1Kd", "   d"),
        ("one\r\ntwo", "one\ntwo"),
        ("ab\bc", "ac"),
        ("bar 1: 0 %\nbar 2: 0 %\x1b[A\rbar 1: 9 %\n\rbar 2: 5 %", "bar 1: 9 %\nbar 2: 5 %"),
        ("a\x1b[3Cb\x1b[1Gc", "c   b"),
        ("a\x1b[5Ab\x1b[9Bc", "abc"),
        ("a\x1b]0;title\x07b\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "ablink"),
        ("\x1b[?25la\x1b(Bb\x1b", "ab"),
        ("\x1b[31mred\x1b[0m plain", '<span class="lt-red">red</span> plain'),
        ("\x1b[1;4;92mx\x1b[22;24;39my", '<span class="lt-bold lt-underlined lt-green">x</span>y'),
        ("\x1b[38;5;9mx\x1b[38;5;200my", '<span class="lt-red">x</span>y'),
        ("\x1b[38;2;1;31;3mx\x1b[48;5;31my", "xy"),
        ("\x1b[31ma\nb\x1b[m", '<span class="lt-red">a</span>\n<span class="lt-red">b</span>'),
        ("\x1b[31m<b>&", '<span class="lt-red">&lt;b&gt;&amp;</span>'),
        ("a\x00b\x07c\x9bd\u202ee", "a\\x00b\\x07c\\x9bd\\u202ee"),
    ],
)
def test_the_text_is_what_a_terminal_shows(text: str, shown: str) -> None:
    assert terminal_html(text) == shown


def test_long_moves_take_no_memory() -> None:
    assert len(terminal_html("\x1b[999999999Cx")) < 2_000


def test_what_can_be_read_stays_as_it_is() -> None:
    assert visible("a\tb\nc\r\nd é 日本 👍 \u200f") == "a\tb\nc\nd é 日本 👍 \u200f"
    assert visible("\x7f\r\x1b\u2066") == "\\x7f\\x0d\\x1b\\u2066"


@given(st.text(st.sampled_from("a<&\n\r\b\x1b[]m0123456789;KABCDG\x07\x9b\u202e"), max_size=60))
def test_no_text_leaves_a_control_character_or_a_tag(text: str) -> None:
    shown = terminal_html(text)
    assert visible(shown) == shown
    assert "<" not in shown.replace('<span class="lt-', "").replace("</span>", "")
