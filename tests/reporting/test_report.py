import html
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from lambdatuning.core.errors import RunFailedError, UsageError
from lambdatuning.core.progress import Progress
from lambdatuning.reporting.report import plan, report
from tests.waiting import until

from ..cli.conftest import environment
from ..cli.forked import run_forked
from .notebooks import tag_last, write_notebook

REPORT = (
    "from lambdatuning.core.slow_imports import skip_slow_imports\nskip_slow_imports()\n"
    "from lambdatuning.reporting.report import report\n"
)
PARAMETERS = 'num: int = 3  # how many\nstore: str | Path = "runs"  # where'


@pytest.fixture(autouse=True)
def _own_jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose "python3" kernel is another Python, which must not be used."""
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        '{"argv": ["/nonexistent/python"], "display_name": "other", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))


def test_a_notebook_runs_in_this_interpreter_with_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    notebook = write_notebook(
        tmp_path / "a.ipynb",
        "# Title <b>of</b> it",
        "import os, sys\nfrom pathlib import Path",
        "print(num + 1, store, sys.executable, os.environ['AWS_ENDPOINT_URL'], Path.cwd())\n"
        "Path('pid').write_text(str(os.getpid()))",
        parameters="from pathlib import Path\n" + PARAMETERS,
    )
    progress: list[Progress] = []
    (made,) = report([notebook], {"num": "41", "store": "x"}, on_progress=progress.append)
    text = made.html.read_text()
    assert made.html == Path("reports/a.html")
    assert f"42 {tmp_path}/x {sys.executable} http://127.0.0.1:4566 {tmp_path}" in text
    assert (progress[-1].stage, progress[-1].done, progress[-1].total) == ("a", 4, 4)
    assert sorted(os.listdir("reports")) == ["a.html", "index.html"]  # noqa: PTH208
    with pytest.raises(ProcessLookupError):  # no kernel outlives its notebook
        os.kill(int(Path("pid").read_text()), 0)


def test_the_progress_of_a_running_cell_is_passed_on(tmp_path: Path) -> None:
    notebook = write_notebook(
        tmp_path / "a.ipynb",
        "from lambdatuning.core.progress import Progress\n"
        "from lambdatuning.reporting.progress import show_progress",
        "tell = show_progress()\n"
        "tell(Progress('measuring', 1, 4, 1.0))\n"
        "tell(Progress('measuring', 3, 4, 2.0))",
    )
    progress: list[Progress] = []
    (made,) = report([notebook], out=tmp_path / "out", on_progress=progress.append)
    details = [step.detail for step in progress]
    assert details == ["", "measuring: 1 of 4 (25 %), 0:01", "measuring: 3 of 4 (75 %), 0:02", ""]
    assert [step.done for step in progress] == [1, 1, 1, 2]
    assert (
        "measuring: 3 of 4" not in made.html.read_text().partition("<main>")[2].split("</main>")[0]
    )


def test_what_measures_runs_first_and_alone_and_the_others_two_at_once(tmp_path: Path) -> None:
    """Each leaves a file while it runs; a and b wait for one another."""
    alone = (
        "import pathlib\n"
        "print('beside:', [p.stem for p in pathlib.Path().glob('*.running')])\n"
        "pathlib.Path('z.done').touch()"
    )
    together = (
        "import pathlib, time\n"
        "pathlib.Path(f'{name}.running').touch()\n"
        "until = time.monotonic() + 60\n"
        "while len(list(pathlib.Path().glob('*.running'))) < 2 and time.monotonic() < until:\n"
        "    time.sleep(0.02)\n"
        "print('beside:', len(list(pathlib.Path().glob('*.running'))), "
        "'after z:', pathlib.Path('z.done').exists())"
    )
    made = [
        write_notebook(tmp_path / f"{name}.ipynb", f"name = {name!r}", body)
        for name, body in (("a", together), ("b", together), ("z", alone))
    ]
    tag_last(made[2], "measures")
    progress: list[Progress] = []
    reports = report(made, out=tmp_path / "out", on_progress=progress.append)
    pages = [made.html.read_text() for made in reports]
    assert "beside: []" in pages[2]
    assert all("beside: 2 after z: True" in text for text in pages[:2])
    assert (progress[-1].stage, progress[-1].done, progress[-1].total) == ("reports", 6, 6)
    assert [made.html.name for made in reports] == ["a.html", "b.html", "z.html"]


def test_a_failure_does_not_cost_the_other_reports(tmp_path: Path) -> None:
    bad = write_notebook(tmp_path / "a.ipynb", "raise ValueError('no')")
    good = [write_notebook(tmp_path / f"{name}.ipynb", "# T", "print(1)") for name in "bc"]
    with pytest.raises(RunFailedError, match=r"a\.ipynb, cell 1"):
        report([bad, *good], out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.html")) == [
        "b.html",
        "c.html",
        "index.html",
    ]


def test_ctrl_c_leaves_no_kernel_behind(tmp_path: Path) -> None:
    body = "import os, pathlib, time\npathlib.Path(f'{os.getpid()}.pid').touch()\ntime.sleep(60)"
    made = [write_notebook(tmp_path / f"{name}.ipynb", body) for name in "ab"]
    code = f"{REPORT}report({[str(p) for p in made]!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    running = until(lambda: len(pids := list(tmp_path.glob("*.pid"))) == 2 and pids, "two kernels")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert "KeyboardInterrupt" in err
    for path in running or ():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.stem), 0)


def test_a_report_says_what_changed_since_the_last_and_leaves_no_old_table(tmp_path: Path) -> None:
    body = (
        "from lambdatuning.analysis.text.statement import Statement\n"
        "from lambdatuning.analysis.text.tables import table\nfrom pandas import DataFrame"
    )
    parameters = "answer: str = 'one'  # it"
    show = "Statement(answer, functions=('f',))"
    notebook = write_notebook(
        tmp_path / "a.ipynb",
        body,
        show,
        "table(DataFrame({'a': [1]}), answer)",
        parameters=parameters,
    )
    for answer in ("one", "two"):
        report([notebook], {"answer": answer}, out=tmp_path / "out")
    index = (tmp_path / "out" / "index.html").read_text()
    assert "it said: one" in index
    assert "two" in index
    assert sorted(path.name for path in (tmp_path / "out" / "a").iterdir()) == [
        "two.csv",
        "two.json",
    ]


def test_a_failing_notebook_is_one_line_and_is_kept(tmp_path: Path) -> None:
    notebook = write_notebook(
        tmp_path / "a.ipynb", "kept = 7\nprint('before', kept)", "raise ValueError('two\\nlines')"
    )
    with pytest.raises(RunFailedError) as caught:
        report([notebook], out=tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("a.ipynb, cell 2: ValueError: two lines (the notebook as far as")
    assert "\n" not in message
    failed = json.loads((tmp_path / "out" / "a.failed.ipynb").read_text())
    assert "before 7" in json.dumps(failed["cells"])
    assert failed["metadata"]["papermill"]["input_path"] == "a.ipynb"
    assert failed["metadata"]["kernelspec"]["name"] == "python3"
    assert not (tmp_path / "out" / "a.html").exists()


def test_an_error_of_ours_is_one_line_in_a_notebook_and_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    notebook = write_notebook(
        tmp_path / "here" / "a.ipynb", "import lambdatuning as lt", "lt.load('../none', 'latest')"
    )
    with pytest.raises(RunFailedError, match=f"no such run in {tmp_path}/none; "):
        report(notebook, out=tmp_path / "out")
    failed = json.loads((tmp_path / "out" / "a.failed.ipynb").read_text())
    (error,) = [
        output
        for cell in failed["cells"]
        for output in cell.get("outputs", ())
        if output["output_type"] == "error"
    ]
    (line,) = error["traceback"]
    assert line.startswith(f"NotFoundError: no such run in {tmp_path}/none; ")
    assert "\n" not in line


def test_a_notebook_can_report_another(tmp_path: Path) -> None:
    write_notebook(tmp_path / "inner.ipynb", "print('inner', 6 * 7)")
    outer = write_notebook(
        tmp_path / "a.ipynb",
        "from lambdatuning.core.slow_imports import skip_slow_imports\nskip_slow_imports()",
        "import lambdatuning as lt",
        "lt.report('inner.ipynb')",
    )
    report(outer, out=tmp_path / "out")
    assert "inner 42" in (tmp_path / "reports" / "inner.html").read_text()


def test_a_dying_kernel_is_a_failure(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "import os", "os._exit(3)")
    with pytest.raises(RunFailedError, match="its kernel died"):
        report([notebook], out=tmp_path / "out")


@pytest.mark.parametrize(("dying", "passes"), [(2, True), (3, False)])
def test_a_kernel_that_dies_before_it_answers_is_started_three_times(
    dying: int, passes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where another program takes a port that was free when it was chosen.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib, sys\n"
        "if 'ipykernel_launcher' in ' '.join(sys.orig_argv):\n"
        f"    starts = pathlib.Path({str(tmp_path / 'starts')!r})\n"
        "    with starts.open('a') as file:\n"
        "        file.write('x')\n"
        f"    if starts.stat().st_size <= {dying}:\n"
        "        os._exit(1)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    notebook = write_notebook(tmp_path / "a.ipynb", "print(6 * 7)")
    if passes:
        (made,) = report([notebook], out=tmp_path / "out")
        assert "42" in made.html.read_text()
    else:
        with pytest.raises(RunFailedError, match=r"^a\.ipynb: Kernel died before replying"):
            report([notebook], out=tmp_path / "out")
    assert (tmp_path / "starts").read_text() == "xxx"


def test_any_notebook_of_papermill_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMIT", "7")
    notebook = write_notebook(
        tmp_path / "a {b}.ipynb",
        "print([limit, pause, url, sizes, since, many, ratio, store])",
        parameters="%matplotlib inline\nimport os\nfrom datetime import date, timedelta\n"
        "from pathlib import Path\nfrom typing import List, Optional\n"
        "limit = int(os.environ['LIMIT'])\npause = 10 * 60\nurl = os.environ.get('URL')\n"
        "sizes: List[int] = [1]\nsince: Optional[date] = None\nmany = (1, 2)\n"
        "ratio = 1 / 3\nstore: Path = Path('.')",
    )
    given = {"url": "x", "sizes": "2, 3", "since": "2026-11-28", "many": "3, 4", "store": "s"}
    (made,) = report(str(notebook), given, out=tmp_path / "out {x}")
    text = html.unescape(made.html.read_text())
    shown = "[7, 600, 'x', [2, 3], datetime.date(2026, 11, 28), (3, 4), 0.3333333333333333, "
    assert f"{shown}PosixPath('{Path.cwd()}/s')]" in text


def test_a_notebook_without_a_parameters_cell_takes_what_its_code_mentions(
    tmp_path: Path,
) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "print(num * 2)")
    (made,) = report(notebook, {"num": 21}, out=tmp_path / "out")
    assert "42" in made.html.read_text()
    with pytest.raises(UsageError, match='unknown parameter "nim"'):
        report(notebook, {"nim": 21}, out=tmp_path / "out")


def test_a_notebook_of_another_language_needs_its_kernel(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "a.ipynb", "cat(1)")
    notebook = json.loads(path.read_text())
    notebook["metadata"]["kernelspec"] = {"name": "ir", "language": "R", "display_name": "R"}
    path.write_text(json.dumps(notebook))
    with pytest.raises(UsageError, match=r'a\.ipynb needs the kernel "ir", installed are: python3'):
        report(path, {"any": 1}, out=tmp_path / "out")


def test_a_notebook_of_another_language_runs_in_its_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The language is the kernel's where the notebook does not say it."""
    kernel = tmp_path / "kernels" / "kernels" / "shell"
    kernel.mkdir(parents=True)
    program = Path(__file__).with_name("shell_kernel.py")
    argv = [sys.executable, str(program), "-f", "{connection_file}"]
    about = {"argv": argv, "display_name": "Shell", "language": "bash"}
    (kernel / "kernel.json").write_text(json.dumps(about))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "kernels"))
    path = write_notebook(tmp_path / "a.ipynb", 'echo "$greeting in $((6 * 7))"')
    notebook = json.loads(path.read_text())
    notebook["metadata"] = {"kernelspec": {"name": "shell", "display_name": "Shell"}}
    path.write_text(json.dumps(notebook))
    (made,) = report(path, {"greeting": "say 'hi'"}, out=tmp_path / "out")
    assert "say &#x27;hi&#x27; in 42" in made.html.read_text()


