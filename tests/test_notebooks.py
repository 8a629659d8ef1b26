"""Notebooks tell, the library does: every notebook of the project is held to it."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.reporting.parameters import declared

from .analysis.synthetic import KINDS, Kind, store_synthetic_run
from .reporting.cells import render_here

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def _cells(path: Path, kind: str) -> list[dict[str, Any]]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def _tags(cell: dict[str, Any]) -> list[str]:
    tags: list[str] = cell["metadata"].get("tags", [])
    return tags


def test_there_are_notebooks() -> None:
    names = [
        "01_benchmark",
        "02_payload_types",
        "03_strategies",
        "04_cold_starts",
        "05_compare",
        "06_history",
    ]
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_keeps_no_outputs(self, path: Path) -> None:
        for cell in _cells(path, "code"):
            assert cell["outputs"] == []
            assert cell["execution_count"] is None

    def test_is_short(self, path: Path) -> None:
        code = _cells(path, "code")
        assert len(code) <= 13
        cells = [cell for cell in code if "parameters" not in _tags(cell)]
        assert max(len("".join(cell["source"]).splitlines()) for cell in cells) <= 8

    def test_begins_with_a_title(self, path: Path) -> None:
        assert "".join(_cells(path, "markdown")[0]["source"]).startswith("# ")

    def test_has_one_cell_of_typed_and_commented_parameters(self, path: Path) -> None:
        tagged = [cell for cell in _cells(path, "code") if "parameters" in _tags(cell)]
        assert len(tagged) == 1
        lines = "".join(tagged[0]["source"]).splitlines()
        statements = ast.parse("\n".join(lines)).body
        assert all(isinstance(statement, ast.AnnAssign) for statement in statements)
        parameters = declared(json.loads(path.read_text(encoding="utf-8")))
        assert len(parameters) == len(lines) == len(statements)
        assert all(parameter.comment for parameter in parameters)

    def test_defines_nothing(self, path: Path) -> None:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        for cell in _cells(path, "code"):
            tree = ast.parse("".join(cell["source"]))
            assert not [node for node in ast.walk(tree) if isinstance(node, kinds)]

    def test_imports_the_package_by_its_short_name_alone(self, path: Path) -> None:
        imports = [
            ast.unparse(node)
            for cell in _cells(path, "code")
            for node in ast.walk(ast.parse("".join(cell["source"])))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        ours = [line for line in imports if "lambdatuning" in line]
        assert ours == ["import lambdatuning as lt"]

    def test_calls_public_names_only(self, path: Path) -> None:
        import lambdatuning

        used = {
            node.attr
            for cell in _cells(path, "code")
            for node in ast.walk(ast.parse("".join(cell["source"])))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "lt"
        }
        assert used <= set(lambdatuning.__all__)


def test_what_is_asked_of_a_study_is_validated_before_anything_is_measured() -> None:
    code = ["".join(cell["source"]) for cell in _cells(FOLDER / "01_benchmark.ipynb", "code")]
    whole = "\n".join(code)
    assert whole.count("lt.Study.validate(**how)") == 1
    assert whole.index("lt.Study.validate(**how)") < whole.index("lt.benchmark(")
    assert "lt.Study(run, **how)" in whole


class TestPayloadTypes:
    NOTEBOOK = FOLDER / "02_payload_types.ipynb"

    def test_begins_with_the_answer_and_says_where_it_was_measured(self, tmp_path: Path) -> None:
        kinds = (*KINDS[0:3:2], *KINDS[6::3])
        run_id = store_synthetic_run(tmp_path / "runs", kinds, (128, 512, 3008))
        text = render_here(self.NOTEBOOK, {"store": tmp_path / "runs"})
        story = text.partition("<main>")[2]
        assert story.index("Payload types disagree") < story.index("on the embedded AWS")
        assert story.index("on the embedded AWS") < story.index("<svg") < story.index("<table")
        assert run_id in story

    def test_takes_payload_types_strategy_and_weight(self, tmp_path: Path) -> None:
        kinds = (*KINDS[:3], Kind("<script>alert(1)</script>", 5, 40))
        run_id = store_synthetic_run(tmp_path / "runs", kinds, (128, 512, 2048))
        given = {
            "store": str(tmp_path / "runs"),
            "runs": run_id,
            "payload_types": "read, <script>alert(1)</script>",
            "strategy": "balanced",
            "weight": "0.2",
        }
        story = render_here(self.NOTEBOOK, given).partition("<main>")[2]
        assert "<script" not in story
        assert "&lt;script&gt;" in story
        assert "create-100kb" not in story
