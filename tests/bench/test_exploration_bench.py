"""The benchmark measures what it says, and the package's prior is the one that its script makes."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lambdatuning.core.exploration.prior import load_prior

from .exploration import World, halve, trials_of
from .exploration_functions import TRACES, Function, read_functions, varied
from .exploration_methods import stated_grid
from .exploration_score import results
from .exploration_simulator import REQUEST_USD, USD_PER_GB_S, Account
from .exploration_unlike import unlike
from .make_prior import PRIOR, encode, make_prior


@pytest.fixture(scope="module")
def functions() -> Mapping[str, Function]:
    return {function.name: function for function in read_functions(TRACES)}


def test_the_prior_of_the_package_is_what_its_script_makes(
    functions: Mapping[str, Function],
) -> None:
    encoded = encode(make_prior(list(functions.values())))
    stored = json.loads(PRIOR.read_text("utf-8"))
    assert load_prior().taught == set(functions)
    assert json.loads(encoded)["noise"] == pytest.approx(stored["noise"])
    assert len(encoded) < 50_000


def test_halves_share_no_family(functions: Mapping[str, Function]) -> None:
    one, other = halve(functions.values())
    assert not {f.family for f in one} & {f.family for f in other}
    assert abs(len(one) - len(other)) <= 6


def test_truth_is_the_plain_mean_of_what_was_measured(functions: Mapping[str, Function]) -> None:
    uploader = functions["sebs/uploader"]
    values = uploader.samples[uploader.sizes[0]]
    assert uploader.group == "noisy"
    assert uploader.mean_ms[0] == pytest.approx(values.sum() / len(values))
    assert uploader.billed_ms[0] == pytest.approx(np.ceil(values).mean())


def test_a_function_like_another_has_its_noise_and_other_means(
    functions: Mapping[str, Function],
) -> None:
    uploader = functions["sebs/uploader"]
    like, again, other = (varied(uploader, 0.05, seed) for seed in (1, 1, 2))
    assert varied(uploader, 0.0, 1) is uploader
    assert (like.mean_ms == again.mean_ms).all()
    assert (like.mean_ms != other.mean_ms).all()
    assert (abs(np.log(like.mean_ms / uploader.mean_ms)) < 0.25).all()
    for size, values in like.samples.items():
        before = uploader.samples[size]
        assert values / values.mean() == pytest.approx(before / before.mean())
    assert like.regret(3008, "cost") != uploader.regret(3008, "cost")


def test_what_is_invoked_is_billed(functions: Mapping[str, Function]) -> None:
    account = Account({"": functions["slapp/pi"]}, np.random.default_rng(0))
    account.invoke(1024, 3)
    assert [o.cold for o in account.observations] == [True, False, False, False]
    billed = sum(o.billed_ms for o in account.observations)
    assert account.gb_s == pytest.approx(billed / 1000)
    assert account.usd == pytest.approx(account.gb_s * USD_PER_GB_S + 4 * REQUEST_USD)
    first = account.observations[0]
    assert first.billed_ms == np.ceil(first.duration_ms + first.init_ms)


def test_the_first_call_of_a_size_may_be_the_one_that_is_wanted(
    functions: Mapping[str, Function],
) -> None:
    account = Account({"": functions["slapp/pi"]}, np.random.default_rng(0), first=3.0)
    account.invoke(1024, 1, wake=False)
    account.invoke(1024, 2, wake=False)
    assert [o.cold for o in account.observations] == [True, False, False]
    cold, *warm = (o.duration_ms for o in account.observations)
    assert cold > 2.5 * max(warm)


def test_hosts_of_one_size_differ_and_stay_what_they_are(
    functions: Mapping[str, Function],
) -> None:
    account = Account({"": functions["slapp/pi"]}, np.random.default_rng(1), host_spread=0.3)
    account.invoke(1024, 4, environments=2)
    by_host: dict[str, list[float]] = {}
    for one in account.observations:
        by_host.setdefault(one.environment, []).append(one.duration_ms)
    means = [float(np.mean(values)) for values in by_host.values()]
    assert len(means) == 2
    assert abs(means[0] / means[1] - 1) > 0.03


def test_regret_is_zero_at_the_best_size_alone(functions: Mapping[str, Function]) -> None:
    function = functions["slapp/disk-io"]
    for objective in ("cost", "balanced", "speed", "value"):
        regrets = [function.regret(size, objective) for size in function.sizes]
        assert min(regrets) == 0.0
        assert sum(value == 0.0 for value in regrets) == 1


def test_a_grid_chooses_by_value_and_says_how_sure_it_is(functions: Mapping[str, Function]) -> None:
    function = functions["slapp/disk-io"]
    account = Account({"": function}, np.random.default_rng(0))
    outcome = stated_grid(30, 5)(account, "value", 0)[""]
    assert function.regret(outcome.memory_mb, "value") < 0.05
    assert 0.5 < outcome.within_5 <= 1.0


def test_a_row_compares_with_grid_10(functions: Mapping[str, Function]) -> None:
    pi, world = functions["slapp/pi"], World(0.0, 1.0)
    trials = [
        one for k in range(3) for one in trials_of(pi, load_prior(), world, k, "cost", [0.02])
    ]
    rows = {row["method"]: row for row in results(trials)}
    assert list(rows) == ["grid-10", "grid-10 by 5", "adaptive 2%"]
    assert rows["grid-10 by 5"]["stated"] > 0.7
    assert rows["grid-10"]["gbs_fewer"] == 1.0
    assert rows["grid-10"]["invocations_median"] == 60
    assert rows["adaptive 2%"]["gbs_fewer"] > 3
    assert rows["adaptive 2%"]["group"] == "quiet"


def test_made_up_functions_are_the_same_in_every_run() -> None:
    first, again = unlike(1), unlike(1)
    assert [f.name for f in first] == [f.name for f in again]
    assert all((f.mean_ms == g.mean_ms).all() for f, g in zip(first, again, strict=True))


def test_a_folder_of_another_has_no_need_of_every_file(tmp_path: Path) -> None:
    name = "raw_invocations.csv.gz"
    (tmp_path / name).write_bytes((TRACES / name).read_bytes())
    assert len(read_functions(tmp_path)) == 6
    assert read_functions(tmp_path / "none") == []