def test_errors_that_are_meant_to_be_do_not_fail_a_notebook(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "print('before')", "raise ValueError('meant')")
    tag_last(notebook, "raises-exception")
    (made,) = report(notebook, out=tmp_path / "out", keep_notebooks=True)
    text = made.html.read_text()
    assert '<pre class="error">ValueError: meant</pre>' in text
    kept = json.loads((tmp_path / "out" / "a.ipynb").read_text())
    assert len(kept["cells"]) == 2  # without papermill's marks of a failure


def test_an_older_notebook_runs(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "input": "print(6 * 7)", "outputs": [], "language": "python",
            "collapsed": False, "prompt_number": 1, "metadata": {}}  # fmt: skip
    old = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0,
           "worksheets": [{"cells": [cell], "metadata": {}}]}  # fmt: skip
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(old))
    (made,) = report(path, out=tmp_path / "out")
    assert "42" in made.html.read_text()


def test_notebooks_of_one_name_get_a_report_each(tmp_path: Path) -> None:
    made = []
    for folder in "xy":
        (tmp_path / folder).mkdir()
        made.append(write_notebook(tmp_path / folder / "a.ipynb", f"print('from ' + {folder!r})"))
    reports = report(made, out=tmp_path / "out")
    assert [made.html.name for made in reports] == ["x-a.html", "y-a.html"]
    assert "from y" in reports[1].html.read_text()


