"""Cold starts: what they add to a warm invocation, and from which share they change the answer."""

import numpy as np
import pytest

from lambdatuning.analysis.questions.cold_share import NO_COLD, cold_curves
from lambdatuning.analysis.questions.cold_starts import START_COLUMNS, beyond_warm
from lambdatuning.analysis.run import Run, merge
from lambdatuning.study import Study

from .studies import study_of
from .synthetic import Kind, changed, synthetic_run

KINDS = (Kind("read", 20, 4), Kind("hash", 0.5, 150, weight=3))
RUN = synthetic_run(KINDS, noise=0.01, host_spread=0.01)


def slow_when_warm(run: Run) -> Run:
    """The run as if its smallest size were a little slow and dear, but for cold starts."""
    samples = run.samples
    slow = (samples["memory_mb"] == 128) & ~samples["cold"]
    factor = slow.map({True: 1.03, False: 1.0})
    measures = {name: samples[name] * factor for name in ("duration_ms", "cost_usd")}
    return Run(run.manifest, samples.assign(**measures))


SHIFTING = slow_when_warm(RUN)


def test_what_a_cold_start_takes_and_costs_beyond_a_warm_one() -> None:
    frame = study_of(RUN).cold_starts()
    assert list(frame) == list(START_COLUMNS)
    assert list(frame["memory_mb"]) == [128, 256, 512, 1024, 1536, 3008]
    assert (frame["cold"] == 5).all()
    # The made-up hosts start in 240 ms at every size and then run as a warm one does.
    assert np.allclose(frame["init_ms"], 240, rtol=0.03)
    assert np.allclose(frame["extra_ms"], 240, rtol=0.25)
    per_ms = frame["memory_mb"] / 1024 * 0.0000166667 / 1000 * 1e6
    assert np.allclose(frame["extra_per_million_usd"], frame["extra_ms"] * per_ms, rtol=0.05)
    assert (frame["init_low_ms"] < frame["init_ms"]).all()
    assert (frame["init_ms"] < frame["init_high_ms"]).all()


def test_cold_starts_that_failed_or_have_no_warm_counterpart_are_left_out() -> None:
    samples = RUN.samples
    warm_at_128 = (samples["memory_mb"] == 128) & ~samples["cold"]
    assert 128 not in set(beyond_warm(Study(samples[~warm_at_128]))["memory_mb"])


def test_ranges_cover_all_shares_and_follow_the_lines() -> None:
    decisions = study_of(RUN).cold_decisions(("cost", "speed"))
    for (payload, strategy), rows in decisions.groupby(["payload", "strategy"]):
        assert rows["from_share"].iloc[0] == 0
        assert rows["to_share"].iloc[-1] == 1
        assert list(rows["to_share"][:-1]) == list(rows["from_share"][1:])
        (cold,) = [cold for cold in cold_curves(study_of(RUN)) if cold.curve.payload == payload]
        for row in rows.to_dict("records"):
            share = np.array([(row["from_share"] + row["to_share"]) / 2])
            values = cold.cost_usd(share) if strategy == "cost" else cold.mean_ms(share)
            assert cold.sizes[int(values.argmin())] == row["memory_mb"]


def test_the_cheapest_size_shrinks_with_the_share_of_cold_starts() -> None:
    rows = Study(SHIFTING).cold_decisions("cost")
    mix = rows[rows["payload"] == "weighted mix"]
    assert list(mix["memory_mb"]) == sorted(mix["memory_mb"], reverse=True)
    assert len(mix) > 1
    later = mix.iloc[1]
    assert later["from_low_share"] <= later["from_share"] <= later["from_high_share"]


def test_the_answer_says_what_changes_and_what_it_costs() -> None:
    text = str(Study(SHIFTING, cold_share=0.05, monthly_invocations=1e7).cold_answer)
    assert " is cheapest up to " in text
    assert "more memory does not shorten it" in text
    assert "With 5 % cold starts" in text
    assert "At 10,000,000 invocations a month, these cold starts cost $" in text
    assert "With these cold starts among them, p9" in text
    assert "embedded AWS" in text


def test_a_run_without_cold_starts_says_how_to_measure_some() -> None:
    bare = Run(RUN.manifest, RUN.samples[~RUN.samples["cold"]])
    assert Study(bare).cold_answer.headline == NO_COLD
    assert Study(bare).cold_starts().empty
    assert Study(bare).cold_decisions().empty
    assert Study(bare).plot.cold_starts() is None
    assert Study(bare).plot.cold_share() is None


def test_without_three_cold_starts_there_is_no_interval() -> None:
    few = Run(RUN.manifest, RUN.samples[~RUN.samples["environment"].str.endswith(("2", "3", "4"))])
    frame = Study(few).cold_starts()
    assert frame["init_low_ms"].isna().all()
    assert frame["init_ms"].notna().all()


def test_several_functions_each_get_their_answer() -> None:
    other = Run(changed(RUN.manifest, {"function": "other"}), RUN.samples.assign(function="other"))
    answer = Study(merge([RUN, other])).cold_answer
    assert "LambdaFunctionOverHttps: " in answer.headline
    assert "other: " in answer.headline
    assert set(answer.functions) == {"LambdaFunctionOverHttps", "other"}


@pytest.mark.parametrize("name", ["cold_starts", "cold_share"])
def test_figures_tell_in_words_what_they_show(name: str) -> None:
    chart = getattr(study_of(RUN).plot, name)()
    assert "128 MB" in chart.alt
    assert "3,008 MB" in chart.alt
    assert "ms" in chart.alt


def test_noise_beyond_zero_is_no_negative_duration() -> None:
    """What cold starts add is that of other calls: for a quick type it may be less than nothing."""
    wild = Study(synthetic_run((Kind("quick", 0.5, 0.1), Kind("slow", 400, 1)), noise=1.2))
    for cold in cold_curves(wild):
        assert (cold.mean_ms(np.array([0.0, 0.5, 1.0])) >= 0).all()
    with np.errstate(invalid="raise"):
        assert len(wild.cold_decisions("value"))


def test_at_its_share_of_cold_starts_another_size_may_be_best() -> None:
    heavy = synthetic_run((Kind("quick", 0, 5),), noise=0.01)
    slow = heavy.samples["init_ms"] * 20
    extra = slow.fillna(0) * heavy.samples["memory_mb"] / 1024 * 0.0000166667 / 1000
    samples = heavy.samples.assign(init_ms=slow, cost_usd=heavy.samples["cost_usd"] + extra)
    study = Study(Run(heavy.manifest, samples), strategy="value", cold_share=0.01)
    texts = [text for text in study.front("cold_starts").sentences if text.startswith("At that")]
    chosen = study.headline.memory_mb
    assert chosen == 1536
    assert len(texts) == 1
    assert texts[0].endswith(f"not {chosen:,} MB: the decision is about warm invocations.")


def test_where_nothing_succeeded_nothing_is_said_of_cold_starts() -> None:
    broken = Study(synthetic_run((Kind("broken", 5, 5, needs_mb=9999),), (128, 512)))
    assert broken.cold_answer.headline == (
        "No invocation succeeded, so that nothing can be said of cold starts."
    )
