"""The tuner of a deployment: ours with its bucket, or AWS Lambda Power Tuning's."""

import json
from dataclasses import dataclass

from botocore.exceptions import ClientError

from ...core.errors import NotFoundError
from ..session import Cloud

_MISSING = {"InvalidArn", "StateMachineDoesNotExist", "ValidationException"}


@dataclass(frozen=True)
class Tuner:
    """A state machine that tunes; `bucket` is "" for a foreign one."""

    state_machine_arn: str
    ours: bool
    bucket: str


def find_tuner(cloud: Cloud, state_machine_arn: str) -> Tuner:
    """What kind of tuner a state machine is; NotFoundError when there is none."""
    try:
        answer = cloud.client("stepfunctions").describe_state_machine(
            stateMachineArn=state_machine_arn
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in _MISSING:
            raise
        raise NotFoundError(
            f"there is no state machine {state_machine_arn}; check its ARN, region and account"
        ) from exc
    definition = json.loads(answer["definition"])
    if not str(definition.get("Comment", "")).startswith("lambdatuning"):
        return Tuner(state_machine_arn, ours=False, bucket="")
    control = definition["States"]["Prepare"]["Arguments"]["FunctionName"]
    config = cloud.client("lambda").get_function_configuration(FunctionName=control)
    bucket = config["Environment"]["Variables"]["SAMPLES_BUCKET"]
    return Tuner(state_machine_arn, ours=True, bucket=bucket)
