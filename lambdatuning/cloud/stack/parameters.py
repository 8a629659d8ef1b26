"""Parameters of a template: what CloudFormation or IAM would refuse is refused beforehand."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ...core.errors import UsageError, closest
from .package import Template, TemplateParameter

MAX_CHARACTERS = 4_096
"""CloudFormation's limit for the value of a parameter."""

MAX_POLICY_CHARACTERS = 10_240
"""IAM's limit for the inline policies of a role together."""

_A_NAME, _AN_ARN = "n" * 14, "a" * 125
"""A region or account, and the ARN of a function whose name CloudFormation made."""

Values = Mapping[str, Any]


def check_parameters(template: Template, values: Mapping[str, str]) -> None:
    """UsageError for names and values that cannot be, before anything is created."""
    declared = template.get("Parameters", {})
    for name, value in values.items():
        if name not in declared:
            raise UsageError(f'the stack has no parameter "{name}"; {closest(name, declared)}')
        _check_value(name, value, declared[name])
    for role, characters in policy_sizes(template, values).items():
        if characters > MAX_POLICY_CHARACTERS:
            raise UsageError(
                f"the policies of {role} would have about {characters:,} characters, of which IAM "
                f"takes {MAX_POLICY_CHARACTERS:,}: name several functions by one pattern with *"
            )


def _check_value(name: str, value: str, declared: TemplateParameter) -> None:
    allowed = [str(option) for option in declared.get("AllowedValues", ())]
    if allowed and value not in allowed:
        raise UsageError(f'{name} must be one of {", ".join(allowed)}; not "{value}"')
    pattern = str(declared.get("AllowedPattern", ".*"))
    for part in _parts(value, declared):
        if not re.fullmatch(pattern, part, re.DOTALL):
            raise UsageError(f'{name} must match {pattern}; not "{part}"')
    if len(value) > MAX_CHARACTERS:
        raise UsageError(
            f"{name} has {len(value):,} characters, of which CloudFormation takes "
            f"{MAX_CHARACTERS:,}: name several things by one pattern with *"
        )
    if declared["Type"] == "Number" and not _in_range(value, declared):
        low, high = declared.get("MinValue", "-"), declared.get("MaxValue", "-")
        raise UsageError(f'{name} must be a number from {low} to {high}; not "{value}"')


def _parts(value: str, declared: TemplateParameter) -> list[str]:
    """Each value of a list by itself."""
    is_list = declared["Type"] == "CommaDelimitedList"
    return [part.strip() for part in value.split(",")] if is_list else [value]


def _in_range(value: str, declared: TemplateParameter) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    low, high = declared.get("MinValue", number), declared.get("MaxValue", number)
    return float(low) <= number <= float(high)


# How large the policies become.


def policy_sizes(template: Template, values: Mapping[str, str]) -> dict[str, int]:
    """About how many characters the inline policies of each role have, white space left out as IAM
    does."""
    declared = template.get("Parameters", {})
    by_name = {
        name: values.get(name, str(parameter.get("Default", "")))
        for name, parameter in declared.items()
    }
    conditions = template.get("Conditions", {})
    holds = {name: _holds(condition, by_name, conditions) for name, condition in conditions.items()}
    return {
        logical_id: len(_compact(_resolved(resource["Properties"]["Policies"], by_name, holds)))
        for logical_id, resource in template["Resources"].items()
        if "Policies" in resource.get("Properties", {}) and resource["Type"] == "AWS::IAM::Role"
    }


def _compact(policies: Any) -> str:
    return json.dumps(policies, separators=(",", ":"))


def _holds(condition: Mapping[str, Any], parameters: Values, conditions: Mapping[str, Any]) -> bool:
    """Whether a condition of a template holds with these parameters."""
    ((name, argument),) = condition.items()
    if name == "Condition":
        # A template without that condition is CloudFormation's to refuse.
        return argument in conditions and _holds(conditions[argument], parameters, conditions)
    if name == "Fn::Equals":
        left, right = (str(_resolved(operand, parameters, {})) for operand in argument)
        return left == right
    parts = [_holds(operand, parameters, conditions) for operand in argument]
    return not parts[0] if name == "Fn::Not" else all(parts) if name == "Fn::And" else any(parts)


def _resolved(value: Any, parameters: Values, holds: Mapping[str, bool]) -> Any:
    """The value, as long as CloudFormation would make it."""
    if isinstance(value, list):
        resolved = (_resolved(inner, parameters, holds) for inner in value)
        return [part for part in resolved if part is not None]
    if not isinstance(value, dict):
        return value
    name, argument = next(iter(value.items()), ("", None))
    if len(value) != 1 or name not in _FUNCTIONS:
        return {key: _resolved(inner, parameters, holds) for key, inner in value.items()}
    if name == "Fn::If" and isinstance(argument, list):
        condition, yes, no = argument
        return _resolved(yes if holds.get(condition) else no, parameters, holds)
    return _FUNCTIONS[name](_resolved(argument, parameters, holds), parameters)


def _ref(name: str, parameters: Values) -> Any:
    return None if name == "AWS::NoValue" else parameters.get(name, _A_NAME)


def _sub(argument: Any, parameters: Values) -> str:
    text, names = argument if isinstance(argument, list) else (argument, {})
    names_to_values = {**parameters, **names}

    def value(match: "re.Match[str]") -> str:
        return str(names_to_values.get(match[1], _AN_ARN if "." in match[1] else _A_NAME))

    return re.sub(r"\$\{([^}]+)\}", value, text)


def _join(separator: str, values: Any) -> str:
    """A parameter that is a list is one text here, with commas."""
    parts = values if isinstance(values, list) else str(values).split(",")
    return separator.join(map(str, parts))


_FUNCTIONS: Mapping[str, Callable[[Any, Values], Any]] = {
    "Ref": _ref,
    "Fn::GetAtt": lambda _, __: _AN_ARN,
    "Fn::If": lambda argument, _: argument,
    "Fn::Join": lambda argument, _: _join(*argument),
    "Fn::Split": lambda argument, _: str(argument[1]).split(argument[0]),
    "Fn::Sub": _sub,
}
