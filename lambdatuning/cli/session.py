"""Where a command works: AWS, another endpoint, or an embedded AWS of its own."""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from ..core.address import is_s3
from ..core.errors import UsageError
from .output import Output

if TYPE_CHECKING:
    from ..cloud.session import Cloud

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Session:
    """The options that every command shares: where it works, and how it talks."""

    profile: str | None
    region: str | None
    endpoint_url: str | None
    local: bool
    output: Output

    @contextmanager
    def connected(self) -> Iterator["Cloud"]:
        """The session that `--profile`, `--region`, `--endpoint-url` or `--local` ask for."""
        with self.environment():
            yield self.connect()

    def connect(self) -> "Cloud":
        """A session on AWS or the endpoint named."""
        from ..cloud.session import connect

        return connect(profile=self.profile, region=self.region, endpoint_url=self.endpoint_url)

    def connect_for(self, store: str) -> "Cloud | None":
        """A session for a store in S3; a folder needs none."""
        return self.connect() if is_s3(store) else None

    @contextmanager
    def environment(self) -> Iterator[None]:
        """The same place in the environment alone, for what the command starts: a kernel.

        No login is needed until something asks AWS: reading a stored run never does.
        """
        from ..workspace.settings import FOLDER_VARIABLE, read_settings

        # A kernel works in the folder of its notebook, which may be the package's.
        os.environ[FOLDER_VARIABLE] = str(read_settings().folder)
        if self.local:
            from ..api.stack import embedded

            with embedded():
                yield
            return
        variables = {
            "AWS_PROFILE": self.profile,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }
        os.environ |= {name: value for name, value in variables.items() if value}
        yield


def session_options(command: Callable[Concatenate[Session, P], R]) -> Callable[..., R]:
    """Adds the options that every command shares; they arrive as a `Session`, first."""

    @click.option("--profile", help="AWS profile.")
    @click.option("--region", help="AWS region.")
    @click.option("--endpoint-url", metavar="URL", help="Endpoint to use instead of AWS's own.")
    @click.option("--local", is_flag=True, help="Start an embedded AWS for this command.")
    @click.option("--yes", is_flag=True, help="Do not ask before billing or changing.")
    @click.option("--json", "as_json", is_flag=True, help="Print data only, as JSON.")
    @click.option("--quiet", is_flag=True, help="Show no progress.")
    @functools.wraps(command)
    def with_session(**options: Any) -> R:
        return command(_session(options), **options)  # type: ignore[call-arg]

    return with_session


def _session(options: dict[str, Any]) -> Session:
    """Takes the shared options out of `options`."""
    place = {name: options.pop(name) for name in ("profile", "region", "endpoint_url", "local")}
    as_json, quiet, yes = (options.pop(name) for name in ("as_json", "quiet", "yes"))
    for name in ("profile", "endpoint_url", "region"):
        if place["local"] and place[name]:
            flag = name.replace("_", "-")
            raise UsageError(f"--local and --{flag} exclude each other; leave one out")
    # The embedded AWS bills nothing and ends with the command: there is nothing to ask.
    return Session(**place, output=Output(as_json, quiet, yes or place["local"]))
