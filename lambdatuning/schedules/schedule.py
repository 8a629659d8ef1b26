"""A schedule as data: what is measured every night, where, for how much, and when."""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from ..core.errors import UsageError
from ..core.validation import number


@dataclass(frozen=True)
class Schedule:
    """What is done every night.

    `function` "" means the stack's own, for every payload type. `options` are further options of
    `lambdatuning schedule run`, by name without dashes. `at` is HH:MM in `timezone` ("" for that of
    the machine). `region`, `profile`, `bucket` and `role_arn` are "" where they are not named.
    """

    function: str = ""
    payloads: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    at: str = "03:00"
    timezone: str = ""
    profile: str = ""
    region: str = ""
    store: str = ""
    bucket: str = ""
    out: str = "reports"
    max_usd: str = "0.10"
    role_arn: str = ""
    folder: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.at):
            raise UsageError(f"--at must be HH:MM, as 03:00; not {self.at!r}")
        if self.max_usd:
            number("--max-usd", self.max_usd, 0)
        if self.timezone:
            try:
                ZoneInfo(self.timezone)
            except (ValueError, OSError, KeyError) as exc:
                raise UsageError(
                    f"--timezone {self.timezone}: there is none; write one as Europe/Berlin"
                ) from exc
        for text in self._texts():
            if re.search(r"[\x00-\x1f\x7f]", text):
                raise UsageError(f"{text!r} has a control character, which no schedule can hold")

    @property
    def name(self) -> str:
        """What units, jobs and files of it are called.

        >>> Schedule(function="my_Function").name, Schedule().name
        ('lambdatuning-my_Function', 'lambdatuning')
        """
        last = self.function.rpartition(":function:")[2]
        return f"lambdatuning-{folder_name(last)}" if last else "lambdatuning"

    @property
    def hour(self) -> int:
        """The hour of `at`."""
        return int(self.at[:2])

    @property
    def minute(self) -> int:
        """The minute of `at`."""
        return int(self.at[3:])

    @property
    def history(self) -> str:
        """Where this and earlier runs lie for a machine that keeps nothing: the tuner's bucket."""
        return f"s3://{self.bucket}/runs" if self.bucket else ""

    def words(self, *more: str) -> list[str]:
        """The arguments of `lambdatuning` for one night."""
        named = {
            "profile": self.profile,
            "region": self.region,
            "store": self.store,
            "history": self.history,
            "out": self.out,
            "max-usd": self.max_usd,
            **self.options,
        }
        words = ["schedule", "run"]
        for payload in self.payloads:
            words += ["--payload", payload]
        words += [f"--{name}={value}" for name, value in named.items() if value]
        words += [*more, "--yes", "--quiet"]
        return [*words, "--", self.function] if self.function else words

    def _texts(self) -> Sequence[str]:
        return (
            *(self.function, *self.payloads, *self.options.values(), self.profile, self.region),
            *(self.store, self.bucket, self.out, self.max_usd, self.role_arn, str(self.folder)),
        )


def folder_name(text: str) -> str:
    """A function or run as the name of a folder or of a part of an S3 key.

    >>> folder_name("arn:aws:lambda:eu-west-1:111122223333:function:my/../shop")
    'arn-aws-lambda-eu-west-1-111122223333-function-my-..-shop'
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "function"


def command() -> str:
    """The absolute path of this installation's `lambdatuning`, which cron and systemd need."""
    beside = Path(sys.executable).with_name("lambdatuning")
    return str(beside) if beside.exists() else shutil.which("lambdatuning") or str(beside)