def test_names_of_reports_differ_and_may_hold_dates_and_parameters(tmp_path: Path) -> None:
    one = write_notebook(tmp_path / "a.ipynb", parameters="sizes: list = [1]\nkind = 'x/y'")
    two = write_notebook(tmp_path / "index.ipynb")
    now = datetime(2026, 11, 28, 9, 5, 7)

    def names(pattern: str, *notebooks: Path) -> list[str]:
        jobs = plan(list(notebooks), {}, folder=tmp_path, name=pattern, now=now)
        return [job.name for job in jobs]

    assert names("{notebook}", one, one) == [f"{tmp_path.name}-a", f"{tmp_path.name}-a-2"]
    assert names("{notebook}", two) == ["index-2"]
    assert names("{notebook}-{date}", one) == ["a-2026-11-28"]
    assert names("{date:%Y%m}/{time} {kind} {notebook}", one) == ["202611-090507 x-y a"]
    assert names("../..", one) == ["-"]
    # A file's name has 255 bytes at most, of which others stand before and behind it.
    assert names("日" * 200, one) == ["日" * 50]
    assert names("x\udcff", one) == ["x-"]
    with pytest.raises(UsageError, match=r'--name {dat}: it has an unknown "dat"; did you mean'):
        names("{dat}", one)
    for bad in ("{", "{}", "{0}", "{notebook.__class__}", "{notebook!z}", "{notebook:%%%}"):
        with pytest.raises(UsageError, match="--name"):
            names(bad, one)


