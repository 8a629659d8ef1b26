import re

import numpy as np
import pandas as pd
import pytest

from lambdatuning.analysis.questions.checks import modes
from lambdatuning.analysis.questions.curves import source_line
from lambdatuning.analysis.run import Run, merge
from lambdatuning.core.finding import Finding
from lambdatuning.study import Study

from .studies import checks
from .synthetic import Kind, synthetic_run
from .synthetic import changed as about

EDGE = "cheapest size at the edge of the sizes measured"
QUIET = (Kind("a", 5, 5), Kind("b", 6, 6))


def names(run: Run) -> list[str]:
    return [check.name for check in checks(run)]


def one(run: Run, name: str) -> Finding:
    (finding,) = [check for check in checks(run) if check.name == name]
    return finding


def changed(run: Run, **columns: object) -> Run:
    return Run(run.manifest, run.samples.assign(**columns))  # type: ignore[arg-type]


def test_a_good_run_has_no_finding() -> None:
    assert checks(synthetic_run(QUIET)) == []


def test_failures_are_reported_with_error_and_place() -> None:
    finding = one(synthetic_run(), "failed invocations")
    assert "Runtime.OutOfMemory (list-1mb at 128 MB)" in finding.cause


def test_no_success_is_an_error_and_comes_first() -> None:
    run = synthetic_run((Kind("a", 1, 1, needs_mb=9999),))
    assert checks(run)[0].severity == "error"
    assert names(run)[0] == "no successful invocation"


def test_too_few_samples_and_environments() -> None:
    run = synthetic_run(QUIET, environments=2, per_environment=2)
    assert "12 of 12" in one(run, "too few samples").cause
    assert "128, 256, 512" in one(run, "too few execution environments").cause


def test_environments_that_are_not_known_are_not_called_few() -> None:
    run = changed(synthetic_run(QUIET), environment="")
    assert "too few execution environments" not in names(run)
    warm = int((~run.samples["cold"]).sum())
    finding = one(run, "execution environments not known")
    assert finding.cause.startswith(f"of {warm} of {warm} warm invocations it is not known")


def test_cold_starts_mixed_in() -> None:
    run = synthetic_run(QUIET)
    assert one(changed(run, cold=False), "cold starts among warm samples").severity == "error"
    many = changed(run, cold=np.arange(len(run.samples)) % 3 == 0)
    assert "cold starts" in one(many, "many cold starts").cause


def test_memory_nearly_exhausted() -> None:
    run = synthetic_run((Kind("a", 5, 5, used_mb=120), QUIET[1]))
    assert "a at 128 MB" in one(run, "memory nearly exhausted").cause


def test_stolen_cpu() -> None:
    assert "10 %" in one(synthetic_run(QUIET, stolen=0.1), "stolen CPU").cause


def test_sizes_beyond_the_cores_matter_on_the_embedded_aws_only() -> None:
    run = synthetic_run(QUIET, (128, 1024, 4096))
    assert "4,096 MB" in one(run, "sizes beyond this machine's cores").cause
    real = synthetic_run(QUIET, (128, 1024, 4096), endpoint="aws")
    assert "sizes beyond this machine's cores" not in names(real)


@pytest.mark.parametrize(("sizes", "edge"), [((512, 1024), "smallest"), ((128, 256), "largest")])
def test_a_winner_at_the_edge_of_the_grid(sizes: tuple[int, ...], edge: str) -> None:
    kind = Kind("a", 50, 1) if edge == "smallest" else Kind("a", 0.2, 2000)
    run = synthetic_run((kind,), sizes, noise=0.0001, host_spread=0.0001)
    if edge == "largest":
        run = changed(run, cost_usd=run.samples["cost_usd"] / run.samples["memory_mb"])
    assert edge in one(run, EDGE).cause


def test_128_mb_is_no_edge() -> None:
    assert EDGE not in names(synthetic_run(QUIET, (128, 256)))


def test_payload_types_that_disagree() -> None:
    assert one(synthetic_run(), "payload types disagree").severity == "note"


def test_throttling_and_recorded_warnings() -> None:
    run = changed(synthetic_run(QUIET), retries=1)
    assert "repeated after throttling" in one(run, "throttled invocations").cause
    warned = Run(about(run.manifest, {"warnings": ["runtime differs"]}), run.samples)
    assert one(warned, "recorded by the run").cause == "runtime differs"


