"""A notebook for nights that imports nothing, where pandas and figures are not the point."""

import json
from pathlib import Path

PARAMETERS = 'store = ""\nruns = ""\nfunction = ""\nhistory = ""\nmax_regression_percent = 5.0'


def small_notebook(folder: Path, name: str = "small", code: str = "print(function)") -> Path:
    """`NAME.ipynb` in `folder`, with the parameters that a night gives and one cell of code."""
    notebook = {
        "cells": [_cell("given", PARAMETERS, "parameters"), _cell("work", code)],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    file = folder / f"{name}.ipynb"
    file.write_text(json.dumps(notebook), "utf-8")
    return file


def _cell(ident: str, source: str, *tags: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "id": ident,
        "source": source,
        "metadata": {"tags": list(tags)},
        "outputs": [],
        "execution_count": None,
    }