def test_two_runs_into_one_folder_do_not_trip_over_each_other(tmp_path: Path) -> None:
    wait = (
        "import pathlib, time, uuid\n"
        "pathlib.Path(f'{uuid.uuid4()}.here').touch()\n"
        "until = time.monotonic() + 60\n"
        "while len(list(pathlib.Path().glob('*.here'))) < 2 and time.monotonic() < until:\n"
        "    time.sleep(0.02)\n"
        "print('beside:', len(list(pathlib.Path().glob('*.here'))))"
    )
    notebook = write_notebook(tmp_path / "a.ipynb", wait)
    words = ("report", str(notebook), "--out", "out")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run_forked, words, environment({}), tmp_path, 120) for _ in range(2)]
    for ended in both:
        code, _, complaint = ended.result()
        assert code == 0, complaint
    assert "beside: 2" in (tmp_path / "out" / "a.html").read_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.html", "index.html"]


def test_an_error_after_the_run_never_loses_the_run(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "a.ipynb", "print('paid', 6 * 7)")
    out = tmp_path / "out"
    (out / "a.html").mkdir(parents=True)
    with pytest.raises(RunFailedError) as caught:
        report(notebook, out=out)
    message = str(caught.value)
    assert message.startswith("a.ipynb ran to its end, but its report could not be written: ")
    assert message.endswith(f"(the executed notebook: {out}/a.failed.ipynb)")
    assert "paid 42" in (out / "a.failed.ipynb").read_text()


def test_a_run_is_kept_elsewhere_when_its_folder_is_gone(tmp_path: Path) -> None:
    notebook = write_notebook(
        tmp_path / "a.ipynb", "import shutil\nshutil.rmtree('out')\nopen('out', 'w')", "print(42)"
    )
    with pytest.raises(RunFailedError, match="the executed notebook: ") as caught:
        report(notebook, out=tmp_path / "out")
    kept = Path(str(caught.value).rpartition("notebook: ")[2].rstrip(")"))
    assert "42" in kept.read_text()
    kept.unlink()


