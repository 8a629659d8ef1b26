"""The Lambda handler of DynamoDBManager: called directly, or by API Gateway as a proxy event."""

import base64
import binascii
import json
import logging
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypedDict

from botocore.exceptions import ClientError

from .operations import OPERATIONS, TABLE_NAME
from .wire import shown, to_json

MAX_RESPONSE_BYTES = 6 * 1024 * 1024
"""Lambda's limit, which holds for the whole proxy response."""

_MAY_BE_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""A surrogate: half of a character, unless the other half stands beside it."""
_MOST_DIGITS = 4300
"""Of a whole number: longer ones Python does not read (a DynamoDB number has 38)."""
_STATUS = {
    "AccessDeniedException": 403,
    "ConditionalCheckFailedException": 409,
    "ItemCollectionSizeLimitExceededException": 413,
    "ProvisionedThroughputExceededException": 429,
    "RequestLimitExceeded": 429,
    "ThrottlingException": 429,
    "ValidationException": 400,
}


def handler(event: Any, _context: object) -> Any:
    """The result of the operation; through API Gateway, a proxy response that carries it.

    Called directly it raises ValueError for what can never work, PermissionError for a table that
    is not its own, and botocore's ClientError for what DynamoDB refuses.
    """
    if isinstance(event, dict) and "requestContext" in event and "operation" not in event:
        return respond(event)
    return perform(event)


def perform(request: Any) -> Any:
    """Do what `{"operation", "tableName", "payload"}` asks; numbers come as int or Decimal."""
    if not isinstance(request, dict) or "operation" not in request:
        raise ValueError('The request must be a JSON object with "operation"')
    operation = request["operation"]
    if not isinstance(operation, str) or operation not in OPERATIONS:
        raise ValueError(f"Unrecognized operation {shown(operation)}")
    if request.get("tableName", TABLE_NAME) != TABLE_NAME:
        raise PermissionError(f"Table {shown(request['tableName'])} is not that of this function")
    return OPERATIONS[operation](request.get("payload"))


class Response(TypedDict):
    """A proxy response, as API Gateway and function URLs take it."""

    statusCode: int
    headers: Mapping[str, str]
    body: str


def respond(event: Mapping[str, Any]) -> Response:
    """The proxy response to a proxy event; whatever happens, never a stack trace."""
    try:
        return _answer(_body(event))
    except PermissionError as exc:
        return _error(403, "Forbidden", str(exc))
    except RecursionError:
        return _error(400, "BadRequest", "The body is nested too deeply")
    except ValueError as exc:
        return _error(400, "BadRequest", str(exc))
    except ClientError as exc:
        return _refused(exc.response["Error"])
    except Exception:
        logging.exception("unexpected error")
        return _internal_error()


def _answer(request: Any) -> Response:
    result = perform(request)
    if request["operation"] == "read" and "Item" not in result:
        return _error(404, "NotFound", "There is no item with this key")
    return _reply(200, to_json(result))


def _body(event: Mapping[str, Any]) -> Any:
    body = event.get("body")
    if not body:
        raise ValueError("The request has no body; send a JSON object")
    try:
        text = _text(body, is_base64=bool(event.get("isBase64Encoded")))
        value = json.loads(
            text, parse_float=Decimal, parse_int=_whole_number, parse_constant=_refuse_constant
        )
    except ValueError as exc:
        raise ValueError(f"The body is not JSON: {exc}") from exc
    if _MAY_BE_HALF.search(text):
        _refuse_half_characters(value)
    return value


def _text(body: Any, *, is_base64: bool) -> str:
    try:
        text = base64.b64decode(body, validate=True).decode() if is_base64 else str(body)
        text.encode()
    except binascii.Error as exc:
        raise ValueError("it is said to be base64, and is not") from exc
    except UnicodeError as exc:
        raise ValueError("it is not UTF-8") from exc
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark")
    return text


def _refuse_half_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as exc:
        raise ValueError("The body holds half a character (a lone surrogate)") from exc


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(digits):,} digits")
    return int(digits)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _refused(error: Mapping[str, str]) -> Response:
    """What DynamoDB's refusal means to a caller."""
    code, message = error["Code"], error.get("Message", "")
    if code not in _STATUS:
        logging.error("DynamoDB refused: %s: %s", code, message)
        return _internal_error()
    if code == "AccessDeniedException":  # its text names roles and ARNs, no business of a caller
        message = "This function may not do that"
    if code == "ValidationException" and "size" in message and "exceeded" in message:
        return _error(413, code, message)
    return _error(_STATUS[code], code, message)


def _internal_error() -> Response:
    return _error(500, "InternalError", "Internal error; the log of the function says more")


def _error(status: int, kind: str, message: str) -> Response:
    return _reply(status, json.dumps({"error": {"type": kind, "message": message}}))


def _reply(status: int, body: str) -> Response:
    # The body is escaped once more on its way out, seven bytes for one at worst: only what might
    # come near the limit is worth measuring.
    if len(body) > MAX_RESPONSE_BYTES // 7 and len(json.dumps(body)) > MAX_RESPONSE_BYTES - 1024:
        return _error(413, "ResponseTooLarge", "The result is over 6 MB; ask for less of it")
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}