def test_drift_is_found_and_noise_is_not() -> None:
    run = synthetic_run(QUIET, per_environment=10)
    steps = pd.Series(np.arange(len(run.samples)), index=run.samples.index)
    times = pd.Timestamp("2026-11-23T09:00:00Z") + pd.to_timedelta(steps, unit="s")
    still = changed(run, started_at=times)
    assert "drift" not in names(still)
    slower = run.samples["duration_ms"] * (1 + steps / len(steps))
    assert "durations rose" in one(changed(still, duration_ms=slower), "drift").cause
    faster = run.samples["duration_ms"] / (1 + steps / len(steps)) ** 3
    settling = changed(still, duration_ms=faster)
    assert one(settling, "environments settling").severity == "note"
    assert "drift" not in names(settling)


def test_every_check_says_what_to_do() -> None:
    for check in checks(synthetic_run(environments=2, per_environment=2, stolen=0.2)):
        assert check.cause
        assert check.next_step
        assert "\n" not in check.cause + check.next_step


def test_two_kinds_of_invocations_are_found() -> None:
    """Every third invocation misses a cache and takes four times as long."""
    run = synthetic_run(QUIET, (128, 512), per_environment=12)
    often = np.arange(len(run.samples)) % 3 == 0
    slow = run.samples["duration_ms"] * np.where(often & (run.samples["payload"] == "a"), 4, 1)
    finding = one(changed(run, duration_ms=slow), "two kinds of invocations")
    assert "2 of 4 combinations" in finding.cause
    assert re.search(r"[34]\d % take [34]\.\d+ × as long", finding.cause)


def test_hosts_that_differ_are_not_two_kinds_of_invocations() -> None:
    run = synthetic_run(QUIET, (128, 512), per_environment=12, host_spread=0.3)
    assert "two kinds of invocations" not in names(run)


@pytest.mark.parametrize("kind", ["normal", "uniform", "exponential", "standard_t"])
@pytest.mark.parametrize("n", [30, 100])
def test_one_mode_is_hardly_ever_taken_for_two(kind: str, n: int) -> None:
    """One in a thousand samples: of 2,000, more than 8 are found once in a hundred times."""
    rng = np.random.default_rng(n)
    options = {"df": 3} if kind == "standard_t" else {}
    draws = getattr(rng, kind)(size=(2000, n), **options)
    assert sum(modes(values) is not None for values in draws) <= 8


def test_two_modes_are_found_when_they_are_far_apart() -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(200, 60)) + 7 * (rng.random((200, 60)) < 0.3)
    assert sum(modes(values) is not None for values in draws) > 180


def test_pooled_runs_of_other_code_are_named() -> None:
    first = synthetic_run(QUIET)
    second = Run(about(first.manifest, {"code_sha256": "other", "run_id": "2"}), first.samples)
    finding = one(merge([first, second]), "different code in one summary")
    assert "other" in finding.cause
    assert names(merge([first, Run(about(first.manifest, {"run_id": "2"}), first.samples)])) == []
    prices = about(first.manifest, {"price_book": {"version": "2027-01"}, "run_id": "2"})
    assert one(merge([first, Run(prices, first.samples)]), "different price books in one summary")


def test_logs_that_do_not_tell_of_failures_or_lost_reports_say_so() -> None:
    run = synthetic_run(QUIET)
    lost = {"unread": 3, "example": "REPORT RequestId: 1\tDura", "untold": 40}
    of_logs = Run(about(run.manifest, {"logs": lost}), run.samples)
    assert names(of_logs) == ["reports that could not be read", "failures cannot be known"]
    assert "3 lines hold a report" in one(of_logs, "reports that could not be read").cause
    assert "of 40 of " in one(of_logs, "failures cannot be known").cause
    bare = run.samples.copy()
    bare.attrs["logs"] = lost
    assert {"reports that could not be read", "failures cannot be known"} <= {
        check.name for check in checks(bare)
    }


def test_a_mean_that_hangs_on_few_slow_invocations_is_named_with_what_is_known() -> None:
    run = synthetic_run((Kind("a", 0.5, 150),), (128, 512, 1769), per_environment=6)
    samples = run.samples.copy()
    rows = np.flatnonzero(~samples["cold"].to_numpy(bool) & (samples["memory_mb"] == 512))[:1]
    slow = samples["duration_ms"].to_numpy(float).copy()
    slow[rows] *= 30
    billed = np.maximum(samples["billed_ms"].to_numpy(float), np.ceil(slow))
    finding = one(
        Run(run.manifest, samples.assign(duration_ms=slow, billed_ms=billed)),
        "rare slow invocations",
    )
    assert "Known is the typical duration (median " in finding.cause
    assert "invocations a size would tell the mean within 10 %" in finding.next_step


def test_no_interval_is_mentioned_where_none_is_drawn() -> None:
    run = synthetic_run(QUIET)
    assert source_line(Study(run)).endswith("; bands: 95 % interval of the mean")
    assert source_line(Study(changed(run, environment=""))).endswith(" warm samples")
