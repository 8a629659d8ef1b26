"""The stack, from plan to removal: the door to `stack_state`, `stack_deploy`, `stack_destroy`."""

from .change_set import Change
from .events import WAITING, StackEvent, Waiting
from .stack_deploy import (
    DEFAULT_STACK,
    DeployOptions,
    DeployPlan,
    discard,
    execute,
    plan_deploy,
)
from .stack_destroy import DestroyPlan, execute_destroy, leftovers, plan_destroy
from .stack_state import StackResource, StackStatus, find, resources, status

__all__ = [
    "DEFAULT_STACK",
    "WAITING",
    "Change",
    "DeployOptions",
    "DeployPlan",
    "DestroyPlan",
    "StackEvent",
    "StackResource",
    "StackStatus",
    "Waiting",
    "discard",
    "execute",
    "execute_destroy",
    "find",
    "leftovers",
    "plan_deploy",
    "plan_destroy",
    "resources",
    "status",
]
