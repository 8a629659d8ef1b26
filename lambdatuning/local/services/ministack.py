"""The seam: every name of ministack that this package touches, and the only module that imports it.

`PUBLIC` is what it offers; `PRIVATE` is what it does not, each with the parameters that we rely on.
A guard test fails when one of them moves: a new version is a new `PINNED_VERSION`, and what that
test then names.
"""

from importlib import import_module
from typing import Any

from ..settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY

PINNED_VERSION = "1.5.33"

Names = dict[str, tuple[str, ...] | None]
"""Names of a module, with the first parameters of those that are functions."""

_CONDITIONS: Names = {"_evaluate_conditions": ("template", "params")}
_INTEGRATION = ("integration", "api_id", "stage_name", "stage", "resource", "request_path")

PRIVATE: dict[str, Names] = {
    "services.lambda_svc": {
        # Called for every invocation, whoever asks, after concurrency limits; replaced by ours.
        "_execute_function_dispatch": ("func", "config", "event", "request_id", "started"),
        # The same, limits included: how an asynchronous invocation is tried again.
        "_execute_function": ("func", "event"),
        # How stacks get code, whose absence they pass over.
        "_fetch_code_from_s3": ("bucket", "key", "version_id"),
        "_functions": None,
        "_layers": None,
        "_LAMBDA_STATE_TRANSITION_DELAY": None,
    },
    "services.apigateway_v1": {
        "_invoke_lambda_custom_v1": _INTEGRATION,
        "_invoke_lambda_proxy_v1": _INTEGRATION,
    },
    "services.apigateway": {
        "_invoke_lambda_proxy": (
            *("integration", "api_id", "stage", "path", "method", "headers", "body"),
            *("query_params", "route_key", "path_params"),
        ),
    },
    "services.cloudformation.engine": _CONDITIONS,
    "services.cloudformation.changesets": {
        **_CONDITIONS,
        "_resolve_props_for_diff": ("template", "params", "stack_name", "stack_id"),
    },
    "services.cloudformation.helpers": {
        # The text behind TemplateURL and StackPolicyURL.
        "_resolve_document": ("params", "body_key", "url_key", "label"),
    },
    "services.cloudformation.handlers": _CONDITIONS,
    "services.cloudformation.provisioners": {"_REPLACING_PROPERTIES": None},
    "services.cloudformation.stacks": {
        **_CONDITIONS,
        # Each resource of a stack goes through these.
        "_provision_resource": ("resource_type", "logical_id", "props", "stack_name"),
        "_update_resource": ("resource_type", "physical_id", "old_props", "new_props"),
        "_delete_resource": ("resource_type", "physical_id", "props", "stack_name", "logical_id"),
    },
    "services.stepfunctions": {
        "_ExecutionError": None,
        "_call_lambda": ("func_ref", "event"),
        "_execute_task": ("state_def", "raw_input", "execution", "ctx"),
        "_run_map_items": ("state_def", "raw_input", "execution", "ctx"),
    },
    "core.iam_evaluator": {"_gather_role_policies": ("role_name", "account_id")},
    # Whose protocol says how an answer is typed.
    "core.responses": {"_service_model": ("service",), "_BOTOCORE_NAME": None},
}

PUBLIC: dict[str, Names] = {
    "app": {"app": None},
    "core.iam_actions": {
        "access_denied_response": None,
        "extract_iam_action": None,
        "extract_resource_arn": None,
    },
    "core.iam_evaluator": {
        "AuthError": None,
        "EvalContext": None,
        "evaluate": None,
        "resolve_credential": None,
        "resolve_principal": None,
    },
    "core.router": {"detect_service": None},
    "core.sigv4": {
        "header_signature_failure": None,
        "parse_header_signature": None,
        "parse_query_signature": None,
        "request_time_failure": None,
    },
    "services.apigateway": {"route_authorization_type": None},
    "services.apigateway_v1": {"method_authorization_type": None},
    "services.lambda_svc": {
        "invoke_async_with_retry": ("func", "event"),
        "resolve_function_url": None,
    },
    # Its own POST /_ministack/config sets it by this name.
    "services.stepfunctions": {"_SFN_WAIT_SCALE": None},
}


def part(module: str, name: str) -> Any:
    """A name of ministack's that the seam lists."""
    _listed(module, name)
    return getattr(import_module(f"ministack.{module}"), name)


def put(module: str, name: str, value: Any) -> None:
    """Replace a name of ministack's that the seam lists."""
    _listed(module, name)
    setattr(import_module(f"ministack.{module}"), name, value)


def _listed(module: str, name: str) -> None:
    if name not in {**PRIVATE.get(module, {}), **PUBLIC.get(module, {})}:
        raise AttributeError(f"ministack.{module}.{name} is not in the seam")


def application() -> Any:
    """ministack's ASGI application."""
    return part("app", "app")


def settings(*, port: int, account_id: str, region: str, folder: str) -> dict[str, str]:
    """Environment variables that ministack reads when it is imported."""
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": account_id,
        "MINISTACK_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
        # It would look for containers of its own in the user's Docker, and remove them.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": folder,
    }