def test_a_stopped_run_keeps_what_it_reached(tmp_path: Path) -> None:
    notebook = write_notebook(
        tmp_path / "a.ipynb",
        "print('reached')",
        "import pathlib, time\npathlib.Path('here').touch()\ntime.sleep(60)",
    )
    code = f"{REPORT}report({str(notebook)!r}, out='out')"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE)
    until((tmp_path / "here").exists, "the second cell")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert "reached" in (tmp_path / "out" / "a.failed.ipynb").read_text()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.failed.ipynb"]


def test_pictures_and_links_between_notebooks_reach_the_reports(tmp_path: Path) -> None:
    (tmp_path / "p.gif").write_bytes(b"GIF89a..")
    one = write_notebook(tmp_path / "a.ipynb", "# A\n\n![p](p.gif) [next](b.ipynb)")
    two = write_notebook(tmp_path / "b.ipynb", "# B\n\n[back](./a.ipynb)")
    made = report([one, two], out=tmp_path / "out", name="{notebook} x")
    assert 'src="data:image/gif;base64,' in made[0].html.read_text()
    assert '<a href="b%20x.html">next</a>' in made[0].html.read_text()
    assert '<a href="a%20x.html">back</a>' in made[1].html.read_text()
    report(two, out=tmp_path / "out")
    assert "<a>back</a>" in (tmp_path / "out" / "b.html").read_text()
    report(one, out=tmp_path / "out")
    assert '<a href="b.html">next</a>' in (tmp_path / "out" / "a.html").read_text()


def test_names_are_checked_before_anything_runs(tmp_path: Path) -> None:
    bad = write_notebook(tmp_path / "a.ipynb", "open('ran', 'w')", parameters="num: int = 3  # n")
    with pytest.raises(
        UsageError, match=r'unknown parameter "nun" of a\.ipynb; did you mean "num"'
    ):
        report([bad], {"nun": "1"}, out=tmp_path / "out")
    with pytest.raises(UsageError, match="parameter num must be int, such as 3; not 'x'"):
        report([bad], {"num": "x"}, out=tmp_path / "out")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out").exists()


def test_a_parameter_goes_to_the_notebooks_that_have_it(tmp_path: Path) -> None:
    one = write_notebook(tmp_path / "a.ipynb", parameters="num: int = 3  # n")
    two = write_notebook(tmp_path / "b.ipynb", parameters="seed: int = 3  # n")
    jobs = plan([one, two], {"num": "1", "seed": 2}, folder=tmp_path)
    assert [dict(job.values) for job in jobs] == [{"num": 1}, {"seed": 2}]
    with pytest.raises(UsageError, match='"x" of these notebooks'):
        plan([one, two], {"x": "1"}, folder=tmp_path)


def test_a_folder_stands_for_its_notebooks(tmp_path: Path) -> None:
    for name in "ba":
        write_notebook(tmp_path / f"{name}.ipynb")
    assert [job.name for job in plan(tmp_path, {}, folder=tmp_path)] == ["a", "b"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=f"there is no notebook in {tmp_path}/empty"):
        plan([str(tmp_path / "empty")], {}, folder=tmp_path)


def test_a_missing_notebook_names_the_closest(tmp_path: Path) -> None:
    write_notebook(tmp_path / "01_benchmark.ipynb")
    with pytest.raises(UsageError, match=rf'in {tmp_path}; did you mean "01_benchmark\.ipynb"'):
        plan([tmp_path / "01_benchmarks.ipynb"], {}, folder=tmp_path)
    with pytest.raises(UsageError, match="there is no notebook in that folder"):
        plan([tmp_path / "none" / "x.ipynb"], {}, folder=tmp_path)
    (tmp_path / "project" / "notebooks").mkdir(parents=True)
    write_notebook(tmp_path / "project" / "notebooks" / "01_benchmark.ipynb")
    with pytest.raises(UsageError, match=r'did you mean "notebooks/01_benchmark\.ipynb"'):
        plan([tmp_path / "project" / "benchmark.ipynb"], {}, folder=tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"cells": 3, "nbformat": 4}'])
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    with pytest.raises(UsageError, match="is not a notebook"):
        plan([path], {}, folder=tmp_path)
