"""Journeys under a strict embedded AWS, and a sample of the bench of faults."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import lambdatuning as lt
from lambdatuning.cloud.tuning.cleaning import clean_function, remains
from lambdatuning.cloud.tuning.plan import TuneRequest, plan_tune
from lambdatuning.core.errors import RunFailedError, UsageError
from lambdatuning.core.progress import Progress
from lambdatuning.core.tuning.payloads import PayloadType
from lambdatuning.functions.tuner import function
from lambdatuning.local.services.strict import read_switches
from tests.bench import faults
from tests.journeys.functions import sleeping
from tests.waiting import until

from .account import Account, tune

PING = (PayloadType("ping", {"operation": "ping"}),)


def test_a_run_with_slow_updates_late_logs_and_throttles(account: Account, tmp_path: Path) -> None:
    _, name = account.deployed()
    before = account.looks(name)
    # `make bench-faults` has them as late as AWS.
    account.switch(iam=True, update_s=1, logs_s=3, throttle_every=7)
    run = tune(account.user("tune"), name, tmp_path)
    account.switch()
    # 2 sizes, 2 invocations each, and a warm-up.
    assert len(run.samples) == 6
    assert set(run.samples["memory_mb"]) == {256, 512}
    assert account.looks(name) == before


def test_a_state_machine_may_invoke_what_its_role_may(account: Account, tmp_path: Path) -> None:
    (outputs, name), iam = account.deployed(), account.owner.client("iam")
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


def test_a_run_whose_answer_cannot_be_set_is_stored(account: Account, tmp_path: Path) -> None:
    _, name = account.deployed()
    before = account.looks(name)

    def deny(progress: Progress) -> None:
        if progress.done:  # of the larger size: the smaller one is being measured for long
            account.switch(deny=["lambda:UpdateAlias"], wait_scale=0.001)

    message = "explicit deny.*; all was measured before, and is stored: `lambdatuning show "
    with pytest.raises(RunFailedError, match=message):
        tune(
            account.owner, name, tmp_path, event=sleeping(3, below_mb=512), auto_optimize=True,
            min_sure=0, on_progress=deny,
        )  # fmt: skip
    account.switch()
    assert account.looks(name) == before
    assert len(lt.load(tmp_path).samples) == 6  # and a warm-up a size


def test_an_interrupt_while_cleaning_is_denied_names_what_is_left(
    account: Account, tmp_path: Path
) -> None:
    outputs, name = account.deployed()
    before = account.looks(name)
    client, states = account.owner.client("lambda"), account.owner.client("stepfunctions")

    def cleans() -> bool:
        machine = outputs["StateMachineArn"]
        newest = states.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"]
        events = states.get_execution_history(executionArn=newest)["events"]
        return "CleanUp" in [e.get("stateEnteredEventDetails", {}).get("name") for e in events]

    def interrupt(progress: Progress) -> None:
        if progress.stage == "measuring":
            until(cleans, "the step that cleans")
            raise KeyboardInterrupt

    user = account.by(account.keys("tune", "clean"))
    account.switch(deny=["lambda:DeleteFunction"])
    left = rf"{name} has the lock of run \S+, version [0-9]+: `lambdatuning clean {name}` puts it"
    with pytest.raises(KeyboardInterrupt, match=f"{left} back; all was measured before") as raised:
        tune(
            user, name, tmp_path, powers="512", auto_optimize=True, min_sure=0,
            on_progress=interrupt,
        )  # fmt: skip
    assert "could not be put back" in str(raised.value)
    account.switch()
    assert len(lt.load(tmp_path).samples) == 3
    clean_function(account.owner, remains(account.owner, name), time.sleep)
    assert account.looks(name) == {**before, "memory": 512}
    client.update_function_configuration(FunctionName=name, MemorySize=before["memory"])


@pytest.mark.timeout(900)
def test_an_alias_is_compared_with_what_it_serves(account: Account, tmp_path: Path) -> None:
    """`$LATEST` has another size than the version behind the alias that is named."""
    _, name = account.deployed()
    client = account.owner.client("lambda")
    function.set_memory(client, name, 1024, time.sleep)
    version = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="served", FunctionVersion=version)
    function.set_memory(client, name, 128, time.sleep)
    before = account.looks(name)
    given = TuneRequest(f"{name}:served", machine(account), PING, (256,), auto_optimize=True)
    plan = plan_tune(account.owner, replace(given, alias="served"), datetime.now(UTC))
    # What is put back is the size of `$LATEST`, and no caller of the alias meets another one.
    assert (plan.request.sizes, plan.memory_mb) == ((256, 1024), 128)
    assert not [note for note in plan.notes if "its alias served" in note or "serves" in note]
    run = tune(account.owner, f"{name}:served", tmp_path, powers="256", current=True)
    assert set(run.samples["memory_mb"]) == {256, 1024}
    assert run.manifest.decision is not None
    assert (run.manifest.current_memory_mb, run.manifest.decision.today_mb) == (1024, 1024)
    assert account.looks(name) == before

    variables = {"Variables": {"TABLE_NAME": "other"}}
    client.update_function_configuration(FunctionName=name, Environment=variables)
    plan = plan_tune(account.owner, replace(given, alias="served"), datetime.now(UTC))
    notes = " ".join(plan.notes)
    assert f"{name}:served has other settings (variables, timeout or the like)" in notes
    assert f'"served" serves other settings (version {version}) than $LATEST' in notes
    client.delete_alias(FunctionName=name, Name="served")
    client.delete_function(FunctionName=name, Qualifier=version)
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {}})


def test_a_copy_needs_the_right_to_read_tags(account: Account, tmp_path: Path) -> None:
    """As on AWS: GetFunction leaves them out for who may not list them."""
    _, name = account.deployed()
    account.switch(deny=["lambda:ListTags"])
    with pytest.raises(UsageError, match=r"tags cannot be read .* get lambda:ListTags"):
        tune(account.user("isolate", "tune"), name, tmp_path, isolate=True)
    account.switch()


def machine(account: Account) -> str:
    return lt.status(account.owner).outputs["StateMachineArn"]


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
