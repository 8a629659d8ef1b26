"""A notebook for nights that imports nothing, where pandas and figures are not the point."""

from pathlib import Path

from ..reporting.notebooks import write_notebook

PARAMETERS = 'store = ""\nruns = ""\nfunction = ""\nhistory = ""\nmax_regression_percent = 5.0'


def small_notebook(folder: Path, name: str = "small", code: str = "print(function)") -> Path:
    """`NAME.ipynb` in `folder`, with the parameters that a night gives and one cell of code."""
    return write_notebook(folder / f"{name}.ipynb", code, parameters=PARAMETERS)
