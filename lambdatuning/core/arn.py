"""ARNs of Lambda functions, qualified or not."""

import re
from dataclasses import dataclass, replace

from .errors import UsageError

_FUNCTION = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):lambda:(?P<region>[a-z0-9-]+):(?P<account_id>[0-9]{12})"
    r":function:(?P<name>[A-Za-z0-9_-]{1,140})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)


@dataclass(frozen=True, slots=True)
class FunctionArn:
    """A function, or with `qualifier` one of its versions or aliases."""

    partition: str
    region: str
    account_id: str
    name: str
    qualifier: str | None = None

    def __str__(self) -> str:
        end = f":{self.qualifier}" if self.qualifier else ""
        return (
            f"arn:{self.partition}:lambda:{self.region}:{self.account_id}:function:{self.name}{end}"
        )

    @property
    def unqualified(self) -> "FunctionArn":
        """The function itself, whatever the qualifier."""
        return replace(self, qualifier=None)


def parse_function_arn(value: object) -> FunctionArn:
    """The parts of a function's ARN; UsageError for anything else.

    >>> parse_function_arn("arn:aws:lambda:eu-west-1:111122223333:function:shop:live").qualifier
    'live'
    """
    match = _FUNCTION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise UsageError(
            f"{value!r} is not the ARN of a function; write "
            "arn:aws:lambda:REGION:ACCOUNT:function:NAME, with :VERSION or :ALIAS if you like"
        )
    return FunctionArn(**match.groupdict())


def region_of(arn: str) -> str:
    """The region in an ARN of whatever kind; "" for what is none.

    >>> region_of("arn:aws:states:eu-west-1:111122223333:execution:Tuner:run"), region_of("stopped")
    ('eu-west-1', '')
    """
    return arn.split(":")[3] if arn.startswith("arn:") and arn.count(":") > 3 else ""


_PARTIAL = re.compile(r"(?P<account_id>[0-9]{12}):function:(?P<rest>.+)")


def resolve_function(
    name: str, *, region: str, account_id: str, partition: str = "aws"
) -> FunctionArn:
    """The function that a user names as AWS's own tools take it: by ARN, by partial ARN
    (`123456789012:function:shop`) or by name, each with or without a version or an alias.

    >>> str(resolve_function("shop:live", region="eu-west-1", account_id="111122223333"))
    'arn:aws:lambda:eu-west-1:111122223333:function:shop:live'
    """
    if name.startswith("arn:"):
        return parse_function_arn(name)
    match = _PARTIAL.fullmatch(name)
    owner, rest = (match["account_id"], match["rest"]) if match else (account_id, name)
    try:
        return parse_function_arn(f"arn:{partition}:lambda:{region}:{owner}:function:{rest}")
    except UsageError:
        raise UsageError(
            f"{name!r} is not the name of a function; write NAME, NAME:ALIAS, "
            "ACCOUNT:function:NAME or its ARN"
        ) from None


def function_name(function: str) -> str:
    """The bare name of a function that is named in any of these ways.

    >>> function_name("arn:aws:lambda:eu-west-1:111122223333:function:shop:live")
    'shop'
    >>> function_name("111122223333:function:shop"), function_name("shop:7"), function_name("")
    ('shop', 'shop', '')
    """
    return function.rpartition(":function:")[2].partition(":")[0]


def require_account(arn: FunctionArn, account_id: str) -> None:
    """UsageError unless the function belongs to `account_id`."""
    if arn.account_id != account_id:
        raise UsageError(
            f"{arn} belongs to account {arn.account_id}, the tuner to {account_id}; "
            "deploy the tuner in the function's account and run it there"
        )
