"""The stack of `template.yaml`, from plan to removal: packaged, deployed, watched, removed.

deploy, destroy        a plan (what changes, what goes), shown, then executed
status                 what a stack is and says of itself while CloudFormation works on it
package, parameters    the template and its code as sent; parameters that would be refused
bucket                 where code packages lie
"""

from .deploy import (
    DEFAULT_STACK,
    DeployOptions,
    DeployPlan,
    ResourceChange,
    discard,
    execute,
    plan_deploy,
)
from .destroy import DestroyPlan, execute_destroy, leftovers, plan_destroy
from .status import (
    WAITING,
    StackEvent,
    StackResource,
    StackStatus,
    Waiting,
    find,
    resources,
    status,
)

__all__ = [
    "DEFAULT_STACK",
    "WAITING",
    "DeployOptions",
    "DeployPlan",
    "DestroyPlan",
    "ResourceChange",
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
