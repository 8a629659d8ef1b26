"""A new project: what lies in it, and that nothing of the user's is overwritten."""

import json
from pathlib import Path

import pytest

from lambdatuning.core.errors import UsageError
from lambdatuning.workspace import project
from lambdatuning.workspace.settings import read_settings

ROOT = Path(__file__).parents[2]


def test_it_has_all_that_a_run_takes(tmp_path: Path) -> None:
    made = {str(path) for path in project.create(tmp_path, {"ci/night.yml": "on: schedule"})}
    assert {"lambdatuning.toml", "README.md", "ci/night.yml"} < made
    assert (tmp_path / "ci" / "night.yml").read_text() == "on: schedule"
    for source, target in (
        ("notebooks/*.ipynb", "notebooks"),
        ("data/payloads/*.json", "payloads"),
        ("data/policies/*.json", "policies"),
    ):
        ours = {f"{target}/{path.name}" for path in ROOT.glob(source)}
        assert ours
        assert ours <= made
    assert all((tmp_path / name).is_file() for name in made)


def test_its_policies_are_policies_of_iam(tmp_path: Path) -> None:
    project.create(tmp_path)
    for path in (tmp_path / "policies").iterdir():
        assert json.loads(path.read_text("utf-8"))["Version"] == "2012-10-17"


def test_its_settings_are_read(tmp_path: Path) -> None:
    project.create(tmp_path)
    settings = read_settings(tmp_path, {})
    assert settings["payloads"] == str(tmp_path / "payloads")
    assert settings["notebooks"] == str(tmp_path / "notebooks")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "README.md"
    mine.write_text("mine")
    with pytest.raises(UsageError, match=r"nothing is overwritten: .*README\.md is there"):
        project.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert mine.read_text() == "mine"
