"""Small notebooks for tests, written to a folder."""

from pathlib import Path

import nbformat


def write_notebook(path: Path, *cells: str, parameters: str = "") -> Path:
    """A notebook of code cells; those that begin with "# " and a space are markdown."""
    made = [_cell(source) for source in cells]
    if parameters:
        cell = _cell(parameters)
        cell.metadata["tags"] = ["parameters"]
        made.insert(0, cell)
    metadata = {"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=made, metadata=metadata)  # type: ignore[no-untyped-call]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


def tag_last(path: Path, tag: str) -> None:
    """Tag the last cell of a notebook."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    notebook.cells[-1].metadata["tags"] = [tag]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def _cell(source: str) -> nbformat.NotebookNode:
    if source.startswith("# "):
        return nbformat.v4.new_markdown_cell(source)  # type: ignore[no-untyped-call,no-any-return]
    return nbformat.v4.new_code_cell(source)  # type: ignore[no-untyped-call,no-any-return]
