"""The parameters of a notebook: read from its tagged cell, and their names checked."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..core.errors import UsageError, closest

TAG = "parameters"


class SourceText(str):
    """Python source of a value."""

    __slots__ = ()


@dataclass(frozen=True)
class NotebookParameter:
    """One parameter: `name: kind = default  # comment`.

    `kind` is its annotation as it is written, or else the type of its default; empty where
    neither says one. `default` is a value, or `SourceText` where it is computed.
    """

    name: str
    kind: str
    default: object
    comment: str = ""
    annotated: bool = field(default=False, compare=False)


def declared(
    notebook: Mapping[str, Any], name: str = "the notebook"
) -> tuple[NotebookParameter, ...]:
    """The parameters in the cell tagged `parameters`, in order; () without such a cell.

    The cell may hold any code: whatever is assigned in it, also within `if` or `try`, is a
    parameter. UsageError where it is no Python.
    """
    source = next((_source(cell) for cell in notebook["cells"] if TAG in tags(cell)), "")
    try:
        tree = _parse(source)
    except SyntaxError as exc:
        raise UsageError(
            f"{name}: its parameters cell is not Python (line {exc.lineno}: {exc.msg})"
        ) from exc
    except ValueError as exc:  # such as NUL, or half a character
        raise UsageError(f"{name}: its parameters cell is not Python ({exc})") from exc
    parameters: dict[str, NotebookParameter] = {}
    for parameter in _assigned(tree.body, source.splitlines()):
        first = parameters.setdefault(parameter.name, parameter)
        if not first.annotated and parameter.kind not in {first.kind, ""}:
            # Values of two types are assigned to it, so that neither counts.
            parameters[first.name] = replace(first, kind="")
    return tuple(parameters.values())


def mentioned(notebook: Mapping[str, Any]) -> set[str]:
    """Names that the notebook's code reads: papermill can give values to all of them."""
    names = set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            try:
                nodes = ast.walk(_parse(_source(cell)))
            except (SyntaxError, ValueError):
                continue
            names |= {node.id for node in nodes if isinstance(node, ast.Name)}
    return names


def tags(cell: Mapping[str, Any]) -> Sequence[str]:
    """The tags of a cell."""
    return cell.get("metadata", {}).get("tags") or []


def check_names(names: Iterable[str], declared: Iterable[NotebookParameter], where: str) -> None:
    """UsageError, naming the closest match, for the first name that is no parameter."""
    parameters = [parameter.name for parameter in declared]
    for name in names:
        if name not in parameters:
            hint = closest(name, parameters) if parameters else "it has no parameters"
            if name == "run_id" and "runs" in parameters:
                hint = "runs are named by `runs`, in every notebook"
            raise UsageError(f'unknown parameter "{name}" of {where}; {hint}')


def _source(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


_WRAPPERS = re.compile(r"\s*%%(capture|time|timeit|prun)\b.*")
"""Magics whose cell is Python all the same."""


def _parse(source: str) -> ast.Module:
    """The syntax tree of a cell, line by line as it is written; magics become calls."""
    try:
        return ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        wrapped = _WRAPPERS.match(source)
        # The magic's line stays a line, so that comments are found where they stand.
        python = f"pass{source[wrapped.end() :]}" if wrapped else source
        transform = TransformerManager().transform_cell  # type: ignore[no-untyped-call]
        return ast.parse(transform(python))


def _assigned(body: Sequence[ast.AST], lines: Sequence[str]) -> Iterator[NotebookParameter]:
    """A parameter for each name that these statements, and those within them, assign."""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            kind = ast.unparse(node.annotation)
            yield _parameter(node.target.id, kind, node.value, _comment(node, lines))
        elif isinstance(node, ast.Assign):
            for name, value in (
                pair for target in node.targets for pair in _pairs(target, node.value)
            ):
                yield _parameter(name, "", value, _comment(node, lines))
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for _, within in ast.iter_fields(node):
                blocks = (
                    [child for child in within if isinstance(child, _BLOCKS)]
                    if isinstance(within, list)
                    else []
                )
                yield from _assigned(blocks, lines)


_BLOCKS = (ast.stmt, ast.ExceptHandler, ast.match_case)
"""What has, or is, statements."""


def _pairs(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    """Names and what is assigned to them, as far as that can be seen: `a, b = 1, 2`."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        matched = parts if len(parts) == len(target.elts) else [None] * len(target.elts)
        if any(isinstance(element, ast.Starred) for element in target.elts):
            matched = [None] * len(target.elts)
        for element, part in zip(target.elts, matched, strict=True):
            yield from _pairs(element.value if isinstance(element, ast.Starred) else element, part)


def _parameter(name: str, kind: str, value: ast.expr | None, comment: str) -> NotebookParameter:
    noted = re.match(r"type:\s*(\S+)\s*(.*)", comment)
    if noted and not kind:
        kind, comment = noted[1], noted[2]
    annotated = bool(kind)
    if value is None:
        return NotebookParameter(name, kind, SourceText("..."), comment, annotated)
    try:
        default = ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        code = SourceText(ast.unparse(value))
        return NotebookParameter(name, kind or _constructed(value), code, comment, annotated)
    kind = kind or ("" if default is None else type(default).__name__)
    return NotebookParameter(name, kind, default, comment, annotated)


def _constructed(value: ast.expr) -> str:
    """`date.today()` and `datetime(2026, 11, 1)` are of a type that can be read from text."""
    text = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
    match = re.fullmatch(r"(?:\w+\.)?(date|datetime|time|Decimal|Path)(?:\.\w+)?", text)
    return match[1] if match else ""


def _comment(node: ast.stmt, lines: Sequence[str]) -> str:
    """What stands after a statement on its last line."""
    last = (node.end_lineno or 1) - 1
    rest = lines[last].encode()[node.end_col_offset or 0 :].decode() if last < len(lines) else ""
    return rest.partition("#")[2].strip()
