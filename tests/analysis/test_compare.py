"""Two runs compared: what is the same is said to be, what changed is found, with intervals."""

import math
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandas import Series

import lambdatuning as lt
from lambdatuning.analysis.compare.log_errors import LogError, Normal
from lambdatuning.analysis.compare.noise import (
    DEGREES,
    FLOOR,
    Difference,
    Noise,
    between_runs,
    change,
    learnt,
    noise,
    paule_mandel,
    same_code,
)
from lambdatuning.analysis.compare.pair import BY_SIZE, OVERALL, pair
from lambdatuning.analysis.compare.text import verdict
from lambdatuning.analysis.run import PUBLISHED, Run, means_run, merge
from lambdatuning.analysis.verdict import FINE, UNKNOWN, WORSE
from lambdatuning.api.runs import load_runs
from lambdatuning.core.errors import UsageError
from lambdatuning.core.statistics.means import Uncertainty
from lambdatuning.core.strategies import CurvePoint
from lambdatuning.core.tuning.manifest import Manifest

from .synthetic import KINDS, Kind, changed, synthetic_run

FEW = KINDS[:3]
SIZES = (128, 512, 2048)
FASTER = [replace(kind, cpu_ms=kind.cpu_ms * 0.8) for kind in KINDS]
FAR_FASTER = [replace(kind, cpu_ms=kind.cpu_ms * 0.6) for kind in KINDS]
RECORDED = Path(__file__).parents[2] / "data" / "recorded"


def named(run: Run, **about: object) -> Run:
    return Run(changed(run.manifest, about), run.samples)


def test_the_same_thing_twice_does_not_differ() -> None:
    wrong = 0
    for seed in range(0, 12, 2):
        runs = [synthetic_run(FEW[:2], SIZES, seed=seed + n, host_spread=0.08) for n in (0, 1)]
        overall = pair(*runs).overall
        bounds = overall.filter(regex="_low_change|_high_change").to_numpy()
        wrong += bool((bounds[:, 0::2] > 0).any() or (bounds[:, 1::2] < 0).any())
    assert wrong == 0


def shifted(run: Run, factor: float) -> Run:
    """All that a run measured, by hosts that were slower just then."""
    samples = run.samples
    return Run(run.manifest, samples.assign(duration_ms=samples["duration_ms"] * factor))


def test_what_shifts_a_whole_run_is_no_change_of_the_code() -> None:
    rng = random.Random(1)
    wrong = []
    for seed in range(0, 14, 2):
        runs = [
            shifted(synthetic_run(FEW[:2], SIZES, seed=seed + n), math.exp(rng.gauss(0, 0.025)))
            for n in (0, 1)
        ]
        alone, with_noise = (
            pair(*runs, noise=noise_of_runs) for noise_of_runs in (Noise(0.0), Noise())
        )
        wrong.append([any(c.real for c in p.changes.values()) for p in (alone, with_noise)])
    counts = [sum(column) for column in zip(*wrong, strict=True)]
    assert counts[0] >= 2  # intervals from inside the runs know nothing of it
    assert counts[1] <= 1


def coded(seed: int, code: str) -> Run:
    return named(synthetic_run(FEW[:2], SIZES, seed=seed), run_id=str(seed), code_sha256=code)


def test_ten_per_cent_slower_is_a_regression_once_runs_tell_how_much_they_differ() -> None:
    history = [coded(seed, "old") for seed in range(100, 110)]
    regressed = [
        lt.compare(
            [coded(n, "old"), shifted(coded(n + 1, "new"), 1.1)], history=history
        ).verdict.kind
        for n in range(0, 8, 2)
    ]
    assert regressed.count(WORSE) >= 3


