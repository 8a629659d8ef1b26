"""A project of one's own: what `lambdatuning init` writes into a folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..core.errors import UsageError
from .resources import NOTEBOOKS, PAYLOADS, POLICIES, package_folder
from .settings import FILE, SETTINGS

_HEAD = """\
# Settings of this project: read from here upward, beaten by LAMBDATUNING_NAME in the environment
# and by options. `lambdatuning config` shows each value and where it came from.
"""

_README = """\
# What memory size?

    lambdatuning report --local                  # an embedded AWS: no account, nothing is billed

On AWS, once, then for every function:

    lambdatuning deploy --tuner-only --parameter TunableFunctionArns=ARN
    lambdatuning tune FUNCTION --payload FILE    # an event, or the name of one of payloads/
    lambdatuning report notebooks/03_strategies.ipynb   # HTML in reports/

- `lambdatuning.toml`: profile, region, stack, deadline, volume and so on
- `payloads/`: one JSON file per payload type: `name`, `event`, its `weight` in the mix
- `notebooks/`: change the cell of parameters, run, look
- `policies/`: the rights that each command needs on AWS, for whoever grants them
- `lambdatuning-runs/`: what was measured, one folder per run
- `.github/workflows/`: every night on GitHub; `lambdatuning schedule print` writes others
"""

_IGNORED = "lambdatuning-runs/\nreports/\n.ipynb_checkpoints/\n"

_OWN = {"payloads": "payloads", "notebooks": "notebooks"}
"""Settings that a new project has, and what they are."""


def create(folder: Path, further: Mapping[str, str] | None = None) -> list[Path]:
    """Write a project into `folder` and return its files, relative to it. `further` are more
    files of it: text by name.

    UsageError, and nothing is written, where one of them is there already.
    """
    files = dict(_files()) | {name: text.encode() for name, text in (further or {}).items()}
    there = [str(folder / name) for name in files if (folder / name).exists()]
    if there:
        more = f" and {len(there) - 1} more files are" if there[1:] else " is"
        raise UsageError(f"nothing is overwritten: {there[0]}{more} there; name a new folder")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [Path(name) for name in files]


def _files() -> Iterator[tuple[str, bytes]]:
    yield FILE, _settings().encode()
    yield "README.md", _README.encode()
    yield ".gitignore", _IGNORED.encode()
    for source, pattern, target in (
        (PAYLOADS, "*.json", "payloads"),
        (NOTEBOOKS, "*.ipynb", "notebooks"),
        (POLICIES, "*.json", "policies"),
    ):
        for path in sorted((package_folder() / source).glob(pattern)):
            yield f"{target}/{path.name}", path.read_bytes()


def _settings() -> str:
    """Every key with its meaning; those that are as by default are comments."""
    lines = [_HEAD]
    for setting in SETTINGS:
        value = _OWN.get(setting.name, setting.default)
        hidden = "" if setting.name in _OWN else "# "
        lines.append(f"{hidden}{setting.name} = {_toml(value)}  # {setting.meaning}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return '{team = "shop"}'
    if value is None:
        return "0.10"
    return f'"{value}"' if isinstance(value, str) else f"{value:_.10g}"
