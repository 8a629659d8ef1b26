import numpy as np
import pytest

from lambdatuning.analysis.curves import MIX
from lambdatuning.analysis.predicted import COLUMNS, between, middles, predicted_ms
from lambdatuning.core.errors import UsageError
from lambdatuning.study import Study

from .studies import study_of, summarise
from .synthetic import KINDS, Kind, synthetic_run

RUN = synthetic_run(KINDS[:4])


def test_measured_sizes_stay_and_others_are_marked() -> None:
    frame = study_of(RUN).predict()
    assert tuple(frame.columns) == COLUMNS
    one = frame[frame["payload"] == "read"]
    assert one["memory_mb"].tolist() == [128, 192, 256, 384, 512, 704, 1024, 1280, 1536, 2176, 3008]
    assert one["predicted"].tolist() == [False, True] * 5 + [False]
    measured = summarise(RUN).query("payload == 'read'")
    assert one[~one["predicted"]]["mean_ms"].tolist() == measured["mean_ms"].tolist()
    assert MIX in set(frame["payload"])


def test_what_computes_and_what_waits_are_exact_but_for_draws() -> None:
    run = synthetic_run((Kind("cpu", 0, 400), Kind("io", 50, 0)), (128, 512, 1769), noise=0.0,
                        host_spread=0.0)  # fmt: skip
    frame = Study(run).predict([256, 1024]).query("predicted")
    cpu = frame[frame["payload"] == "cpu"]
    assert cpu["mean_ms"].tolist() == pytest.approx([400 * 1769 / 256, 400 * 1769 / 1024], rel=5e-3)
    io = frame[frame["payload"] == "io"]
    assert io["mean_ms"].tolist() == pytest.approx([50, 50], rel=5e-3)
    rate = 0.0000166667 / 1024 / 1000
    assert cpu["cost_usd"].tolist() == pytest.approx(
        [size * ms * rate + 2e-7 for size, ms in zip((256, 1024), cpu["mean_ms"], strict=True)],
        rel=0.01,
    )


def test_intervals_hold_what_was_measured_but_left_out() -> None:
    """Every second size is left out and predicted; hosts differ by 3 %."""
    sizes = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3008)
    covered = []
    for seed in range(4):
        run = synthetic_run(KINDS[:6], sizes[::2] + sizes[-1:], host_spread=0.03, seed=seed)
        frame = Study(run.samples).predict(sizes[1:-1:2]).query("predicted and payload != @MIX")
        for row in frame.to_dict("records"):
            kind = next(kind for kind in KINDS if kind.name == row["payload"])
            truth = kind.wait_ms + kind.cpu_ms / min(row["memory_mb"] / 1769, 1)
            covered.append(row["mean_low_ms"] <= truth <= row["mean_high_ms"])
    assert np.mean(covered) >= 0.9


@pytest.mark.parametrize("vcpus", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("floor_ms", [0, 60])
def test_sizes_of_several_vcpus_are_predicted_for_what_uses_so_many(
    vcpus: int, floor_ms: int
) -> None:
    """Threads that are as many as a size has vCPUs, up to a number of them, over a floor."""

    def truth(size: int) -> float:
        return floor_ms + 400 * 1769 / min(size, vcpus * 1769)

    sizes, new = (512, 1024, 1769, 3008, 5307, 7076, 10240), (1408, 2304, 4096, 6144, 8448)
    ms = np.array([truth(size) for size in sizes])
    noise = np.exp(0.01 * np.random.default_rng(1).standard_normal((2000, len(sizes))))
    predicted, drawn = predicted_ms(sizes, ms, ms * noise, new)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    for k, size in enumerate(new):
        assert low[k] * 0.999 <= truth(size) <= high[k] * 1.001
        assert predicted[k] == pytest.approx(truth(size), rel=0.08)


def test_a_predicted_interval_is_wider_than_its_neighbours() -> None:
    run = synthetic_run((Kind("cpu", 5, 100),), environments=20, noise=0.01, host_spread=0.001)
    frame = Study(run).predict()
    width = np.log(frame["mean_high_ms"] / frame["mean_low_ms"])
    assert width[frame["predicted"]].min() > width[~frame["predicted"]].max()


def test_outside_the_measured_sizes_nothing_is_predicted() -> None:
    with pytest.raises(UsageError, match="4,096 MB is outside the measured sizes 128 to 3,008 MB"):
        study_of(RUN).predict([4096])


def test_few_sizes_and_few_environments() -> None:
    one = Study(synthetic_run(KINDS[:1], (512,))).predict()
    assert one["predicted"].tolist() == [False]
    few = Study(synthetic_run(KINDS[:1], (128, 512), environments=2)).predict()
    assert few["mean_ms"].notna().all()
    assert few["mean_low_ms"].isna().all()


def test_the_middle_of_a_gap() -> None:
    assert middles((128, 256, 3008)) == (192, 896)
    assert middles((128, 144, 160)) == ()
    assert between((100, 400), np.array([8.0, 2.0]), [200]).tolist() == pytest.approx([4.0])
