"""Exported logs as runs: stored, loaded and looked at like any other."""

import io
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

import lambdatuning as lt
from lambdatuning.analysis.compare.comparison import compare
from lambdatuning.api.logs import PAYLOAD, import_logs, read_reports
from lambdatuning.api.runs import load_runs
from lambdatuning.cli.app import main
from lambdatuning.core.errors import NotFoundError
from tests.analysis import log_forms as forms
from tests.analysis.log_forms import Event, json_events, text_events
from tests.reporting.cells import render_here

RECORDS = Path(__file__).parents[1] / "records" / "logs"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_run_of_logs_is_stored_and_loaded_like_any_other(tmp_path: Path) -> None:
    file = write(tmp_path / "shop.json", forms.subscription_json(text_events()))
    made = lt.import_logs(file, store=tmp_path / "runs")
    read = lt.load(tmp_path / "runs")
    pd.testing.assert_frame_equal(read.samples, made.samples, check_categorical=False)
    assert read.manifest == made.manifest
    assert (read.function, read.payloads, read.sizes) == ("shop-checkout", (PAYLOAD,), (160, 1024))
    assert read.manifest.kind == "logs"
    assert read.current_memory_mb == 160
    assert read.manifest.invocations == 5
    assert read.manifest.environments == 1
    assert read.manifest.started_at.startswith("2026-06-03T05:22:39.288")
    assert read.manifest.usd == pytest.approx(read.samples["cost_usd"].sum())
    (row,) = lt.runs(tmp_path / "runs").frame.to_dict("records")
    assert (row["endpoint"], row["function"]) == ("logs", "shop-checkout")


def test_a_large_run_is_written_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdatuning.api.logs._PART_ROWS", 2)
    made = import_logs(write(tmp_path / "a.log", forms.s3_export(json_events())), store=tmp_path)
    assert len(list(tmp_path.rglob("samples.parquet"))) == 1
    assert lt.load(tmp_path).samples["request_id"].tolist() == made.samples["request_id"].tolist()


def test_requests_are_the_same_with_and_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdatuning.analysis.logs.exports._ROWS", 100)
    lines = [event.message for event in text_events()] * 20  # several blocks
    with_arrow = read_reports(lines)
    monkeypatch.setattr("lambdatuning.analysis.logs.log_frame._ARROW", False)
    without = read_reports(lines)
    assert with_arrow["request_id"].tolist() == without["request_id"].tolist()
    assert with_arrow["request_id"].head(5).tolist() == [forms.request(n) for n in range(5)]
    assert with_arrow["error"].tolist() == without["error"].tolist()
    assert with_arrow["request_id"].dtype == without["request_id"].dtype == "str"


def test_several_files_and_forms_make_one_run(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "one.log", forms.sam_logs(text_events())),
        write(tmp_path / "two.csv", forms.insights_csv(json_events())),
    ]
    run = import_logs(files, store=tmp_path / "runs", function="shop")
    assert (run.function, len(run.samples)) == ("shop", 10)
    assert run.manifest.logs is not None
    assert run.manifest.logs.files == tuple(str(file) for file in files)


def test_several_functions_make_a_run_each(tmp_path: Path) -> None:
    text = forms.subscription_json(text_events())
    file = write(tmp_path / "all.json", text + text.replace("shop-checkout", "shop-search"))
    both = import_logs(file, store=tmp_path / "runs")
    assert sorted(both.samples["function"].unique()) == ["shop-checkout", "shop-search"]
    # Both were imported in the same second, so that their ids are in no order.
    functions = sorted(run.function for run in load_runs(tmp_path / "runs"))
    assert functions == ["shop-checkout", "shop-search"]
    assert len(lt.load(tmp_path / "runs", both.run_id).samples) == 10
    one = import_logs(file, store=tmp_path / "one", function="shop-search")
    assert (one.function, len(one.samples)) == ("shop-search", 5)
    with pytest.raises(NotFoundError, match='no report of function "shop-serch"; did you mean'):
        import_logs(file, store=tmp_path / "none", function="shop-serch")
    assert not (tmp_path / "none").exists()


