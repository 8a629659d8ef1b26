"""The stack of `template.yaml`, from plan to removal: packaged, deployed, watched, removed."""

from .change_set import Change
from .deploy import DEFAULT_STACK, DeployOptions, DeployPlan, discard, execute, plan_deploy
from .destroy import DestroyPlan, execute_destroy, leftovers, plan_destroy
from .events import WAITING, StackEvent, Waiting
from .state import StackResource, StackStatus, find, resources, status

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