def test_a_rise_that_runs_of_the_same_code_may_show_cannot_be_told_without_such_runs() -> None:
    before, after = coded(0, "old"), coded(1, "new")
    history = [coded(seed, "old") for seed in range(2, 12)]
    slower, far_slower = shifted(after, 1.12), shifted(after, 1.35)
    for runs, few_or_many, kind in (
        ([before, slower], [], UNKNOWN),
        ([before, slower], history, WORSE),
        ([before, far_slower], [], WORSE),
        ([before, after], [], FINE),
    ):
        assert lt.compare(runs, history=few_or_many).verdict.kind == kind
    reason = lt.compare([before, slower]).verdict.reason
    assert re.match(
        r"cannot tell: create-200b is slower by \d+ % \(\d+ to \d+ %\); [^:]*: less than runs of "
        r"the same code may differ; 5 runs of the code before would tell how much they do "
        r'\(--history "latest 10"\), without which only rises of \d+ % or more are found four '
        r"times in five$",
        reason,
    )
    unlike = [shifted(run, 1.12 ** (n % 2)) for n, run in enumerate(history)]
    assert lt.compare([before, slower], history=unlike).verdict.kind == FINE


def test_the_recorded_runs_of_the_same_code_show_no_regression() -> None:
    comparison = lt.compare(load_runs(RECORDED, "latest 2"))
    text = str(comparison)
    assert text.startswith("No significant difference between before and after: duration -")
    assert "None of the 10 payload types differs significantly." in text
    assert comparison.regressions == []
    assert text.endswith(f"\n{comparison.gate}")
    assert comparison.gate == (
        "No regression: nothing got significantly slower or more expensive by more than 5 %."
    )


def test_runs_of_the_same_code_teach_how_much_they_differ() -> None:
    assert noise([]) == Noise()
    runs = [named(synthetic_run(FEW, SIZES, seed=seed), run_id=f"run {seed}") for seed in range(12)]
    other = named(synthetic_run(FEW, SIZES, seed=20), run_id="run 20", code_sha256="other")
    assert [len(same) for same in same_code([*runs, runs[0], other])] == [12]
    variance = between_runs(runs)
    assert variance is not None
    assert variance < 0.01**2  # nothing shifts them as a whole
    calm = noise(same_code([*runs, other]))
    assert calm.degrees == DEGREES + 11
    assert FLOOR <= calm.sd < Noise().sd
    wild = noise([[shifted(run, 1.3 ** (n % 2)) for n, run in enumerate(runs)]])
    assert wild.sd == pytest.approx(math.log(1.3) / 2, rel=0.3)
    slower = [runs[0], shifted(other, 1.3)]
    assert lt.compare(slower).regressions
    history = [shifted(run, 1.3 ** (n % 2)) for n, run in enumerate(runs)]
    assert not lt.compare(slower, history=history).regressions


def test_what_is_assumed_counts_as_much_as_it_has_degrees_of_freedom() -> None:
    assert learnt([]) == Noise() == Noise(0.025, 3.0)
    unlike = learnt([(6, 0.05**2), (4, 0.05**2)])
    assert unlike.sd == pytest.approx(math.sqrt((3 * 0.025**2 + 10 * 0.05**2) / 13))
    assert unlike.degrees == DEGREES + 10
    assert learnt([(10, 0.0)]).sd == pytest.approx(0.025 * math.sqrt(3 / 13))
    assert learnt([(1000, 0.0)]).sd == FLOOR


def test_the_spread_between_runs_widens_intervals_once_for_all_payload_types() -> None:
    """Student's t for one type (both measures); further ones by the normal quantiles."""
    noise = Noise(0.03, 3.0)
    one, ten = (noise.log_errors(1 - 0.05 / (2 * types)) for types in (1, 10))
    assert one[0] == one[1] == pytest.approx(0.03 * 4.1765, rel=1e-4)  # t, 3 degrees, 0.9875
    assert ten[0] == pytest.approx(one[0] * 3.0233 / 2.2414, rel=1e-4)  # normal, 0.99875 and 0.9875
    assert noise.log_errors(0.95)[0] == pytest.approx(0.03 * 3.1824, rel=1e-4)  # 0.975


