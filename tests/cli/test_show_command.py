"""`lambdatuning show RUN`: the answer of a stored run, to read, to paste and to draw."""

import json
from pathlib import Path

import jsonschema
import pytest

from lambdatuning.cli.app import main
from lambdatuning.cli.commands.schema import output_schemas
from tests.analysis.synthetic import Kind, store_synthetic_run

CPU = (Kind("cpu", 5, 400), Kind("io", 50, 5))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    store_synthetic_run(folder, CPU, endpoint="aws", about={"strategy": "value"})
    return folder


def shown(capsys: pytest.CaptureFixture[str], store: Path, *words: str) -> str:
    assert main(["show", *words, "--store", str(store)]) == 0
    return capsys.readouterr().out


def test_the_newest_run_is_shown(capsys: pytest.CaptureFixture[str], store: Path) -> None:
    text = shown(capsys, store)
    assert text.startswith("Set LambdaFunctionOverHttps to 1,024 MB: ")
    assert "a month at 2 million invocations" in shown(capsys, store, "--volume", "2e6")
    assert "3,008 MB" in shown(capsys, store, "latest", "--strategy", "speed").splitlines()[0]


def test_the_newest_run_alone_is_shown_and_not_pooled_with_the_one_before(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for day, today_mb in ((23, 128), (24, 512)):
        about = {"run_id": f"202611{day}T090500-aaaaaa", "current_memory_mb": today_mb}
        store_synthetic_run(tmp_path, CPU[:1], (128, 512), about=about)
    text = shown(capsys, tmp_path, "--markdown")
    assert "Run 20261124T090500-aaaaaa, 40 invocations" in text
    assert "512 MB (answer, today)" in text


def test_markdown_has_the_answer_a_table_and_the_figure(
    capsys: pytest.CaptureFixture[str], store: Path, tmp_path: Path
) -> None:
    figure = tmp_path / "answer.png"
    text = shown(capsys, store, "--markdown", "--png", str(figure))
    assert text.startswith("**Set LambdaFunctionOverHttps to 1,024 MB: ")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 6
    assert "**1,024 MB (answer)**" in text
    assert "128 MB (today)" in text
    assert text.rstrip().endswith(f"]({figure})")
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_svg_and_json(capsys: pytest.CaptureFixture[str], store: Path, tmp_path: Path) -> None:
    # The option says what is drawn, whatever the file is called.
    plain, wrong = tmp_path / "plain", tmp_path / "wrong.png"
    data = json.loads(shown(capsys, store, "--json", "--svg", str(plain)))
    jsonschema.validate(data, output_schemas()["show"])
    assert "<svg" in plain.read_text()
    text = shown(capsys, store, "--svg", str(wrong))
    assert f"The figure is in {wrong}." in text
    assert "<svg" in wrong.read_text()


def test_a_limit_is_an_option_of_its_own(
    capsys: pytest.CaptureFixture[str], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_time = shown(capsys, store, "--strategy", "deadline", "--deadline", "60000")
    assert "sure that it keeps the deadline" in in_time
    monkeypatch.setenv("LAMBDATUNING_DEADLINE", "60000")
    assert shown(capsys, store, "--strategy", "deadline") == in_time
    assert "in budget" in shown(capsys, store, "--strategy", "budget", "--budget", "1000")
    assert main(["show", "--store", str(store), "--strategy", "budget"]) == 2
    assert "--strategy budget needs its limit, too: --budget" in capsys.readouterr().err
    assert main(["show", "--store", str(store), "--budget", "much"]) == 2
    assert "--budget must be a number, 0 or more; not 'much'" in capsys.readouterr().err


def test_a_run_is_shown_by_its_folder_wherever_that_lies(
    capsys: pytest.CaptureFixture[str], store: Path, tmp_path: Path
) -> None:
    (folder,) = store.glob("function=*/run=*")
    elsewhere = tmp_path / "empty"
    elsewhere.mkdir()
    newest = shown(capsys, store)
    for name in (str(folder), f"{folder}/"):
        assert shown(capsys, elsewhere, name) == newest


def test_a_place_that_is_named_as_a_run_is_the_store(
    capsys: pytest.CaptureFixture[str], store: Path, tmp_path: Path
) -> None:
    assert main(["show", str(store), "--store", str(tmp_path)]) == 1
    assert "it is a place: name it as the store (store=, --store)" in capsys.readouterr().err
    assert main(["show", f"{store}/function=gone/run=20260101T000000-000000"]) == 1
    assert "cannot be read (No such file or directory)" in capsys.readouterr().err


def test_what_may_mislead_stands_below_with_its_severity(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorded = Path(__file__).parents[2] / "data" / "recorded"
    text = shown(capsys, recorded)
    assert "\nNote: environments settling: an environment's first invocations took longer" in text
