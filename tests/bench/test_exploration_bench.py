"""The benchmark measures what it says, and the package's prior is the one that its script makes."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lambdatuning.core.exploration.prior import load_prior

from .exploration import Job, _run, halve
from .exploration_score import regret, results
from .exploration_simulator import REQUEST_USD, USD_PER_GB_S, Account
from .exploration_traces import TRACES, Trace, read_traces
from .make_prior import PRIOR, encode, make_prior


@pytest.fixture(scope="module")
def traces() -> Mapping[str, Trace]:
    return {trace.name: trace for trace in read_traces(TRACES)}


def test_the_prior_of_the_package_is_what_its_script_makes(traces: Mapping[str, Trace]) -> None:
    made = encode(make_prior(list(traces.values())))
    assert json.loads(made) == json.loads(PRIOR.read_text("utf-8"))
    assert load_prior().taught == set(traces)
    assert len(made) < 50_000


def test_halves_share_no_family(traces: Mapping[str, Trace]) -> None:
    one, other = halve(traces.values())
    assert not {t.family for t in one} & {t.family for t in other}
    assert abs(len(one) - len(other)) <= 6


def test_a_raw_trace_is_drawn_from_its_own_invocations(traces: Mapping[str, Trace]) -> None:
    pi = traces["slapp/pi"]
    drawn = pi.draw(128, 50, np.random.default_rng(0))
    assert set(drawn) <= set(pi.quantiles[128])
    assert pi.duration_ms(128) == pytest.approx(6855, rel=0.01)
    assert pi.duration_ms(144) < pi.duration_ms(128)


def test_what_is_invoked_is_billed(traces: Mapping[str, Trace]) -> None:
    account = Account({"": traces["slapp/pi"]}, np.random.default_rng(0))
    account.invoke(1024, 3)
    assert [o.cold for o in account.observations] == [True, False, False, False]
    billed = sum(o.billed_ms for o in account.observations)
    assert account.gb_s == pytest.approx(billed / 1000)
    assert account.usd == pytest.approx(account.gb_s * USD_PER_GB_S + 4 * REQUEST_USD)
    first = account.observations[0]
    assert first.billed_ms == np.ceil(first.duration_ms + first.init_ms)


def test_the_first_call_of_a_size_may_be_the_one_that_is_wanted(
    traces: Mapping[str, Trace],
) -> None:
    account = Account({"": traces["slapp/pi"]}, np.random.default_rng(0), first=3.0)
    account.invoke(1024, 1, wake=False)
    account.invoke(1024, 2, wake=False)
    assert [o.cold for o in account.observations] == [True, False, False]
    cold, *warm = (o.duration_ms for o in account.observations)
    assert cold > 2.5 * max(warm)


def test_hosts_of_one_size_differ_and_stay_what_they_are(traces: Mapping[str, Trace]) -> None:
    account = Account({"": traces["slapp/pi"]}, np.random.default_rng(1), host_spread=0.3)
    account.invoke(1024, 4, environments=2)
    by_host: dict[str, list[float]] = {}
    for one in account.observations:
        by_host.setdefault(one.environment, []).append(one.duration_ms)
    means = [float(np.mean(values)) for values in by_host.values()]
    assert len(means) == 2
    assert abs(means[0] / means[1] - 1) > 0.03


def test_regret_is_zero_at_the_best_size_alone(traces: Mapping[str, Trace]) -> None:
    trace = traces["slapp/disk-io"]
    for objective in ("cost", "balanced", "speed"):
        regrets = [regret(trace, size, objective, trace.grid) for size in trace.grid]
        assert min(regrets) == 0.0
        assert sum(value == 0.0 for value in regrets) == 1


def test_a_row_compares_with_grid_10(traces: Mapping[str, Trace]) -> None:
    job = Job(traces["slapp/pi"], "taught", load_prior(), range(7, 11), ("cost",))
    rows = {row["method"]: row for row in results(_run(job))}
    assert list(rows) == ["grid-10", "grid-50", "grid-2", "adaptive"]
    assert rows["grid-10"]["gbs_ratio"] == 1.0
    assert rows["grid-50"]["invocations_median"] == 300
    assert rows["grid-2"]["invocations_median"] == 18
    assert rows["adaptive"]["gbs_ratio"] < 0.5
    assert rows["adaptive"]["stated_within_5"] > 0.9
    assert rows["grid-10"]["stated_within_5"] is None


def test_a_folder_of_another_has_no_need_of_every_file(tmp_path: Path) -> None:
    name = "raw_invocations.csv.gz"
    (tmp_path / name).write_bytes((TRACES / name).read_bytes())
    assert len(read_traces(tmp_path)) == 6
    assert read_traces(tmp_path / "none") == ()
