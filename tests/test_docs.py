"""The README is true: every command and public name stands in it (its tour: `test_browser`)."""

import re
from pathlib import Path

import lambdatuning as lt
from lambdatuning import cli
from lambdatuning.cloud.payloads import load_payload_types

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_recorded_run_is_whole() -> None:
    run = lt.load(ROOT / "data" / "recorded")
    assert run.embedded
    assert len(run.samples) == run.manifest.invocations
    assert len(run.payloads) == len(load_payload_types(ROOT / "data" / "payloads"))
    assert set(lt.Study(run).recommend()["payload"]) > set(run.payloads)


def test_every_command_stands_in_the_readme() -> None:
    assert [name for name in cli.COMMANDS if f"`lambdatuning {name}`" not in README] == []


def test_every_public_name_stands_in_the_readme_and_exists() -> None:
    named = set(re.findall(r"`(\w+)`", README))
    assert sorted(set(lt.__all__) - named - {"Run"}) == []
    assert all(getattr(lt, name) is not None for name in lt.__all__)
    assert set(lt.__all__) == set(lt._HOMES)


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"(?:`|^ *)make ([a-z][a-z-]*)", README, re.MULTILINE))
    assert {"report", "test"} <= named
    rules = re.findall(r"^([a-z][a-z%-]*):", makefile, re.MULTILINE)
    known = re.compile("|".join(rule.replace("%", "[a-z-]*") for rule in rules))
    assert [target for target in sorted(named) if not known.fullmatch(target)] == []
    benches = {target.removeprefix("bench-") for target in named if target.startswith("bench-")}
    files = ROOT / "tests" / "bench"
    assert benches
    assert [b for b in sorted(benches) if not (files / f"{b.replace('-', '_')}.py").is_file()] == []
