"""Settings: files upward, variables, defaults; where each comes from; what is refused."""

import re
from pathlib import Path

import pytest

from lambdatuning.core.errors import UsageError
from lambdatuning.workspace import project, resources
from lambdatuning.workspace.settings import read_settings


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, {})
    assert settings.folder == tmp_path
    assert settings["store"] == str(tmp_path / "lambdatuning-runs")
    assert settings.given == {}


def test_the_nearest_file_upward_is_beaten_by_variables(tmp_path: Path) -> None:
    (tmp_path / "lambdatuning.toml").write_text('store = "runs"\nstack = "shop"\ndeadline = 200\n')
    below = tmp_path / "notebooks" / "own"
    below.mkdir(parents=True)
    settings = read_settings(below, {"LAMBDATUNING_STACK": "other", "HOME": "/"})
    assert settings.folder == tmp_path
    assert settings["store"] == str(tmp_path / "runs")
    assert settings["deadline"] == 200
    assert settings["stack"] == "other"
    assert settings.values["deadline"].origin == str(tmp_path / "lambdatuning.toml")
    assert settings.values["stack"].origin == "LAMBDATUNING_STACK"
    assert settings.values["strategy"].origin == "default"


def test_pyproject_has_settings_too(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.other]\n[tool.lambdatuning]\nregion = "eu"\n')
    assert read_settings(tmp_path, {})["region"] == "eu"
    (tmp_path / "lambdatuning.toml").write_text('region = "us"\n')
    assert read_settings(tmp_path, {})["region"] == "us"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("pyproject.toml", "tool.lambdatuning = 3", r"write \[tool.lambdatuning\], and the keys"),
        ("lambdatuning.toml", "[tool.lambdatuning]\nstore = 'x'", "the keys without a table"),
        ("lambdatuning.toml", "[lambdatuning]\nstore = 'x'", "the keys without a table"),
        ("lambdatuning.toml", "store = ''", "store is empty; leave the key out"),
        ("lambdatuning.toml", "stack = ' '", "stack is empty"),
        ("lambdatuning.toml", "strategy = 'sped'", 'strategy: unknown strategy "sped"; did you'),
    ],
)
def test_what_a_file_cannot_say_is_refused(
    tmp_path: Path, file: str, text: str, message: str
) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(UsageError, match=rf"{file}.*{message}"):
        read_settings(tmp_path, {})


def test_a_pyproject_that_is_no_table_of_tools_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("tool = 3")
    assert read_settings(tmp_path, {}).given == {}


def test_a_pyproject_of_another_project_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "lambdatuning.toml").write_text('stack = "shop"\n')
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "pyproject.toml").write_text('[project]\nname = "service"\n')
    assert read_settings(tmp_path / "service", {})["stack"] == "shop"


def test_an_empty_variable_takes_back_what_a_file_says(tmp_path: Path) -> None:
    (tmp_path / "lambdatuning.toml").write_text('profile = "mine"\n')
    assert read_settings(tmp_path, {"LAMBDATUNING_PROFILE": ""})["profile"] == ""


def test_a_kernel_works_for_the_folder_that_it_was_started_for(tmp_path: Path) -> None:
    settings = read_settings(environment={"LAMBDATUNING_FOLDER": str(tmp_path)})
    assert settings.folder == tmp_path


def test_an_address_stays_as_it_is(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, {"LAMBDATUNING_STORE": "s3://bucket/runs"})
    assert settings["store"] == "s3://bucket/runs"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sotre = "x"', 'unknown key "sotre"; did you mean "store"'),
        ("stack = 3", "stack must be text in quotes; not 3"),
        ("weight = 2", "weight must be a number from 0 to 1; not 2"),
        ('deadline = "soon"', "deadline must be a number, 0 or more; not 'soon'"),
        ('tags = ["x"]', "tags must be a table of texts"),
        ("stack = ", "lambdatuning.toml cannot be read"),
    ],
)
def test_what_is_wrong_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "lambdatuning.toml").write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read_settings(tmp_path, {})
    assert str(tmp_path / "lambdatuning.toml") in str(caught.value)


def test_an_unknown_variable_names_the_closest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='did you mean "LAMBDATUNING_STORE"'):
        read_settings(tmp_path, {"LAMBDATUNING_STROE": "x"})
    with pytest.raises(UsageError, match="must be KEY=VALUE,KEY=VALUE"):
        read_settings(tmp_path, {"LAMBDATUNING_TAGS": "team"})


def test_a_folder_s_own_files_are_taken_first(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, {})
    assert resources.payloads(settings=settings).packaged
    assert resources.template(settings=settings).packaged
    (tmp_path / "data" / "payloads").mkdir(parents=True)
    (tmp_path / "data" / "payloads" / "mine.json").write_text("{}")
    own = resources.payloads(settings=settings)
    assert (own.path, own.packaged) == (tmp_path / "data" / "payloads", False)
    assert resources.payloads("named", settings).path == Path("named")


def test_the_template_of_another_project_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {Shop: {Type: AWS::SQS::Queue}}\n")
    assert resources.template(settings=read_settings(tmp_path, {})).packaged
    (tmp_path / "template.yaml").write_text("Outputs: {StateMachineArn: {Value: x}}\n")
    assert not resources.template(settings=read_settings(tmp_path, {})).packaged


def test_a_new_project_is_whole_and_overwrites_nothing(tmp_path: Path) -> None:
    files = project.create(tmp_path / "shop")
    assert all((tmp_path / "shop" / name).is_file() for name in files)
    settings = read_settings(tmp_path / "shop" / "notebooks", {})
    assert settings.given == {
        "payloads": str(tmp_path / "shop" / "payloads"),
        "notebooks": str(tmp_path / "shop" / "notebooks"),
    }
    assert not resources.payloads(settings=settings).packaged
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"README\.md is there"):
        project.create(tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["README.md"]


def test_every_key_of_a_new_project_can_be_switched_on(tmp_path: Path) -> None:
    project.create(tmp_path)
    file = tmp_path / "lambdatuning.toml"
    file.write_text(re.sub(r"(?m)^# (\w+ = )", r"\1", file.read_text()))
    assert read_settings(tmp_path, {})["volume"] == 10e6
