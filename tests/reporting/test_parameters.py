from typing import Any

import pytest

from lambdatuning.core.errors import UsageError
from lambdatuning.reporting.parameters import (
    NotebookParameter,
    SourceText,
    check_names,
    declared,
    mentioned,
)


def cell(source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}


def test_parameters_are_read_with_type_default_and_comment() -> None:
    source = 'num: int = 10  # invocations\nstore: str | Path = "../runs"  # where # it is\nx = [1]'
    parameters = declared({"cells": [cell("other: int = 1"), cell(source, "parameters")]})
    assert parameters == (
        NotebookParameter("num", "int", 10, "invocations"),
        NotebookParameter("store", "str | Path", "../runs", "where # it is"),
        NotebookParameter("x", "list", [1], ""),
    )


def test_a_notebook_without_the_tag_has_none() -> None:
    assert declared({"cells": [cell("num: int = 1")]}) == ()


def test_an_unknown_name_is_refused_with_the_closest() -> None:
    parameters = [NotebookParameter("num", "int", 1), NotebookParameter("seed", "int", 1)]
    with pytest.raises(
        UsageError, match=r'unknown parameter "nums" of 01\.ipynb; did you mean "num"'
    ):
        check_names(["seed", "nums"], parameters, "01.ipynb")
    with pytest.raises(UsageError, match="it has no parameters"):
        check_names(["num"], [], "01.ipynb")


def test_a_parameter_of_several_notebooks_is_named_once() -> None:
    shared = [NotebookParameter("currency", "str", "${}"), NotebookParameter("num", "int", 1)]
    with pytest.raises(UsageError, match=r"known are: currency, num$"):
        check_names(["x"], [*shared, *shared], "these notebooks")


def kinds_and_defaults(source: str) -> dict[str, tuple[str, object]]:
    parameters = declared({"cells": [cell(source, "parameters")]})
    return {parameter.name: (parameter.kind, parameter.default) for parameter in parameters}


def test_a_cell_may_hold_any_code() -> None:
    source = """%matplotlib inline
import os
from datetime import date, datetime
limit = 10 * 60  # seconds
url = os.environ.get("URL", "x")
!echo hello
a, b = 1, "two"
c = d = 3.5
since: date = date(2026, 11, 1)
until = datetime.now()
nothing = None
ratio = 1  # type: float the share
price = "10 €"  # of one
if limit > 5:
    mode = "fast"
else:
    mode = "slow"
try:
    import numpy
    size = 1
except ImportError:
    size = None
def helper():
    hidden = 1
bare: int
display(limit)
"""
    assert kinds_and_defaults(source) == {
        "limit": ("", SourceText("10 * 60")),
        "url": ("", SourceText("os.environ.get('URL', 'x')")),
        "a": ("int", 1),
        "b": ("str", "two"),
        "c": ("float", 3.5),
        "d": ("float", 3.5),
        "since": ("date", SourceText("date(2026, 11, 1)")),
        "until": ("datetime", SourceText("datetime.now()")),
        "nothing": ("", None),
        "ratio": ("float", 1),
        "price": ("str", "10 €"),
        "mode": ("str", "fast"),
        "size": ("int", 1),
        "bare": ("int", SourceText("...")),
    }
    parameters = declared({"cells": [cell(source, "parameters")]})
    comments = {parameter.name: parameter.comment for parameter in parameters if parameter.comment}
    assert comments == {"limit": "seconds", "ratio": "the share", "price": "of one"}


@pytest.mark.parametrize("magic", ["%%capture", "%%time", "%%capture out --no-stderr"])
def test_a_cell_under_a_magic_of_python_is_read(magic: str) -> None:
    source = f"{magic}\nnum: int = 3  # how many"
    assert declared({"cells": [cell(source, "parameters")]}) == (
        NotebookParameter("num", "int", 3, "how many"),
    )


def test_names_are_seen_wherever_they_are_assigned() -> None:
    assert kinds_and_defaults(
        "match 1:\n    case 1:\n        x = 1\n    case _:\n        x = 2"
    ) == {"x": ("int", 1)}
    nested = kinds_and_defaults("(a, b), *c = (1, 'x'), 2, 3")
    assert nested == {name: ("", SourceText("...")) for name in "abc"}
    assert kinds_and_defaults("(a, b), c = (1, 'x'), 2") == {
        "a": ("int", 1),
        "b": ("str", "x"),
        "c": ("int", 2),
    }


def test_a_cell_may_have_no_tags() -> None:
    bare: dict[str, Any] = {"cell_type": "code", "source": "x = 1", "metadata": {"tags": None}}
    assert declared({"cells": [bare, {"cell_type": "code", "source": "y = 1"}]}) == ()


def test_a_cell_of_another_language_has_none() -> None:
    assert kinds_and_defaults("%%bash\nx=1; [ -e y ]") == {}


def test_a_name_with_values_of_two_types_has_none_and_an_annotation_stands() -> None:
    assert kinds_and_defaults('x = 1\nif x:\n    x = "a"') == {"x": ("", 1)}
    assert kinds_and_defaults('x: float = 1\nx = "a"') == {"x": ("float", 1)}
    assert kinds_and_defaults("x = 1\nx = x * 2") == {"x": ("int", 1)}


def test_a_cell_that_is_no_python_is_refused_with_its_line() -> None:
    with pytest.raises(UsageError, match=r"a\.ipynb: its parameters cell is not Python \(line 2: "):
        declared({"cells": [cell("x = 1\ny = = 2", "parameters")]}, "a.ipynb")


def test_names_that_code_mentions() -> None:
    cells = [cell("%time print(alpha)"), cell("beta = gamma"), cell("not python at all ("),
             {"cell_type": "markdown", "source": "delta", "metadata": {}}]  # fmt: skip
    assert mentioned({"cells": cells}) >= {"beta", "gamma"}
    assert "delta" not in mentioned({"cells": cells})