def test_runs_of_the_same_code_seldom_seem_worse_however_few_runs_teach() -> None:
    """Simulated by normal values alone, of runs that differ by 5 %, as much as is promised: no rule
    makes an alarm in more than 2 % of them."""
    rng = np.random.default_rng(7)
    trials = 2_000
    for teachers in (0, 1, 3, 10):
        alarms = 0
        values = 0.05 * rng.standard_normal((trials, teachers + 2))
        own = LogError(((1.0, Normal(Uncertainty(0.015, 48.0))),))
        off = 0.015 * rng.standard_normal(trials)
        for row, error in zip(values, off, strict=True):
            taught = [(teachers, float(np.var(row[1:], ddof=1)))] if teachers else []
            judged = change(row[0] - row[1] + error, own, learnt(taught), 0.975)
            alarms += judged.worse(0.05)
        assert alarms / trials <= 0.026  # 2 % and two standard errors


def test_the_variance_between_runs_is_what_their_own_errors_do_not_explain() -> None:
    assert paule_mandel([0.0, 0.1, -0.1, 0.05], [1.0] * 4) == 0.0
    values = [0.3, -0.3, 0.1, -0.1]
    assert paule_mandel(values, [1e-9] * 4) == pytest.approx(0.2 / 3, rel=1e-3)
    assert paule_mandel(values, [0.02] * 4) == pytest.approx(0.2 / 3 - 0.02, rel=1e-3)


def test_a_change_says_what_it_could_have_found() -> None:
    """Four times in five a change of `least` is more than the interval reaches."""
    few, many = (
        pair(*(synthetic_run(FEW[:1], SIZES, seed=n, per_environment=environments) for n in (1, 2)))
        for environments in (2, 20)
    )
    least = [compared.change("create-200b", "duration").least for compared in (few, many)]
    assert least[0] > least[1] > 0.05
    large = many.change("create-200b", "duration")
    assert large.least > large.high - large.value


def test_two_runs_do_not_teach_that_their_own_difference_is_nothing() -> None:
    before, after = (synthetic_run(FEW, SIZES, seed=seed) for seed in (1, 2))
    same = lt.compare([before, named(shifted(after, 1.5), run_id="later")])
    assert same.noise == Noise()
    assert same.regressions


def test_a_known_change_lies_in_its_interval() -> None:
    covered = 0
    for seed in range(0, 20, 2):
        kinds = (KINDS[-1:], FASTER[-1:])
        runs = [synthetic_run(kind, SIZES, seed=seed + n) for n, kind in enumerate(kinds)]
        hash_change = pair(*runs).change("hash", "duration")
        assert hash_change.value == pytest.approx(-0.2, abs=0.05)
        assert hash_change.high < 0
        # 0.5 of 150.5 ms is waiting, the rest 20 % less: a little more with more CPU.
        covered += hash_change.own_low <= -0.198 <= hash_change.own_high
        assert hash_change.low < hash_change.own_low < hash_change.own_high < hash_change.high
    assert covered >= 9


def test_frames_have_a_row_a_payload_type_and_size() -> None:
    compared = pair(synthetic_run(FEW, SIZES, seed=1), synthetic_run(FEW, SIZES, seed=2))
    assert list(compared.overall) == list(OVERALL)
    assert list(compared.by_size) == list(BY_SIZE)
    assert list(compared.overall["payload"]) == [*(kind.name for kind in FEW), "weighted mix"]
    assert len(compared.by_size) == 4 * 3
    row = compared.by_size.iloc[0]
    assert row["duration_change"] == pytest.approx(row["after_ms"] / row["before_ms"] - 1)
    alone = pair(compared.before, compared.after, memory_mb=512)
    assert set(alone.by_size["memory_mb"]) == {512}
    assert alone.overall["duration_change"].iloc[0] == pytest.approx(
        compared.by_size[compared.by_size["memory_mb"] == 512]["duration_change"].iloc[0]
    )


