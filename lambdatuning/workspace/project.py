"""A project of one's own: what `lambdatuning init` writes into a folder."""

from collections.abc import Iterator
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

    lambdatuning report --local                # an embedded AWS: no account, nothing is billed
    lambdatuning tune FUNCTION --payload NAME  # one function of yours, for an event of payloads/
    lambdatuning report                        # runs the notebooks, leaves HTML in reports/

- `lambdatuning.toml`: profile, region, stack, deadline, volume and so on
- `payloads/`: one JSON file per payload type: `{"payloadType": {"name", "event", "weight"}}`
- `notebooks/`: change the cell of parameters, run, look
- `policies/`: the rights that each command needs on AWS, for whoever grants them
- `lambdatuning-runs/`: what was measured, one folder per run
- `.github/workflows/lambdatuning.yml`: fails when the function got slower or more expensive
"""

_WORKFLOW = """\
# Tunes a function every night and fails when it got slower or more expensive.
name: lambdatuning
on:
  schedule:
    - cron: "0 3 * * *"
  workflow_dispatch:
permissions:
  id-token: write # to assume the role below
  contents: read
jobs:
  tune:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.13"
      - uses: actions/cache@v4 # the runs of before, to compare with
        with:
          path: lambdatuning-runs
          key: runs-${{ github.run_id }}
          restore-keys: runs-
      - run: pip install lambdatuning
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: ${{ vars.LAMBDATUNING_ROLE }}
          aws-region: ${{ vars.AWS_REGION }}
      - run: lambdatuning tune "$FUNCTION" --yes --max-usd 0.10
        env:
          FUNCTION: ${{ vars.LAMBDATUNING_FUNCTION }}
      - run: test "$(lambdatuning runs --json | jq length)" -lt 2 || lambdatuning compare
"""

_IGNORED = "lambdatuning-runs/\nreports/\n.ipynb_checkpoints/\n"

_OWN = {"payloads": "payloads", "notebooks": "notebooks"}
"""Settings that a new project has, and what they are."""


def create(folder: Path) -> list[Path]:
    """Write a project into `folder` and return its files, relative to it.

    UsageError, and nothing is written, where one of them is there already.
    """
    files = dict(_files())
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
    yield ".github/workflows/lambdatuning.yml", _WORKFLOW.encode()
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
