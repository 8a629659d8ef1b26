"""Each output says what the verdict says, in the form of its medium, and nothing escapes it."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import mistune
import pytest

from lambdatuning.analysis.answer.as_markdown import plain
from lambdatuning.analysis.verdict import Verdict
from lambdatuning.publishing import github
from lambdatuning.publishing.badge import badge
from lambdatuning.publishing.junit import junit
from lambdatuning.publishing.markdown import comment, marker, summary

from .verdicts import ALL, BETTER, FINE, HOSTILE, HOSTILE_VERDICT, UNTOLD, WORSE_10, worse


def case_of(verdict: Verdict) -> ET.Element:
    (case,) = ET.fromstring(junit(verdict)).iter("testcase")
    return case


def test_junit_fails_for_a_regression_and_errs_for_what_cannot_be_told() -> None:
    failed = case_of(worse())
    assert failed.get("classname") == "lambdatuning.checkout"
    assert failed.get("name") == "duration, digest, 512 MB"
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "duration, digest, 512 MB: +10.4 % (+8.1 % to +12.7 %)"
    assert failure.text == (
        "digest takes 10.4 % longer at 512 MB\nthe code changed\nsince 20261128T030000-abcdef"
    )
    assert [child.tag for child in case_of(UNTOLD)] == ["error"]
    assert [child.tag for child in case_of(FINE)] == ["system-out"]
    assert [child.tag for child in case_of(BETTER)] == ["system-out"]


def test_junit_counts_what_it_holds() -> None:
    other = replace(WORSE_10, kind="unknown", payload="ping", change=None)
    root = ET.fromstring(junit(worse("checkout", WORSE_10, other)))
    for element in (root, *root.iter("testsuite")):
        counted = [element.get(name) for name in ("tests", "failures", "errors", "skipped")]
        assert counted == ["2", "1", "1", "0"]
    (error,) = root.iter("error")
    assert error.get("message") == f"duration, ping, 512 MB: {WORSE_10.text}"
    (suite,) = root
    assert suite.get("timestamp") == "2026-11-28T03:00:00+00:00"


@pytest.mark.parametrize("verdict", ALL, ids=lambda verdict: verdict.kind)
def test_what_is_xml_is_well_formed(verdict: Verdict) -> None:
    names = {element.tag for element in ET.fromstring(junit(verdict)).iter()}
    assert names <= {"testsuites", "testsuite", "testcase", "failure", "error", "system-out"}
    drawn = {element.tag.rpartition("}")[2] for element in ET.fromstring(badge(verdict)).iter()}
    assert drawn == {"svg", "title", "rect", "path", "g", "text"}


def test_the_badge_says_what_got_worse() -> None:
    root = ET.fromstring(badge(worse()))
    assert root.get("aria-label") == "checkout: duration +10.4 %"
    assert "#c62828" in badge(worse())
    assert ET.fromstring(badge(UNTOLD)).get("aria-label") == "checkout: cannot tell"
    assert ET.fromstring(badge(FINE)).get("aria-label") == "checkout: no change"


def html(text: str) -> str:
    """As GitHub would read it: tables, and raw HTML let through."""
    return str(
        mistune.create_markdown(escape=False, plugins=["table", "strikethrough", "url"])(text)
    )


def test_the_summary_shows_change_interval_and_cause() -> None:
    page = html(summary(worse()))
    assert "checkout: worse" in page
    assert "<td>worse: duration, digest, 512 MB</td>" in page
    assert "<td>+10.4 % (+8.1 % to +12.7 %)</td>" in page
    assert "<td>the code changed</td>" in page
    assert 'href="https://example.com/reports/1%20%28a%29.html"' in page
    assert "commit 0123456789ab;" in page


def test_the_summary_says_why_something_cannot_be_told() -> None:
    why = "digest is slower by 10 %, less than runs of the same code may differ"
    untold = replace(UNTOLD, findings=(replace(WORSE_10, kind="unknown", text=why),))
    page = html(summary(untold))
    assert f"<td>{why}</td>" in page
    assert "cannot tell: duration, digest, 512 MB" in page


def test_markdown_of_others_is_shown_and_not_obeyed() -> None:
    page = html(comment(HOSTILE_VERDICT))
    assert set(re.findall(r"<(\w+)", page)) <= {
        "h2",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert page.count("<tr>") == 2
    assert "@me" not in page
    assert "#1" not in page
    assert "javascript:" not in page
    for character in "`*_|":
        assert html(plain(f"a{character}b{character}c")) == f"<p>a{character}b{character}c</p>\n"


def test_a_comment_is_found_again_by_its_marker() -> None:
    assert comment(worse()).startswith("<!-- lambdatuning verdict: checkout -->\n")
    assert marker("checkout") == marker(worse().function)
    assert re.fullmatch(r"<!-- lambdatuning verdict: [\w.: -]+ -->", marker(HOSTILE))
    assert "--" not in marker(HOSTILE)[4:-3]


def written(tmp_path: Path, verdict: Verdict) -> tuple[list[str], str, dict[str, str]]:
    files = {"GITHUB_STEP_SUMMARY": tmp_path / "summary", "GITHUB_OUTPUT": tmp_path / "output"}
    lines = github.write(verdict, {name: str(path) for name, path in files.items()})
    given, text = {}, files["GITHUB_OUTPUT"].read_text("utf-8")
    # As the runner reads it: NAME<<END, lines, END.
    rest = text.split("\n")
    while rest[0]:
        name, end = rest.pop(0).split("<<")
        stop = rest.index(end)
        given[name] = "\n".join(rest[:stop])
        rest = rest[stop + 1 :]
    return lines, files["GITHUB_STEP_SUMMARY"].read_text("utf-8"), given


def test_github_gets_summary_annotations_and_outputs(tmp_path: Path) -> None:
    lines, text, given = written(tmp_path, worse())
    assert lines == [
        "::error title=lambdatuning%3A checkout::Digest takes 10.4 %25 longer (8.1 to 12.7 %25).",
        "::error title=checkout%3A duration%2C digest%2C 512 MB::"
        "digest takes 10.4 %25 longer at 512 MB",
    ]
    assert text == summary(worse())
    assert given == {
        "verdict": "worse",
        "exit-code": "3",
        "headline": "Digest takes 10.4 % longer (8.1 to 12.7 %).",
        "function": "checkout",
        "run-id": "20261128T030000-abcdef",
        "change": "+10.4 %",
    }


def test_unknown_is_a_warning_and_fine_a_notice(tmp_path: Path) -> None:
    assert written(tmp_path, UNTOLD)[0] == [
        "::warning title=lambdatuning%3A checkout::Only 2 runs are there, 5 needed."
    ]
    assert github.write(FINE, {}) == ["::notice title=lambdatuning%3A checkout::Nothing got worse."]


def test_no_text_becomes_a_command_or_another_output(tmp_path: Path) -> None:
    lines, _, given = written(tmp_path, HOSTILE_VERDICT)
    assert all("\n" not in line and "\r" not in line for line in lines)
    assert len(lines) == 2
    assert set(given) == {"verdict", "exit-code", "headline", "function", "run-id", "change"}


def test_many_findings_keep_to_the_limits_of_github(tmp_path: Path) -> None:
    many = [replace(WORSE_10, payload=f"p{n}", text="x" * 9000) for n in range(2000)]
    lines, text, _ = written(tmp_path, worse("checkout", *many))
    assert sum(line.startswith("::error ") for line in lines) == 9
    assert lines[-1] == "::notice title=lambdatuning::1992 more are in the summary"
    assert len(text.encode()) < 2**20
    assert "1800 more are not shown." in text
