import doctest
from dataclasses import replace

import pandas as pd
import pytest
from pandas import DataFrame

from lambdatuning.analysis.text.output_types import TABLE_MIME
from lambdatuning.analysis.text.tables import table
from lambdatuning.core import format as formats
from lambdatuning.core.finding import Finding
from lambdatuning.study import Study

from .studies import recommend, study_of, summarise
from .synthetic import Kind, synthetic_run

RUN = synthetic_run()


def test_formats_do_as_their_examples_say() -> None:
    assert doctest.testmod(formats).failed == 0


def test_nothing_is_formatted_as_a_dash() -> None:
    functions = (formats.format_ms, formats.DOLLARS, formats.format_mb, formats.format_share)
    assert {function(float("nan")) for function in functions} == {formats.NOTHING}
    assert formats.join_mb(()) == formats.NOTHING


def test_units_come_from_column_names() -> None:
    frame = pd.DataFrame({"name": ["a"], "memory_mb": [1769], "x_ms": [1500.0], "spent_usd": [0.5]})
    html = table(frame)._repr_html_()
    assert ">1,769 MB<" in html
    assert ">1.50 s<" in html
    assert ">$0.500<" in html


def test_an_interval_stands_beside_its_mean() -> None:
    html = table(summarise(RUN))._repr_html_()
    assert 'class="lt-range"' in html
    assert "mean low" not in html
    assert "mean_low_ms" not in html


def test_what_is_the_same_in_every_row_is_in_the_caption() -> None:
    shown = table(recommend(RUN), "Sizes")
    assert shown.caption == "Sizes, LambdaFunctionOverHttps, x86_64, today 128 MB"
    assert "function" not in shown.frame
    assert "saving" in shown.frame


def test_rows_of_one_payload_type_stand_together() -> None:
    html = table(recommend(RUN))._repr_html_()
    assert html.count('rowspan="3"') == len(RUN.payloads) + 1
    assert html.count("<tbody>") == len(RUN.payloads) + 1


def test_everything_is_escaped() -> None:
    run = synthetic_run((Kind("<script>alert(1)</script>", 1, 1), Kind("b", 1, 1)))
    for shown in (
        table(summarise(run)),
        Study(run).method(),
        table([Finding("note", "<b>", "<i>", "&")]),
    ):
        html = shown._repr_html_()
        assert "<script>" not in html
        assert "<b>" not in html
        assert "&lt;" in html


def test_no_rows_say_so() -> None:
    assert "nothing" in table([])._repr_html_()
    assert "nothing" in str(table([]))


def test_lists_and_missing_values_are_readable() -> None:
    frame = pd.DataFrame(
        {"run": ["r"], "payloads": [["a", "b"]], "sizes": [[128, 256]], "u": [None]}
    )
    text = str(table(frame))
    assert "a and b" in text
    assert "128 and 256 MB" in text
    assert "–" in text


def test_the_method_names_what_is_needed_to_repeat_the_run() -> None:
    text = str(study_of(RUN).method())
    for fact in ("embedded AWS", "cgroup v2", "strict", "2026-09-01", "20261123T090500-3f9a1c"):
        assert fact in text
    assert "read (10)" in text
    assert "885 warm, 29 cold, 16 failed" in text


@pytest.mark.parametrize(
    ("level", "why", "words"),
    [
        ("namespace and user", "", "namespace and user"),
        ("namespace", "no second user", "namespace (no second user)"),
        (
            "none",
            "user namespaces are off",
            "none: they saw and could write what its user can (user namespaces are off)",
        ),
    ],
)
def test_the_method_says_how_functions_were_isolated(level: str, why: str, words: str) -> None:
    about = replace(RUN.manifest.endpoint, isolation=level, isolation_why=why)
    rows = Study(replace(RUN, manifest=replace(RUN.manifest, endpoint=about))).method().frame
    assert rows.set_index("what")["value"]["Isolation of functions"] == words


def test_the_method_of_bare_samples_tells_what_is_known() -> None:
    text = str(Study(RUN.samples).method())
    assert "885 warm" in text
    assert "None" not in text


def test_a_single_category_is_words_and_has_ranks() -> None:
    frame = DataFrame({"payload": ["b", "b"], "mean_ms": [2.0, 1.0]}).astype(
        {"payload": "category"}
    )
    shown = table(frame)
    assert "lt-words" in shown._repr_html_()
    assert shown._repr_mimebundle_()[TABLE_MIME]["ranks"] == [[1, 1], [2, 1]]


def test_a_range_says_its_unit_once() -> None:
    frame = DataFrame(
        {"payload": ["b"], "mean_ms": [2.0], "mean_low_ms": [1.5], "mean_high_ms": [3]}
    )
    assert ">1.50 to 3.00 ms<" in table(frame)._repr_html_()
    wide = frame.assign(mean_high_ms=[3000.0])
    assert ">1.50 ms to 3.00 s<" in table(wide)._repr_html_()


def test_columns_are_chosen_with_their_bounds_and_all_numbers_are_kept() -> None:
    shown = table(summarise(RUN), "Durations", ["payload", "memory_mb", "mean_ms"])
    assert list(shown.frame) == ["payload", "memory_mb", "mean_ms", "mean_low_ms", "mean_high_ms"]
    assert " to " in shown._repr_html_()
    assert "cost_usd" in shown._repr_mimebundle_()[TABLE_MIME]["columns"]
    assert str(table([], "Checks")) == "Checks: none."
    assert str(table(DataFrame(), "Change")) == "There is nothing to show."


def test_plain_text_and_markup_have_one_rule_for_quantiles_of_few_samples() -> None:
    few = table(DataFrame({"payload": ["a"], "n": [1], "p50_ms": [2.0], "p95_ms": [3.0]}))
    assert str(few).split()[-3:] == ["n", "too", "small"]
    assert "n too small" in few._repr_html_()
    assert "3.00 ms" not in str(few)
