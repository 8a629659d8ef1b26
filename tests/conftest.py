"""What holds for every test."""

import gc
import os
import signal
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from lambdatuning.core.slow_imports import skip_slow_imports

skip_slow_imports()

# What collecting imports stays, so it is not searched for garbage: neither then, which would take a
# fifth of that time, nor whenever a test has left enough of it.
gc.disable()

# A shell starts what it puts into the background deaf to Ctrl-C, and so would be what tests start.
deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
if deaf and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test depends on how fast the machine is, and none fails in one run of many by its examples:
# HYPOTHESIS_PROFILE=search looks for new ones.
every_run: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **every_run)
settings.register_profile("search", max_examples=1000, **every_run)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

LONGEST_FIRST = (
    "tests/install/",
    "tests/reporting/test_browser.py",
    "tests/reporting/test_tour.py",
    "tests/journeys/",
    "tests/schedules/",
    "tests/cli/",
    "tests/local/",
    "tests/cloud/",
    "tests/aws/",
    "tests/reporting/",
    "tests/api/",
    "tests/test_compare_notebook.py",
    "tests/test_notebooks.py",
    "tests/test_strategies_notebook.py",
    "tests/functions/",
    "tests/core/test_exploration",
    "tests/analysis/",
)
"""Where tests take long; what stands here runs before everything else, in this order."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes long, so that no processor waits for a last long file at the end.

    Files of one folder, which share an embedded AWS, stay together.
    """
    items.sort(key=lambda item: _rank(item.nodeid))


def pytest_collection_finish() -> None:
    """See `gc.disable` above."""
    gc.freeze()
    gc.enable()


def _rank(node: str) -> int:
    places = (n for n, start in enumerate(LONGEST_FIRST) if node.startswith(start))
    return next(places, len(LONGEST_FIRST))
