"""Which systems the embedded AWS runs on."""

import sys

from ..core.errors import UsageError


def check_platform(name: str = sys.platform) -> None:
    """Raise `UsageError` for a system, named as `sys.platform` does, that cannot serve."""
    if name in ("win32", "cygwin"):
        raise UsageError("the embedded AWS needs Linux or macOS; on Windows run it inside WSL 2")
