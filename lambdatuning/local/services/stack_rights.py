"""What CloudFormation must be allowed to do for a resource of a stack, in whose name it works.

`stack_rights.json` says it for each type: the actions of its handlers, "" or the property that
needs one, and what they are on. Types that are not in it are not authorised.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from ..settings import ACCOUNT_ID, REGION

_SUFFIX = "-1A2B3C4D5E6F"
"""What CloudFormation puts behind the names that it makes, in the form of it."""

_DEFAULTS = {"Path": "/"}


@dataclass(frozen=True)
class Right:
    """An action on a resource; `passed_to` is the service that a role is passed to, else ""."""

    action: str
    resource: str
    passed_to: str = ""


@dataclass(frozen=True)
class ResourceUpdate:
    """A resource before and after, by its properties; `id` is its physical one, or "" for none."""

    stack: str
    logical_id: str
    type: str
    handler: str
    """create, update or delete."""
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    id: str = ""


def rights_for(change: ResourceUpdate) -> Iterator[Right]:
    """What must be allowed for it, in the order of its calls."""
    rules = _rules().get(change.type)
    if rules is None:
        return
    values = {**_DEFAULTS, **change.new, "account": ACCOUNT_ID, "region": REGION}
    values["id"] = change.id or change.new.get(rules.get("name", "")) or _made_up(change)
    for action, property_path in rules[change.handler].items():
        if property_path and not _concerns(change, property_path):
            continue
        passed_to = rules["passed_to"] if action == "iam:PassRole" else ""
        for resource in _resources(rules, action, values):
            yield Right(action, resource, passed_to)


@cache
def _rules() -> dict[str, Any]:
    text = files(__package__).joinpath("stack_rights.json").read_text("utf-8")
    types: dict[str, Any] = json.loads(text)["types"]
    return types


def _made_up(change: ResourceUpdate) -> str:
    """A name as CloudFormation makes them; a bucket's is in lower case."""
    name = f"{change.stack}-{change.logical_id}{_SUFFIX}"
    return name.lower() if change.type == "AWS::S3::Bucket" else name


def _concerns(change: ResourceUpdate, property_path: str) -> bool:
    """Whether a handler has to do with this property: it is given and, in an update, another."""
    value = _at(change.new, property_path)
    is_set = value not in (None, "", [], {})
    return is_set and (change.handler != "update" or value != _at(change.old, property_path))


def _at(properties: Any, path: str) -> Any:
    for name in path.split("."):
        properties = properties.get(name) if isinstance(properties, Mapping) else None
    return properties


def _resources(rules: Mapping[str, Any], action: str, values: Mapping[str, Any]) -> list[str]:
    pattern = rules.get("on", {}).get(action) or rules["resource"]
    items = values[rules["each"]] if "each" in rules else [""]
    return [_arn(pattern.format_map({**values, "each": one})) for one in items]


def _arn(text: str) -> str:
    """The ARN itself where a property or a physical id was one already."""
    return text[max(0, text.rfind("arn:")) :]


@dataclass
class StackRoles:
    """The roles by which CloudFormation works: a stack keeps the last that was given for it."""

    of_stacks: dict[str, str] = field(default_factory=dict)
    of_change_sets: dict[tuple[str, str], str] = field(default_factory=dict)

    def for_call(self, operation: str, stack: str, parameters: Mapping[str, str]) -> str:
        """Note what a call of CloudFormation says; the ARN of the role that works for it, or ""."""
        role = parameters.get("RoleARN", "")
        change_set = parameters.get("ChangeSetName", "").partition(":changeSet/")
        key = (stack, (change_set[2] or change_set[0]).partition("/")[0])
        if operation == "CreateStack" or parameters.get("ChangeSetType") == "CREATE":
            self.of_stacks.pop(stack, None)
        if operation == "CreateChangeSet":
            self.of_change_sets[key] = role
            return role
        if operation == "ExecuteChangeSet":
            role = self.of_change_sets.pop(key, "")
        if role:
            self.of_stacks[stack] = role
        return self.of_stacks.get(stack, "")
