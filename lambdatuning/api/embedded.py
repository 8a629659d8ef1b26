"""An embedded AWS for a notebook or a script, as a context manager."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..cloud.session import Cloud, connect
from ..core.errors import UsageError


@contextmanager
def embedded(*, limiter: str = "auto", settle: str = "strict") -> Iterator[Cloud]:
    """Start an embedded AWS, connect to it, and stop it at the end.

    While it runs, the environment points AWS tools and child processes (a notebook's kernel) to
    it. UsageError when the extra `local` is not installed.
    """
    try:
        from ..local.endpoint import start
    except ImportError as exc:
        raise UsageError(
            f"the embedded AWS is not installed ({exc.name}); pip install 'lambdatuning[local]'"
        ) from exc
    with start(limiter=limiter, settle=settle) as endpoint:
        before = dict(os.environ)
        os.environ.pop("AWS_PROFILE", None)
        os.environ.update(endpoint.environment)
        try:
            yield connect(endpoint_url=endpoint.url, region=endpoint.region)
        finally:
            os.environ.clear()
            os.environ.update(before)
