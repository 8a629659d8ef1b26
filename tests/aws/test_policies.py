"""The policies of `data/policies` are what each command needs: IAM is enforced for every call."""

import json
from pathlib import Path

import pytest

import lambdatuning as lt
from lambdatuning.api.runs import load
from lambdatuning.cloud.tuning.cleaning import clean_function, remains
from lambdatuning.core.errors import StackError
from lambdatuning.functions.tuner import lock

from .account import POLICIES, Account, tune

NAMES = ("deploy", "tune", "report", "clean", "destroy")


def test_each_command_needs_its_policy_and_no_more(account: Account, tmp_path: Path) -> None:
    lt.destroy(account.owner)  # that of the other journeys
    account.switch(iam=True)
    deployer, tuner = account.user("deploy"), account.user("tune")
    with pytest.raises(StackError, match="not allowed to it"):
        lt.deploy(tuner, "lambdatuning")
    outputs = lt.deploy(deployer)
    assert lt.deploy(deployer, parameters={"MemorySize": "256"}) == outputs
    name, bucket = outputs["FunctionName"], outputs["SamplesBucket"]
    before = account.looks(name)
    run = tune(tuner, name, tmp_path)
    assert len(run.samples) > 0
    assert account.looks(name) == before

    reader = account.user("report")
    stored = load(f"s3://{bucket}/runs", run.run_id, cloud=reader)
    assert len(stored.samples) == len(run.samples)

    cleaner = account.user("clean")
    client = account.owner.client("lambda")
    machine = outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
    dead = lock.Lock("run-0", 256, f"{machine}:run-0")
    client.create_alias(
        FunctionName=name, Name=lock.ALIAS, FunctionVersion="$LATEST", Description=dead.describe()
    )
    client.update_function_configuration(FunctionName=name, MemorySize=1024)
    found = remains(cleaner, name)
    clean_function(cleaner, found, lambda _: None)
    assert account.looks(name) == before

    assert lt.destroy(account.user("destroy")).notes == ()
    account.switch()


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_fits_and_grants_no_everything(name: str) -> None:
    policy = json.loads((POLICIES / f"{name}.json").read_text("utf-8"))
    # IAM's limit for a managed policy, white space left out.
    assert len(json.dumps(policy, separators=(",", ":"))) <= 6_144
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
