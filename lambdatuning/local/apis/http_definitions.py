"""HTTP APIs made in one step: quick create, and the OpenAPI definition in a stack's `Body`.

By CreateApi in the API Gateway V2 API Reference (`target`), and "Working with OpenAPI definitions
for HTTP APIs" in the Developer Guide; SAM (`AWS::Serverless::HttpApi`) writes them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .asgi import Answer, Services

_INTEGRATION = "x-amazon-apigateway-integration"
_ANY = "x-amazon-apigateway-any-method"
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options", _ANY)
_COPIED = ("payloadFormatVersion", "timeoutInMillis", "connectionType", "credentials")


async def quick_create(
    services: Services, region: str, api_id: str, given: Mapping[str, Any]
) -> None:
    """Make the route, the integration and the stage that a CreateApi with a `target` makes."""
    target = str(given["target"])
    integration: dict[str, Any] = {
        "integrationType": "HTTP_PROXY",
        "integrationUri": target,
        "integrationMethod": "ANY",
        "payloadFormatVersion": "1.0",
    }
    if target.startswith("arn:"):
        integration = {
            "integrationType": "AWS_PROXY",
            "integrationUri": target,
            "payloadFormatVersion": "2.0",
        }
    api = _Api(services, region, api_id)
    await api.add_route(str(given.get("routeKey") or "$default"), integration)
    await api.call("POST", "stages", {"stageName": "$default", "autoDeploy": True})


async def define(
    services: Services, region: str, api_id: str, definition: Mapping[str, Any]
) -> None:
    """Give an API the routes of an OpenAPI definition, instead of those that it has."""
    api = _Api(services, region, api_id)
    for kind, name in (("routes", "routeId"), ("integrations", "integrationId")):
        answer = await api.call("GET", kind)
        for item in json.loads(answer.body).get("items", []):
            await api.call("DELETE", f"{kind}/{item[name]}")
    for route_key, integration in routes_of(definition):
        await api.add_route(route_key, integration)


def routes_of(definition: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The key of each route with an integration, and that as CreateIntegration takes it."""
    for path, operations in (definition.get("paths") or {}).items():
        for method, operation in operations.items():
            if method.lower() not in _METHODS or _INTEGRATION not in (operation or {}):
                continue
            extension = operation[_INTEGRATION]
            copied = {name: extension[name] for name in _COPIED if name in extension}
            verb = "ANY" if method == _ANY else method.upper()
            yield (
                "$default" if path == "/$default" else f"{verb} {path}",
                {
                    "integrationType": str(extension.get("type", "aws_proxy")).upper(),
                    "integrationUri": extension.get("uri", ""),
                    "integrationMethod": str(extension.get("httpMethod", "POST")).upper(),
                    **copied,
                },
            )


class _Api:
    """One API, called as its owner."""

    def __init__(self, services: Services, region: str, api_id: str) -> None:
        self._services = services
        self._region = region
        self._path = f"/v2/apis/{api_id}"

    async def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Answer:
        body = b"" if given is None else json.dumps(given).encode()
        headers = {"content-type": "application/json"}
        target = f"{self._path}/{path}"
        return await self._services.ask(
            "apigateway", method, target, body, headers, region=self._region
        )

    async def add_route(self, key: str, integration: Mapping[str, Any]) -> None:
        answer = await self.call("POST", "integrations", integration)
        made = json.loads(answer.body)["integrationId"]
        await self.call("POST", "routes", {"routeKey": key, "target": f"integrations/{made}"})
