"""The server's process, `python -m lambdatuning.local --port 0`: quick to start, and to end.

Nothing that is imported is garbage, but to look for some again and again takes a fifth of the
start; nor has anything to be taken down at the end that the end of the process does not take.
"""

import gc
import os
import sys

from ..core.slow_imports import skip_slow_imports


def _run() -> None:
    gc.disable()
    # Docker is kept from ministack anyway (see `ministack.settings`), its SDK need not be loaded.
    skip_slow_imports("awscrt", "docker")
    from .server import main

    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    _run()
