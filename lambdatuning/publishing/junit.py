"""A verdict as JUnit XML, which GitLab, Jenkins, CodeBuild and others show as tests."""

import re
from xml.etree import ElementTree as ET

from ..analysis.verdict import UNKNOWN, WORSE, ChangeFinding, Verdict
from .markdown import interval, where

_FAILED = {WORSE: "failure", UNKNOWN: "error"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, escaped or not."""


def junit(verdict: Verdict) -> str:
    """One test for each finding; a regression is a failure, what cannot be told is an error.

    A verdict that no finding shows is a test of its own: with nothing to find, it is the only one.
    """
    cases = [_of_finding(verdict, finding) for finding in verdict.findings]
    if not any(finding.kind == verdict.kind for finding in verdict.findings):
        cases.insert(0, _case(verdict, "verdict", verdict.kind, verdict.reason, str(verdict)))
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "skipped": "0",
        "time": "0",
    }
    suites = ET.Element("testsuites", {"name": "lambdatuning", **counts})
    suite = ET.SubElement(suites, "testsuite", name=_text(f"lambdatuning {verdict.function}"))
    suite.attrib |= counts
    if verdict.started_at:
        suite.set("timestamp", _text(verdict.started_at))
    suite.extend(cases)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"


def _of_finding(verdict: Verdict, finding: ChangeFinding) -> ET.Element:
    lines = [finding.text, finding.cause, f"since {finding.since}" if finding.since else ""]
    change = "" if finding.kind == UNKNOWN else interval(finding)
    message = f"{where(finding)}: {change or finding.text}"
    return _case(verdict, where(finding), finding.kind, message, "\n".join(filter(None, lines)))


def _case(verdict: Verdict, name: str, kind: str, message: str, details: str) -> ET.Element:
    case = ET.Element(
        "testcase", classname=_text(f"lambdatuning.{verdict.function}"), name=_text(name), time="0"
    )
    if kind in _FAILED:
        failed = ET.SubElement(case, _FAILED[kind], message=_text(message), type=kind)
        failed.text = _text(details)
    else:
        ET.SubElement(case, "system-out").text = _text(f"{kind}: {details or message}")
    return case


def _text(text: str) -> str:
    return _NOT_XML.sub("?", text)
