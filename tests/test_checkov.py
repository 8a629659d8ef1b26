"""checkov has no objection to the templates but those that they waive, each with its reason.

It takes seconds to start, so it reads both at once.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.schedules.deployed import TEMPLATE as SCHEDULE

CHECKOV = Path(sys.prefix) / "checkov" / "bin" / "checkov"
TUNER = Path(__file__).parents[1] / "template.yaml"

pytestmark = pytest.mark.skipif(
    not CHECKOV.exists(), reason="`make checkov` installs checkov apart"
)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    done = subprocess.run(
        [CHECKOV, "--file", TUNER, SCHEDULE, "--framework", "cloudformation", "--compact",
         "--skip-download", "--output", "json"],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    given = json.loads(done.stdout)
    by_framework: list[dict[str, Any]] = given if isinstance(given, list) else [given]
    return by_framework[0]


def test_every_template_is_read(report: dict[str, Any]) -> None:
    assert report["summary"]["parsing_errors"] == 0


@pytest.mark.parametrize(
    ("template", "fewest"), [(TUNER, 50), (SCHEDULE, 20)], ids=["tuner", "schedule"]
)
def test_it_finds_nothing_that_is_not_waived_with_its_reason(
    report: dict[str, Any], template: Path, fewest: int
) -> None:
    failed, passed, skipped = (
        [each for each in report["results"][name] if Path(each["file_abs_path"]) == template]
        for name in ("failed_checks", "passed_checks", "skipped_checks")
    )
    assert [(each["check_id"], each["resource"]) for each in failed] == []
    assert len(passed) > fewest
    for each in skipped:
        assert len(each["check_result"]["suppress_comment"]) > 20, each["check_id"]
