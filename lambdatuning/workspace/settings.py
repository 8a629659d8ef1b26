"""Settings of a project: from its files, beaten by environment variables, beaten by arguments."""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.address import checked_address
from ..core.errors import UsageError, closest
from ..core.strategies import KIT_STRATEGY, REGISTRY
from ..core.validation import number

FILE = "lambdatuning.toml"
PREFIX = "LAMBDATUNING_"
FOLDER_VARIABLE = "LAMBDATUNING_FOLDER"
"""The project's folder, for a kernel that works in the folder of its notebook."""

DEFAULT = "default"

_INTERNAL = {
    FOLDER_VARIABLE,
    "LAMBDATUNING_SERVER",
    "LAMBDATUNING_SANDBOX",
    "LAMBDATUNING_PROCESS_TABLE",
}
"""Variables of this prefix that are no settings: the embedded AWS marks its processes by them."""


@dataclass(frozen=True)
class Setting:
    """One key: how its value is read (`read(name, value)`), and what it means."""

    name: str
    read: Callable[[str, Any], Any]
    default: Any
    meaning: str
    is_path: bool = False


@dataclass(frozen=True)
class Value:
    """What a setting is, and which file or variable said so."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Settings:
    """The settings of a project's folder."""

    folder: Path
    values: Mapping[str, Value]

    def __getitem__(self, name: str) -> Any:
        """The value of a setting."""
        return self.values[name].value

    @property
    def given(self) -> dict[str, Any]:
        """What a file or a variable says, without the defaults."""
        return {name: value.value for name, value in self.values.items() if value.origin != DEFAULT}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text in quotes; not {value!r}")
    return value


def _name(name: str, value: Any) -> str:
    """Text that is not empty."""
    if not _text(name, value).strip():
        raise UsageError(f"{name} is empty; leave the key out, or give it a value")
    return str(value)


def _strategy(name: str, value: Any) -> str:
    if _text(name, value) not in REGISTRY:
        raise UsageError(f'{name}: unknown strategy "{value}"; {closest(value, REGISTRY)}')
    return str(value)


def _amount(low: float, high: float = float("inf")) -> Callable[[str, Any], float]:
    return lambda name, value: number(name, value, low, high)


def _tags(name: str, value: Any) -> dict[str, str]:
    """A table, or `KEY=VALUE,KEY=VALUE` in a variable."""
    if isinstance(value, str):
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        if not all(equals and key.strip() for key, equals, _ in pairs):
            raise UsageError(f"{name} must be KEY=VALUE,KEY=VALUE; not {value!r}")
        return {key.strip(): text.strip() for key, _, text in pairs}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise UsageError(f'{name} must be a table of texts, as in {{team = "shop"}}; not {value!r}')
    return dict(value)


SETTINGS = (
    Setting("profile", _text, "", "AWS profile"),
    Setting("region", _text, "", "AWS region"),
    Setting("endpoint_url", _text, "", "endpoint to use instead of AWS's own"),
    Setting("stack", _name, "lambdatuning", "name of the stack"),
    Setting("store", _name, "lambdatuning-runs", "folder in which runs are stored", is_path=True),
    Setting("payloads", _text, "", "folder of payload types (else the package's)", is_path=True),
    Setting("template", _text, "", "SAM template (else the package's)", is_path=True),
    Setting("notebooks", _text, "", "folder of notebooks (else the package's)", is_path=True),
    Setting("price_book", _text, "", "price book (else the package's)", is_path=True),
    Setting("strategy", _strategy, KIT_STRATEGY, ", ".join(REGISTRY)),
    Setting("weight", _amount(0, 1), 0.5, "for balanced: 0 is speed, 1 is cost"),
    Setting("speed_worth", _amount(0), 0.1, "for value: twice as fast may cost 2^this as much"),
    Setting("tolerance", _amount(0), 10.0, "for value: per cent above the cheapest size, at most"),
    Setting("max_regression", _amount(0), 5.0, "per cent by which a run may be worse than before"),
    Setting("deadline", _amount(0), 0.0, "milliseconds that an invocation may take; 0: any"),
    Setting("volume", _amount(0), 10e6, "invocations per month, for the bill"),
    Setting("max_usd", _amount(0), None, "US dollars that a run may cost; none: asked each time"),
    Setting("tags", _tags, {}, "tags of the stack and all in it"),
)
"""Every key, in the order in which `lambdatuning config` shows them."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}


def read_settings(
    start: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings that hold in a folder (default: where this process works).

    The nearest folder from `start` upward with a lambdatuning.toml, or a pyproject.toml that has
    [tool.lambdatuning], is the project's; without one `start` is. Variables LAMBDATUNING_NAME beat
    the file. Relative paths are relative to the project's folder, also those of variables.

    Raises:
        UsageError: an unknown key, naming the closest, or a value that is not of its kind.
    """
    variables = os.environ if environment is None else environment
    begin = start or Path(variables.get(FOLDER_VARIABLE) or _here())
    folder, file, table = _project(begin.resolve())
    values = {setting.name: Value(setting.default, DEFAULT) for setting in SETTINGS}
    values |= dict(_from_file(table, file))
    values |= dict(_from_variables(variables))
    return Settings(folder, {name: _located(folder, name, value) for name, value in values.items()})


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as exc:
        raise UsageError("the working folder is not there any more; change to another") from exc


def _project(start: Path) -> tuple[Path, Path, Mapping[str, Any]]:
    """The project's folder, the file that has its settings, and these."""
    for folder in (start, *start.parents):
        own = folder / FILE
        if own.is_file():
            return folder, own, _toml(own)
        shared = folder / "pyproject.toml"
        table = _toml(shared).get("tool") if shared.is_file() else None
        if isinstance(table, dict) and "lambdatuning" in table:
            own_table = table["lambdatuning"]
            if not isinstance(own_table, dict):
                raise UsageError(f"{shared}: write [tool.lambdatuning], and the keys below it")
            return folder, shared, own_table
    return start, start / FILE, {}


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise UsageError(f"{file} cannot be read: {why}; fix the file") from exc


def _from_file(table: Mapping[str, Any], file: Path) -> Iterator[tuple[str, Value]]:
    for name, value in table.items():
        if name not in _BY_NAME:
            in_table = isinstance(value, dict) and name in {"tool", "lambdatuning"}
            hint = "write the keys without a table" if in_table else closest(name, _BY_NAME)
            raise UsageError(f'{file}: unknown key "{name}"; {hint}')
        yield name, Value(_BY_NAME[name].read(f"{file}: {name}", value), str(file))


def _from_variables(variables: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    for variable, text in sorted(variables.items()):
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or variable in _INTERNAL:
            continue
        if name not in _BY_NAME:
            all_variables = [f"{PREFIX}{setting_name.upper()}" for setting_name in _BY_NAME]
            raise UsageError(f"unknown variable {variable}; {closest(variable, all_variables)}")
        setting = _BY_NAME[name]
        # An empty variable takes back what a file says.
        value = setting.read(variable, text) if text else setting.default
        yield name, Value(value, variable)


def _located(folder: Path, name: str, value: Value) -> Value:
    """A path made absolute; addresses such as s3://bucket/runs stay as they are."""
    if not _BY_NAME[name].is_path or not value.value:
        return value
    if "://" in checked_address(value.value, others=True):
        return value
    return Value(str(folder / Path(value.value).expanduser()), value.origin)
