"""Where a command works: AWS, another endpoint, or an embedded AWS of its own."""

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..core.errors import UsageError

if TYPE_CHECKING:
    from ..cloud.session import Cloud


@contextmanager
def place(arguments: Namespace) -> Iterator["Cloud"]:
    """The session that `--profile`, `--region`, `--endpoint-url` or `--local` ask for."""
    from ..cloud.session import connect

    with surroundings(arguments):
        yield connect(
            profile=arguments.profile, region=arguments.region, endpoint_url=arguments.endpoint_url
        )


@contextmanager
def surroundings(arguments: Namespace) -> Iterator[None]:
    """The same place in the environment alone, for what the command starts: a notebook's kernel.

    No login is needed until something asks AWS: reading a stored run never does.
    """
    if arguments.local:
        from ..api.stack import embedded

        _refuse_elsewhere(arguments)
        # It bills nothing and ends with the command: there is nothing to ask.
        arguments.yes = True
        with embedded():
            yield
        return
    given = {
        "AWS_PROFILE": arguments.profile,
        "AWS_REGION": arguments.region,
        "AWS_DEFAULT_REGION": arguments.region,
        "AWS_ENDPOINT_URL": arguments.endpoint_url,
    }
    os.environ |= {name: value for name, value in given.items() if value}
    yield


def _refuse_elsewhere(arguments: Namespace) -> None:
    for option in ("profile", "endpoint_url", "region"):
        if getattr(arguments, option):
            flag = option.replace("_", "-")
            raise UsageError(f"--local and --{flag} exclude each other; leave one out")
