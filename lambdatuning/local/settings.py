"""Fixed facts of the embedded AWS that its server and its clients share, and where it can run."""

import sys

from ..core.errors import UsageError

ACCOUNT_ID = "111122223333"
"""An account id from AWS's documentation: never a real one, not all zeros."""

LOOPBACK = ("127.0.0.1", "localhost")
"""Addresses that this machine alone reaches."""

REGION = "us-east-1"
SETTLES = ("strict", "period")
ACCESS_KEY_ID = "AKIALOCALLAMBDATUNE"
SECRET_ACCESS_KEY = "local"  # noqa: S105 - there is nothing to protect on loopback


def check_platform(name: str = sys.platform) -> None:
    """Raise `UsageError` for a system, named as `sys.platform` does, that cannot serve."""
    if name in ("win32", "cygwin"):
        raise UsageError("the embedded AWS needs Linux or macOS; on Windows run it inside WSL 2")
