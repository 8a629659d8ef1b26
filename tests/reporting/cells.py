"""A notebook's report without a kernel: its cells run in the process of the test.

A kernel takes longer to start than most notebooks to run. Reports by kernels are tested in
`test_report`, `test_browser` and `test_tour`.
"""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from IPython.core.formatters import DisplayFormatter

from lambdatuning.reporting.execution import Translator
from lambdatuning.reporting.html import PageContext, render
from lambdatuning.reporting.parameters import TAG, tags
from lambdatuning.reporting.report import plan


def render_here(notebook: Path, parameters: Mapping[str, object]) -> str:
    """The HTML of the notebook's report with these parameters."""
    (job,) = plan(notebook, parameters, folder=Path.cwd())
    formatter = DisplayFormatter()
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in job.content["cells"]:
        if cell["cell_type"] == "code":
            value = _run(cell["source"], names)
            cell["outputs"] = [] if value is None else [_output(formatter, value)]
            if TAG in tags(cell):
                for name, given in job.values.items():
                    exec(f"{name} = {Translator.translate(given)}", names)
    return render(job.content, PageContext(notebook.name, "2026-11-28 12:00 UTC")).html


def _output(formatter: DisplayFormatter, value: object) -> dict[str, Any]:
    data, metadata = formatter.format(value)  # type: ignore[no-untyped-call]
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def _run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of the expression that it ends with, which a notebook shows."""
    body = ast.parse(source).body
    shown = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
    if not isinstance(shown, ast.Expr):
        return None
    return eval(compile(ast.Expression(shown.value), "<cell>", "eval"), names)
