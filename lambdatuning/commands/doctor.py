"""`lambdatuning doctor`: what a user should know before the first run."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from .manners import show
from .place import place
from .tuning_arguments import STACK

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def add_arguments(parser: ArgumentParser) -> None:
    """Which stack to look for."""
    parser.add_argument("--stack", default=STACK, help=f"stack to look for ({STACK})")


def run(arguments: Namespace) -> int:
    """Print every finding; 1 when one of them stands in the way."""
    from ..cloud.doctor import diagnose

    with place(arguments) as cloud:
        findings = diagnose(cloud, arguments.stack)
    lines = [
        f"{_MARKS[finding.level]}  {finding.name}: {finding.detail}"
        + (f"\n      -> {finding.next_step}" if finding.next_step else "")
        for finding in findings
    ]
    show(arguments, [asdict(finding) for finding in findings], "\n".join(lines))
    return int(any(finding.level == "fail" for finding in findings))