def test_the_words_say_what_changed_and_by_how_much() -> None:
    text = str(lt.compare([synthetic_run(seed=1), synthetic_run(FAR_FASTER, seed=2)]))
    assert text.startswith("After against before: faster by ")
    assert "and cheaper by" in text
    assert "most of all: hash is faster by 40 %" in text
    same = str(lt.compare([synthetic_run(seed=1), synthetic_run(seed=2)]))
    assert same.startswith("No significant difference between before and after: duration -")
    assert "None of the 10 payload types differs significantly." in same
    assert re.search(r"Changes of [\d.]+ % in duration and of [\d.]+ % in cost, or more", same)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.124, 0.081, 0.162, 0.1, 0.15), "slower by 12 % (8 to 16 %)"),
        ((-0.005, -0.008, -0.002, -0.006, -0.004), "faster by 0.5 % (0.2 to 0.8 %)"),
        ((0.01, -0.02, 0.041, -0.01, 0.03), "no significant difference (-2 to +4 %)"),
        (
            (0.013, -0.04, 0.06, 0.0042, 0.0216),
            "slower by 1.3 % (0.4 to 2.2 %), less than runs of the same code may differ",
        ),
        ((3.0, 2.0, 5.0, 2.5, 4.5), "slower by a factor of 4.0 (3.0 to 6.0)"),
        ((-0.3,), "faster by 30 % (no interval, so it may be chance)"),
    ],
)
def test_verdicts(ends: tuple[float, ...], words: str) -> None:
    change = Difference(*ends)
    assert verdict("duration", change) == words
    assert change.real == (words.endswith(")") and "no " not in words)
    assert change.has_interval == (len(ends) > 1)
    assert change.worse(0.15) == ("factor" in words)


def test_regressions_are_those_beyond_what_is_allowed() -> None:
    runs = [synthetic_run(FAR_FASTER, seed=1), synthetic_run(seed=2)]
    comparison = lt.compare(runs)
    worse = comparison.regressions
    assert any(text.startswith("hash is slower by 6") for text in worse)
    assert any(text.startswith("weighted mix is more expensive") for text in worse)
    assert comparison.gate.startswith(f"Regression: {worse[0]}; {worse[1]}; {worse[2]}; and ")
    allowed = lt.compare(runs, max_regression=0.9)
    assert allowed.regressions == []
    assert allowed.gate == f"No regression: {worse[0]}, and up to 90 % is allowed."
    better = lt.compare(runs[::-1])
    assert better.regressions == []
    assert "nothing got significantly slower or more expensive by more than 5 %" in str(better)


def test_what_else_differs_is_said() -> None:
    before = synthetic_run(FEW, SIZES, seed=1)
    other = named(
        synthetic_run(FEW, (128, 512), seed=2),
        code_sha256="other",
        price_book={"version": "2027-01"},
        architecture="arm64",
        endpoint={"kind": "aws"},
    )
    comparison = lt.compare([before, other])
    names = [finding.name for finding in comparison.findings]
    assert names[0] == "different machines"
    assert comparison.findings[0].severity == "error"
    assert set(names) == {
        "different machines",
        "different price books",
        "different code",
        "different architecture",
        "different sizes",
    }
    assert comparison.pairs[0].names == ("x86_64", "arm64")
    assert "durations of different machines cannot be compared" in str(comparison)
    again = lt.compare([before, synthetic_run(FEW, SIZES, seed=2)])
    assert [finding.name for finding in again.findings] == ["other times"]


def test_runs_of_another_isolation_are_compared_with_a_note() -> None:
    before, after = (
        named(run, endpoint={**run.endpoint.to_json(), "isolation": level})
        for run, level in (
            (synthetic_run(FEW, SIZES), "namespace and user"),
            (synthetic_run(FEW, SIZES, seed=2), "none"),
        )
    )
    finding = next(
        finding
        for finding in lt.compare(before, after).findings
        if finding.name == "different machines"
    )
    assert finding.severity == "warning"
    old, new = finding.cause.split(", then ")
    assert new == old.replace(" namespace and user", " none") != old


