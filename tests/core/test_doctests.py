"""The examples in the docstrings of core are true."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import lambdatuning.core


def _modules() -> list[str]:
    modules = pkgutil.walk_packages(lambdatuning.core.__path__, "lambdatuning.core.")
    return [module.name for module in modules]


@pytest.mark.parametrize("name", _modules())
def test_examples_hold(name: str) -> None:
    module: ModuleType = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_there_are_examples() -> None:
    counts = (doctest.testmod(importlib.import_module(name)).attempted for name in _modules())
    assert sum(counts) > 20
