"""What the tests of reports share."""

from collections.abc import Iterator

import pytest

from lambdatuning.reporting.kernels import forked_kernels
from lambdatuning.reporting.report import OURS


@pytest.fixture(scope="session", autouse=True)
def _kernels() -> Iterator[None]:
    """Kernels of all tests share what they import, as those of one report do."""
    with forked_kernels(*OURS):
        yield