def test_a_published_curve_is_compared_with_the_mix_without_an_interval() -> None:
    points = [CurvePoint(size, 100.0, 2e-6) for size in SIZES]
    comparison = lt.compare(
        [synthetic_run(FEW, SIZES), means_run(points, Manifest(function="theirs"))],
        monthly_invocations=1e6,
    )
    assert list(comparison.overall["payload"]) == [f"weighted mix and {PUBLISHED}"]
    assert comparison.overall.filter(regex="low|high").isna().all(axis=None)
    text = str(comparison)
    assert "no interval, so it may be chance" in text
    assert comparison.cannot_tell
    assert f"Cannot tell: weighted mix and {PUBLISHED} without an interval" in text
    assert "1,000,000 invocations at 128 MB cost $2.00 a month, $" in text
    assert [finding.name for finding in comparison.findings if finding.severity == "warning"] == [
        "means only"
    ]


def test_several_runs_are_each_compared_with_the_first() -> None:
    runs = [synthetic_run(FEW, SIZES, seed=seed) for seed in (1, 2, 3)]
    comparison = lt.compare(runs)
    assert len(comparison.pairs) == 2
    assert next(iter(comparison.overall)) == "run"
    assert len(comparison.runs) == 3


def test_one_run_alone_says_what_to_do_next() -> None:
    alone = lt.compare([synthetic_run(FEW, SIZES)])
    assert str(alone).startswith("Nothing to compare yet: one run of LambdaFunctionOverHttps")
    assert "Nothing to compare" in alone._repr_html_()
    assert alone.overall.empty
    assert list(alone.runs["which"]) == ["the only one"]
    assert alone.plot.changes() is None
    assert alone.plot.by_size() is None


def test_what_cannot_be_compared_is_refused() -> None:
    one = synthetic_run(FEW, SIZES)
    with pytest.raises(UsageError, match="no run to compare"):
        lt.compare([])
    with pytest.raises(UsageError, match="1,024 MB was not measured"):
        lt.compare([one, one], memory_mb=1024)
    other = Run(changed(one.manifest, {"function": "other"}), one.samples.assign(function="other"))
    with pytest.raises(UsageError, match="compare runs of one function"):
        lt.compare([merge([one, other]), one])


def failing(run: Run, which: "Series[bool]") -> Run:
    error = run.samples["error"].astype(str).mask(which, "Runtime.ExitError")
    return Run(run.manifest, run.samples.assign(error=error.astype("category")))


def test_what_has_nothing_in_common_cannot_be_told() -> None:
    one = named(synthetic_run(FEW, SIZES), run_id="one")
    dead = named(failing(one, one.samples["cold"] | True), run_id="dead")
    other_types, other_sizes = synthetic_run(KINDS[4:6], SIZES), synthetic_run(FEW, (256,))
    for after, reason in (
        (dead, "every invocation of the run after (dead) failed: look at its errors"),
        (other_types, "the runs have no payload type in common"),
        (other_sizes, "no memory size was measured in both runs: 128, 512 and 2,048 MB, and 256"),
    ):
        comparison = lt.compare([one, after])
        assert (comparison.verdict.kind, comparison.verdict.exit_code) == ("unknown", 5)
        assert comparison.verdict.reason.startswith(f"cannot tell: {reason}")
        assert str(comparison) == comparison.nothing == comparison.gate
        assert list(comparison.runs["which"]) == ["before", "after"]
    assert lt.compare([dead, dead]).verdict.reason.startswith("cannot tell: every invocation of")


