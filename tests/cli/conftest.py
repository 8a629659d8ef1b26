"""The command line as a user runs it: a process, an embedded AWS to talk to, no login of ours."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lambdatuning.local import endpoint

from .forked import run_forked

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The last line of stderr."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Nothing of AWS but what is given; no metadata service, no files of the user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nobody = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
    }
    return {**kept, **nobody, **given}


def command(*words: str) -> list[str]:
    """The command line of `lambdatuning WORDS`."""
    return [sys.executable, "-m", "lambdatuning", *words]


@dataclass(frozen=True)
class Shell:
    """Runs commands in the project's folder with this environment."""

    given: Mapping[str, str]

    def __call__(self, *words: str, **more: str) -> Result:
        given = environment({**self.given, **more})
        return Result(*run_forked(words, given, ROOT, limit_s=240))


@pytest.fixture(scope="session")
def nobody() -> Shell:
    """A user without any login."""
    return Shell({})


@pytest.fixture(scope="session")
def served() -> Iterator[Shell]:
    """A user of an embedded AWS that serves all of these tests."""
    with endpoint.start() as running:
        yield Shell(running.environment)


@pytest.fixture(scope="session")
def deployed(served: Shell) -> Shell:
    """The same with the stack deployed."""
    done = served("deploy", "--yes")
    assert done.code == 0, done.err
    return served
