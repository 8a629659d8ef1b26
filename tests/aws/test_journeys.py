"""Journeys under a strict embedded AWS, and a sample of the bench of faults."""

import json
from pathlib import Path

import pytest

import lambdatuning as lt
from lambdatuning.core.errors import RunFailedError, UsageError
from lambdatuning.local.services.strict import read_switches
from tests.bench import faults

from .account import Account, tune


def test_a_run_with_slow_updates_late_logs_and_throttles(account: Account, tmp_path: Path) -> None:
    outputs = lt.deploy(account.owner)
    name = outputs["FunctionName"]
    before = account.looks(name)
    # `make bench-faults` has them as late as AWS.
    account.switch(iam=True, update_s=1, logs_s=3, throttle_every=7)
    run = tune(account.user("tune"), name, tmp_path)
    account.switch()
    # 2 sizes, 2 invocations each, and a warm-up in each of 2 environments.
    assert len(run.samples) == 8
    assert set(run.samples["memory_mb"]) == {256, 512}
    assert account.looks(name) == before


def test_a_state_machine_may_invoke_what_its_role_may(account: Account, tmp_path: Path) -> None:
    outputs = lt.deploy(account.owner)
    name, iam = outputs["FunctionName"], account.owner.client("iam")
    machine = account.owner.client("stepfunctions").describe_state_machine(
        stateMachineArn=outputs["StateMachineArn"]
    )
    role = machine["roleArn"].rpartition("/")[2]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    before = account.looks(name)
    account.switch(iam=True, wait_scale=0.001)
    with pytest.raises(RunFailedError, match=rf"{role}/.* not authorized to .*InvokeFunction"):
        tune(account.user("tune"), name, tmp_path)
    account.switch()
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    assert account.looks(name) == before


@pytest.mark.timeout(900)
def test_a_function_ends_as_it_was_whatever_dies_or_is_denied(account: Account) -> None:
    """A sample; `make bench-faults` runs it whole."""
    tally = faults.run(account, kill_points=3, denied=2, exposed=0)
    assert tally.wrong == []
    assert tally.kill_points > 0
    assert tally.restored == tally.kill_points
    assert tally.clean_after_denial == tally.denied_actions == 2


@pytest.mark.parametrize("text", ["", "[]", '{"iamm": true}', '{"kill": {"function": 1}}'])
def test_a_file_that_holds_no_switches_is_refused(tmp_path: Path, text: str) -> None:
    switches = tmp_path / "switches.json"
    with pytest.raises(UsageError, match="no file of switches"):
        read_switches(switches)
    switches.write_text(text)
    with pytest.raises(UsageError, match="no file of switches"):
        read_switches(switches)