def test_more_failures_are_a_regression_and_as_many_are_none() -> None:
    before, after = (synthetic_run(FEW, SIZES, seed=seed) for seed in (1, 2))
    read = after.samples["payload"].eq("read")
    half = failing(after, read & after.samples["invocation"].mod(2).eq(0))
    verdict = lt.compare([before, half]).verdict
    assert verdict.exit_code == 3
    (failure,) = verdict.worse
    assert (failure.measure, failure.payload) == ("failures", "read")
    assert failure.text == "read failed 23 of 49 times (0 of 49 before)"
    assert lt.compare([half, half]).verdict.kind == "fine"
    (dead,) = lt.compare([before, failing(after, read)]).verdict.worse
    assert dead.text == "read failed 49 of 49 times (0 of 49 before)"
    one_lost = failing(after, read & after.samples["request_id"].eq(after.samples["request_id"][9]))
    assert not lt.compare([before, one_lost]).verdict.worse


def test_another_machine_or_few_environments_are_no_base_for_a_verdict() -> None:
    before, after = (synthetic_run(FEW, SIZES, seed=seed) for seed in (1, 2))
    slower = shifted(after, 93.0)
    assert lt.compare([before, slower]).verdict.exit_code == 3
    elsewhere = named(slower, endpoint={**before.endpoint.to_json(), "cores": 64})
    verdict = lt.compare([before, elsewhere]).verdict
    assert verdict.exit_code == 5
    assert "durations of different machines cannot be compared" in verdict.reason
    two = slower.samples["environment"].str.endswith(("00", "01"))
    verdict = lt.compare([before, Run(slower.manifest, slower.samples[two])]).verdict
    assert verdict.exit_code == 5
    assert "with at least 3 execution environments per size" in verdict.reason
    lost = lt.compare([before, after.select("read")]).verdict
    assert (lost.exit_code, "was not measured again" in lost.reason) == (5, True)


def test_sizes_with_an_interval_judge_and_others_stay_in_sight() -> None:
    before, after = (synthetic_run(FEW, SIZES, seed=seed) for seed in (1, 2))
    samples = after.samples
    thin = ~samples["environment"].str.endswith(("00", "01")) & samples["memory_mb"].eq(2048)
    kept = Run(after.manifest, samples[~thin])
    assert lt.compare([before, kept]).verdict.kind == "fine"
    slow = samples["duration_ms"].mask(samples["memory_mb"].eq(2048), samples["duration_ms"] * 3)
    verdict = lt.compare([before, Run(after.manifest, samples.assign(duration_ms=slow)[~thin])])
    assert verdict.verdict.exit_code == 5
    assert "took more than twice as long at 2,048 MB" in verdict.gate


def test_figures_tell_in_words_what_they_show() -> None:
    kinds = (*FEW, Kind("<b>&", 3, 4))
    comparison = lt.compare(
        [synthetic_run(kinds, SIZES, seed=1), synthetic_run(FAR_FASTER[:3], SIZES)]
    )
    forest, curves = comparison.plot.changes(), comparison.plot.by_size()
    assert forest is not None
    assert curves is not None
    assert "read: duration" in forest.alt
    assert "read at 128 MB: " in curves.alt
    assert curves.title.startswith("The largest difference in duration: ")
    assert "image/svg+xml" in forest._repr_mimebundle_()


def test_a_cell_with_two_environments_does_not_silence_its_payload_type() -> None:
    before, after = (synthetic_run(FEW, SIZES, seed=seed) for seed in (1, 2))
    samples = after.samples
    thin = (samples["memory_mb"] == 512) & (samples["payload"] == "read")
    kept = samples[~(thin & samples["environment"].str.endswith(("02", "03", "04")))]
    compared = pair(before, Run(after.manifest, kept))
    assert not compared.overall.isna().any(axis=None)
    assert not compared.by_size.isna().any(axis=None)
    alone = samples["environment"].str.endswith(("00", "01"))
    thinner = pair(before, Run(after.manifest, samples[alone | (samples["memory_mb"] != 512)]))
    at_512 = thinner.by_size[thinner.by_size["memory_mb"] == 512]
    assert at_512["duration_low_change"].isna().all()