def test_a_function_that_no_log_names_is_named_after_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "checkout (june).log.txt", forms.bare(text_events()))
    assert import_logs(file, store=tmp_path / "runs").function == "checkout-june"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("handler_raise.log", {"rows": 1, "failed": 1, "cold": 1, "unread": 0}),
        ("old_timeout.log", {"rows": 2, "failed": 1, "cold": 0, "unread": 0}),
        ("snapstart.log", {"rows": 6, "failed": 0, "cold": 6, "unread": 0}),
        ("insights.csv", {"rows": 4, "failed": 2, "cold": 2, "unread": 0}),
    ],
)
def test_the_command_counts(
    name: str, counts: dict[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "runs"
    assert main(["logs", str(RECORDS / name), "--store", str(store), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("run_id") == lt.load(store).run_id
    assert answer == counts


def test_the_command_reads_standard_input_and_says_what_it_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = f"{forms.bare(text_events())}REPORT RequestId: {forms.request(9)}\tDur"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(torn.encode())))
    assert main(["logs", "-", "--function", "shop", "--store", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "5 invocations of shop at 160 and 1,024 MB: 2 failed, 2 cold starts; 1 reports" in out
    assert err.startswith("lambdatuning: 1 lines hold a report that could not be read, such as ")
    run = lt.load(tmp_path)
    assert "reports that could not be read" in [check.name for check in lt.Study(run).checks()]


def test_the_command_refuses_logs_without_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = write(tmp_path / "empty.log", "START RequestId: 1 Version: 7\n")
    assert main(["logs", str(empty), "--store", str(tmp_path / "runs")]) == 1
    assert "no report in these logs: export REPORT lines with" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def production(sizes: tuple[int, ...]) -> list[Event]:
    """Logs of some log streams at each size, the first call of each cold."""
    events = []
    for size in sizes:
        for stream in range(4):
            for n in range(8):
                ms = round(20 + 3000 / size * (1 + 0.02 * ((7 * n + stream) % 5)), 2)
                init = "\tInit Duration: 200.00 ms" if n == 0 else ""
                fields = (
                    f"Duration: {ms} ms\tBilled Duration: {int(ms) + 1} ms\tMemory Size: {size} MB"
                    f"\tMax Memory Used: 70 MB{init}"
                )
                name = f"2026/06/03/[$LATEST]{size:016x}{stream:016x}"
                at = forms.FIRST_MS + 1000 * n
                message = forms.text_report(size * 1000 + stream * 10 + n, fields)
                events.append(Event(at, message, name))
    return events


@pytest.mark.parametrize("sizes", [(512,), (128, 512, 1024)], ids=["one size", "three sizes"])
def test_every_notebook_reads_it(sizes: tuple[int, ...], tmp_path: Path) -> None:
    for form in (forms.tail_detailed, forms.s3_export):
        import_logs(
            write(tmp_path / "a.log", form(production(sizes))),
            store=tmp_path / "runs",
            function="shop",
        )
    for path in sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb")):
        given = {"store": str(tmp_path / "runs")}
        given |= {"runs": "latest"} if path.stem == "01_benchmark" else {}
        assert "shop" in render_here(path, given).partition("<main>")[2]


def test_stored_runs_take_a_list_of_columns_as_a_frame_does(tmp_path: Path) -> None:
    file = write(tmp_path / "shop.json", forms.subscription_json(text_events()))
    lt.import_logs(file, store=tmp_path / "runs")
    listed = lt.runs(tmp_path / "runs")
    chosen = listed[["function", "strategy"]]
    assert list(chosen.columns) == ["function", "strategy"]
    assert list(chosen["function"]) == ["shop-checkout"]
    with pytest.raises(NotFoundError, match=r"no column strategie.*strategy"):
        listed[["strategie"]]


def test_a_run_of_failures_alone_says_that_there_is_no_curve(tmp_path: Path) -> None:
    report = (
        "REPORT RequestId: a1b2c3d4-0000-4000-8000-000000000001\tDuration: 10.11 ms\t"
        "Billed Duration: 11 ms\tMemory Size: 256 MB\tMax Memory Used: 40 MB\tStatus: error\n"
    )
    lt.import_logs(write(tmp_path / "f.log", report), store=tmp_path / "runs", function="f")
    study = lt.Study(lt.load(tmp_path / "runs"))
    for drawn in (study.plot.curves(), study.plot.relative()):
        assert drawn.title == "No curve can be drawn: no invocation succeeded"
    verdict = compare([study.run, study.run]).verdict
    assert (verdict.kind, verdict.exit_code) == ("unknown", 5)
