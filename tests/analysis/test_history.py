"""Histories of runs: what changed is found once, in its place, with its size and its cause."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lambdatuning.analysis.history.detector import (
    ALL,
    CONFIRMED,
    DEFAULT,
    LEARNING,
    SHARED_HOST,
    SIZE,
    STEADY,
    SUSPECT,
    TYPE,
    Panel,
    judge,
    smallest_step,
    watch,
)
from lambdatuning.analysis.history.history import LIMITS, history
from lambdatuning.analysis.history.segments import learnt
from lambdatuning.analysis.history.summary import CellSummary, RunSummary, summarise
from lambdatuning.core.errors import NotFoundError
from lambdatuning.core.tuning.endpoint import Endpoint
from lambdatuning.core.tuning.manifest import Code

from .synthetic import KINDS, synthetic_run

TYPES, SIZES = ("a", "b", "c", "d"), (128, 512, 1024)


def panel(runs: int, seed: int = 1, types: int = 4, run_sd: float = 0.01) -> Panel:
    """Runs of the same code, one a night."""
    rng = np.random.default_rng(seed)
    shape = (runs, types, len(SIZES))
    values = rng.normal(3, 1, shape[1:]) + rng.normal(0, 0.02, shape)
    values += rng.normal(0, run_sd, (runs, 1, 1))
    return Panel(values, np.full(shape, 0.02), np.arange(runs))


def stepped(runs: int, first: int, step: float, where: object = ..., **options: float) -> Panel:
    made = panel(runs, **options)  # type: ignore[arg-type]
    values = made.values.copy()
    new = values[first:]
    new[(slice(None), *where) if isinstance(where, tuple) else ...] += step
    return Panel(values, made.errors, made.nights)


class TestDetector:
    def test_learns_for_four_runs(self) -> None:
        kinds = [judgement.kind for judgement in watch(panel(6))]
        assert kinds[:4] == [LEARNING] * 4
        assert kinds[4:] == [STEADY] * 2

    def test_is_quiet_where_nothing_changes(self) -> None:
        alarms = [judgement.kind for seed in range(8) for judgement in watch(panel(40, seed))]
        assert CONFIRMED not in alarms
        assert alarms.count(SUSPECT) < 0.2 * len(alarms)

    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_change_of_everything_takes_two_nights_and_is_reported_once(self, sign: int) -> None:
        judged = watch(stepped(34, 30, sign * math.log(1.1)))
        assert judged[30].kind == SUSPECT
        (confirmed,) = [judgement for judgement in judged if judgement.kind == CONFIRMED]
        assert confirmed is judged[31]
        assert (confirmed.series, confirmed.since) == ((ALL, 0), 30)
        assert confirmed.step == pytest.approx(sign * math.log(1.1), abs=0.03)
        assert confirmed.earliest <= 30 <= confirmed.latest

    @pytest.mark.parametrize(
        ("where", "series"), [((1, slice(None)), (TYPE, 1)), ((slice(None), 2), (SIZE, 2))]
    )
    def test_a_part_has_a_series_of_its_own_and_needs_two_runs(
        self, where: object, series: tuple[str, int]
    ) -> None:
        made = stepped(22, 20, math.log(1.1), where)
        same_night = Panel(made.values, made.errors, np.minimum(made.nights, 20))
        judgement = judge(same_night)
        assert (judgement.kind, judgement.series, judgement.since) == (CONFIRMED, series, 20)
        assert judgement.step == pytest.approx(math.log(1.1), abs=0.02)

    def test_two_runs_of_one_bad_night_are_no_change_of_everything(self) -> None:
        made = stepped(22, 20, math.log(1.1))
        same_night = Panel(made.values, made.errors, np.minimum(made.nights, 20))
        assert judge(same_night).kind == SUSPECT

    def test_one_bad_night_is_forgotten(self) -> None:
        made = panel(30)
        made.values[20] += 0.1
        assert CONFIRMED not in [judgement.kind for judgement in watch(made)]

    def test_an_accepted_level_is_the_baseline(self) -> None:
        made = stepped(30, 20, math.log(1.2))
        judged = watch(made, accepted=[20])
        assert CONFIRMED not in [judgement.kind for judgement in judged]
        assert [judgement.kind for judgement in judged[20:24]] == [LEARNING] * 4

    def test_a_host_that_others_use_is_no_change(self) -> None:
        """A quarter of all runs are slower by some 12 %, and parts have heavy tails."""
        for seed in range(6):
            rng = np.random.default_rng(seed)
            made = panel(30, seed, run_sd=0.03)
            made.values[...] += (rng.random(30) < 0.25)[:, None, None] * rng.exponential(
                0.12, (30, 1, 1)
            )
            made.values[...] += 0.03 * rng.standard_t(4, (30, 4, 1))
            assert CONFIRMED not in [
                judgement.kind for judgement in watch(made, thresholds=SHARED_HOST)
            ]

    def test_missing_cells_are_no_change(self) -> None:
        made = panel(20)
        made.values[19, 1:, :] = np.nan
        made.values[5, 0, 0] = np.nan
        made.values[:, 3, 2] = np.nan
        assert judge(made).kind != CONFIRMED

    def test_a_size_that_was_not_measured_before_hides_no_change(self) -> None:
        made = stepped(22, 20, math.log(1.1), (1, slice(None)))
        made.values[:20, :, 2] = np.nan
        judgement = judge(Panel(made.values, made.errors, np.minimum(made.nights, 20)))
        assert (judgement.kind, judgement.series) == (CONFIRMED, (TYPE, 1))
        assert judgement.step == pytest.approx(math.log(1.1), abs=0.03)

    def test_one_payload_type_is_everything(self) -> None:
        judged = watch(stepped(34, 30, math.log(1.2), types=1))
        (confirmed,) = [judgement for judgement in judged if judgement.kind == CONFIRMED]
        assert confirmed.series == (ALL, 0)

    def test_the_smallest_step_grows_with_the_noise_and_short_histories(self) -> None:
        small = smallest_step(0.01, 28)
        assert 0.03 <= small <= 0.06
        assert smallest_step(0.03, 28) > smallest_step(0.02, 28) > small
        assert smallest_step(0.01, 5) > small

    def test_quiet_neighbours_teach_and_restless_ones_do_not(self) -> None:
        quiet = [panel(20, seed) for seed in range(3)]
        options = learnt(quiet)
        assert 0.01 <= options.overall.prior_sd < 0.02
        assert options.overall.prior_runs == 10
        assert smallest_step(0.012, 8, options) < smallest_step(0.012, 8)
        assert learnt([panel(20, seed, run_sd=0.06) for seed in range(3)]) is DEFAULT
        assert learnt(quiet[:1]) is DEFAULT
        assert learnt([panel(9, seed) for seed in range(3)]) is DEFAULT


def summaries(
    runs: int, change: int = 10**9, factor: float = 1.1, seed: int = 1, **about: object
) -> list[RunSummary]:
    """Runs whose payload type "a" changes from the run `change` on, with the code."""
    logs = panel(runs, seed).values
    first = datetime(2026, 1, 1, 3, tzinfo=UTC)
    made = []
    for n in range(runs):
        day = first + timedelta(days=n)
        new = n >= change
        ms = np.exp(logs[n])
        ms[0] *= factor if new else 1
        cells = [
            CellSummary(name, size, 15, 0, ms[p, s], 0.02, 0.1, ms[p, s] * 1e-8, 70.0)
            for p, name in enumerate(TYPES)
            for s, size in enumerate(SIZES)
        ]
        run = RunSummary(
            run_id=f"{day:%Y%m%dT%H%M%S}-{n:06x}",
            function="orders",
            started_at=day.isoformat(),
            architecture="x86_64",
            region="eu-west-1",
            endpoint=Endpoint("aws"),
            code_sha256="new" if new else "old",
            code=Code("b" * 40 if new else "a" * 40),
            best_mb=512,
            cells=tuple(cells),
            init_ms=dict.fromkeys(SIZES, (200.0 + n % 3, 0.02)),
        )
        made.append(replace(run, **about))  # type: ignore[arg-type]
    return made


def exit_codes(runs: Sequence[RunSummary], first: int = 0) -> list[int]:
    """The exit code of each night, from a first one on."""
    return [history(runs[: n + 1]).verdict.exit_code for n in range(first, len(runs))]


def test_a_regression_is_reported_once_and_is_then_the_level() -> None:
    assert exit_codes(summaries(17, 10)) == [5] * 4 + [0] * 6 + [5, 3, 5, 5, 0, 0, 0]


def test_the_verdict_says_what_since_when_by_how_much_and_why() -> None:
    runs = summaries(12, 10)
    past = history(runs)
    verdict = past.verdict
    assert (verdict.kind, verdict.exit_code, verdict.source) == ("worse", 3, "history")
    assert verdict.baseline == tuple(run.run_id for run in runs[:10])
    (change,) = verdict.worse
    assert (change.measure, change.payload, change.memory_mb) == ("duration", "a", None)
    assert change.since == change.earliest == change.latest == runs[10].run_id
    assert change.low is not None
    assert change.high is not None
    assert change.low < 0.1 < change.high
    assert change.cause == "the code changed (commits aaaaaaaaaaaa..bbbbbbbbbbbb)"
    assert verdict.reason.startswith("regression of orders: a is slower than the rest by ")
    assert past.changes == (replace(change, text=change.text.partition("; cost ")[0]),)
    assert "; cost +" in change.text
    assert verdict.to_json()["schema"] == 1


def test_without_new_code_it_was_the_platform() -> None:
    runs = [replace(run, code_sha256="old") for run in summaries(12, 10)]
    (change,) = history(runs).verdict.worse
    assert change.cause == "the code did not change, the platform did"


def test_on_a_machine_that_others_use_a_change_of_half_takes_two_runs() -> None:
    embedded: dict[str, Any] = {"endpoint": Endpoint("embedded", cores=2)}
    assert exit_codes(summaries(12, 10, 1.5, **embedded), 10) == [5, 3]
    assert exit_codes(summaries(12, 10, 1.04, **embedded), 10) == [0, 0]
    past = history(summaries(12, 10, 1.5, **embedded))
    assert "a change needs more evidence than on AWS" in str(past)
    assert "more evidence" not in str(history(summaries(12, 10, 1.5)))


def test_an_improvement_is_no_alarm() -> None:
    past = history(summaries(12, 10, 0.8))
    assert (past.verdict.kind, past.verdict.exit_code) == ("better", 0)
    assert past.verdict.reason.startswith("better: orders, a is faster than the rest by ")


def test_a_suspect_is_not_fine() -> None:
    past = history(summaries(11, 10))
    assert past.suspect
    assert (past.verdict.kind, past.verdict.exit_code) == ("unknown", 5)
    assert "one run is not enough (--confirm measures again at once)" in past.verdict.reason
    assert past.verdict.findings[0].kind == "suspect"
    better = history(summaries(11, 10, 0.8))
    assert (better.suspect, better.verdict.exit_code) == (True, 0)


def test_one_run_is_one_run() -> None:
    past = history(summaries(1))
    assert "1 run that can be compared" in str(past)
    assert "1 runs" not in past._repr_html_()


def test_before_five_runs_it_says_what_is_missing() -> None:
    past = history(summaries(3))
    assert past.verdict.reason == (
        "cannot tell: 3 of the 5 runs that a level needs are there, 2 more are needed"
    )


@pytest.mark.parametrize(
    ("count", "lacking"),
    [
        (1, "1 of the 5 runs that a level needs is there, 4 more are needed"),
        (4, "4 of the 5 runs that a level needs are there, 1 more is needed"),
    ],
)
def test_one_run_that_is_there_or_lacks_is_one(count: int, lacking: str) -> None:
    assert lacking in history(summaries(count)).verdict.reason


def test_an_accepted_level_starts_a_new_baseline() -> None:
    runs = summaries(16, 10)
    past = history(runs, accepted={runs[10].run_id: "a larger model, on purpose"})
    assert past.changes == ()
    assert past.verdict.exit_code == 0
    assert f"Accepted from {runs[10].run_id}: a larger model, on purpose." in str(past)


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"price_book": "2026-06"}, "price book: -, then 2026-06"),
        ({"runtime": "python3.14"}, "runtime: -, then python3.14"),
        ({"endpoint": Endpoint("aws", limiter="cgroup v2")}, "limiter: -, then cgroup v2"),
        ({"endpoint": Endpoint("aws", cores=4)}, "host: -, then 4 cores"),
    ],
)
def test_what_cannot_be_compared_cuts(about: dict[str, object], reason: str) -> None:
    runs = summaries(20)
    past = history([*runs[:14], *(replace(run, **about) for run in runs[14:])])  # type: ignore[arg-type]
    assert past.lane.cuts == ((runs[14].run_id, reason),)
    assert f"Cut at {runs[14].run_id}: {reason}." in str(past)
    assert past.verdict.exit_code == 0
    assert len(past.frame) == 20


def test_other_functions_architectures_and_regions_stand_apart() -> None:
    runs = summaries(12)
    others = [
        replace(run, run_id=f"{run.run_id}-arm", architecture="arm64") for run in summaries(9)
    ]
    other = [replace(run, function="other") for run in summaries(12, seed=5)]
    past = history([*runs, *others, *other], "orders")
    assert (len(past.runs), past.function) == (12, "orders")
    assert "9 runs on arm64 eu-west-1 aws stand apart." in str(past)
    with pytest.raises(NotFoundError, match='did you mean "orders"'):
        history(runs, "order")
    with pytest.raises(NotFoundError, match="no run yet"):
        history([])


def test_a_run_without_a_success_or_a_common_cell_is_not_fine() -> None:
    runs = summaries(12)
    dead = [CellSummary("a", 128, 15, 15)]
    past = history([*runs[:-1], replace(runs[-1], cells=tuple(dead))])
    assert past.verdict.exit_code == 5
    assert "was warm and succeeded; look at its errors" in past.verdict.reason
    elsewhere = tuple(cell._replace(memory_mb=3008) for cell in runs[-1].cells)
    past = history([*runs[:-1], replace(runs[-1], cells=elsewhere)])
    assert past.verdict.exit_code == 5
    assert "measure the same ones each night" in past.verdict.reason


def test_failures_cold_starts_and_memory_are_followed() -> None:
    runs = summaries(14)

    def from_12(**cell: float) -> list[RunSummary]:
        new = [
            replace(run, cells=tuple(c._replace(**cell) for c in run.cells))  # type: ignore[arg-type]
            for run in runs[12:]
        ]
        return [*runs[:12], *new]

    failing = history(from_12(failures=3)).verdict
    assert (failing.exit_code, failing.worse[0].measure) == (3, "failures")
    assert failing.worse[0].change == pytest.approx(0.2)
    assert "the function is failing more by 20 %" in failing.reason
    memory = history(from_12(max_memory_mb=110.0)).verdict
    assert (memory.exit_code, memory.worse[0].measure) == (3, "memory used")
    tails = history(from_12(tail=0.9)).verdict
    assert (tails.exit_code, tails.worse[0].measure) == (3, "p95")
    slow = [replace(run, init_ms={128: (300.0, 0.02), 512: (300.0, 0.02)}) for run in runs[12:]]
    starts = history([*runs[:12], *slow]).verdict
    assert (starts.exit_code, starts.worse[0].measure) == (3, "cold start")
    assert starts.worse[0].change == pytest.approx(0.49, abs=0.02)


def slowed(cell: CellSummary, factor: float) -> CellSummary:
    assert cell.duration_ms is not None
    return cell._replace(duration_ms=cell.duration_ms * factor)


def test_slow_drift_is_compared_with_a_fixed_baseline_every_ten_runs() -> None:
    runs = [
        replace(
            run,
            cells=tuple(
                c._replace(duration_ms=(c.duration_ms or 0) * 1.0005**n) for c in run.cells
            ),
        )
        for n, run in enumerate(summaries(150))
    ]
    past = history(runs)
    assert past.changes == ()
    assert past.verdict.exit_code == 3
    assert past.verdict.worse[0].cause == "drift"


def test_a_history_shows_itself_in_a_notebook() -> None:
    past = history(summaries(14, 10))
    html = past._repr_html_()
    assert "<strong>Cannot tell: 4 of the 5 runs" in html
    assert "Changed before: a is slower than the rest by" in html
    assert list(past.frame["change"]) == ["", *[""] * 10, "changed", "", ""]
    chart, few = past.plot.series(), past.plot.series("duration", "best size")
    assert chart is not None
    assert few is not None
    assert history(summaries(2)).plot.series() is None
    assert "14 runs of orders." in chart.alt
    assert "image/svg+xml" in chart._repr_mimebundle_()
    assert "slower" in few.alt
    assert "the code changed" in past.table("changes")._repr_html_()
    assert "20260114" in past.table("runs")._repr_html_()
    assert past.table("cuts").frame.empty
    data = past.to_json()
    assert (data["schema"], len(data["runs"]), len(data["changes"])) == (1, 14, 1)


def test_a_run_becomes_one_line_and_back() -> None:
    run = synthetic_run(KINDS[:3], SIZES, per_environment=4)
    line = summarise(run)
    assert RunSummary.from_json(line.to_json()) == line
    assert len(line.cells) == 9
    own = run.samples.query("payload == 'read' and memory_mb == 512 and not cold and error == ''")
    (cell,) = [c for c in line.cells if (c.payload, c.memory_mb) == ("read", 512)]
    assert cell.duration_ms == pytest.approx(own["duration_ms"].mean(), rel=1e-5)
    by_host = own.groupby("environment", observed=True)["duration_ms"].mean()
    assert cell.error == pytest.approx(by_host.std() / 5**0.5 / own["duration_ms"].mean(), rel=1e-4)
    assert math.exp(cell.tail or 0) == pytest.approx(
        own["duration_ms"].quantile(0.95) / own["duration_ms"].mean(), rel=1e-4
    )
    assert RunSummary.from_json({**line.to_json(), "schema": 0}) is None


def test_a_report_says_of_what_and_when_and_its_limits_stand_below_the_figure() -> None:
    notebook = (Path(__file__).parents[2] / "notebooks" / "06_history.ipynb").read_text("utf-8")
    past = history(summaries(6))
    assert str(past.about) == (
        "orders · eu-west-1 · 2026-01-01 to 2026-01-06 · 6 runs · newest 20260106T030000-000005"
    )
    assert past.sentences[-len(LIMITS) :] == list(LIMITS)
    for text in LIMITS:
        assert text not in past._repr_html_()
        assert text in notebook
