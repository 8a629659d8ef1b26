"""`lambdatuning schema`: what commands print with `--json` is what their schemas say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from lambdatuning import cli
from lambdatuning.cli.app import COMMANDS, application
from lambdatuning.cli.commands.schema import json_schema, output_schemas

from .conftest import ROOT, Shell

CURVE = "https://lambda-power-tuning.show/#gAAAAQ==;AADIQgAASEI=;XHxhNFx84TQ="
REPORT = "REPORT RequestId: a Duration: 5.00 ms Billed Duration: 6 ms Memory Size: 128 MB Max Memory Used: 70 MB"  # noqa: E501
RECORDED = ("--store", str(ROOT / "data" / "recorded"))


def check(command: str, text: str) -> Any:
    """The output as data, valid by the schema of its command, which names all of its fields."""
    data = json.loads(text)
    jsonschema.Draft202012Validator(closed(output_schemas()[command])).validate(data)
    return data


def closed(schema: Any) -> Any:
    """The schema without leave for further fields."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if "properties" in schema else {}
    return {**{name: closed(part) for name, part in schema.items()}, **more}


def data_commands() -> Iterator[str]:
    """The commands, those of groups too, that have `--json`."""
    context = click.Context(application)
    for name in COMMANDS:
        command = application.get_command(context, name)
        inside = command.commands if isinstance(command, click.Group) else {"": command}
        for word, listed in inside.items():
            assert listed is not None
            if any("--json" in option.opts for option in listed.params):
                yield f"{name} {word}".strip()


def test_every_command_that_prints_data_has_a_valid_schema(nobody: Shell) -> None:
    printed = nobody("schema")
    assert (printed.code, printed.err) == (0, "")
    schemas = check("schema", printed.out)
    assert schemas.keys() >= {"tune", "benchmark", "runs", "compare", "doctor", "status"}
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["title"] == f"lambdatuning {name} --json"
    assert json.loads(nobody("schema", "tune").out) == schemas["tune"]
    assert json.loads(nobody("schema", "schedule", "run").out) == schemas["schedule run"]
    wrong = nobody("schema", "tnue")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean" in wrong.err


def test_no_command_that_prints_data_is_left_out() -> None:
    # mcp speaks JSON-RPC, whose shapes a client asks it for.
    assert {*data_commands()} - {"mcp"} == output_schemas().keys() - {"schema"}


@pytest.mark.parametrize(
    "words",
    [
        ("runs", *RECORDED),
        ("compare", *RECORDED),
        ("history", *RECORDED),
        ("show", CURVE),
        ("show", "latest", *RECORDED),
        ("prices", "us-east-1"),
        ("config",),
        ("init", "project"),
        ("logs", "a.log", "--function", "shop", "--store", "here"),
    ],
    ids=lambda words: "-".join(words[:2]).partition(":")[0],
)
def test_what_needs_no_login(
    words: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.log").write_text(f"{REPORT}\n")
    assert cli.main([*words, "--json"]) in (0, 3, 5)
    assert check(words[0], capsys.readouterr().out)


def test_a_type_without_a_schema_is_an_error() -> None:
    assert json_schema(list[float | None]) == {
        "type": "array", "items": {"type": ["number", "null"]},
    }  # fmt: skip
    with pytest.raises(TypeError, match="no JSON Schema for"):
        json_schema(complex)
