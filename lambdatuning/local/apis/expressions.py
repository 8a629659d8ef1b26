"""The grammar of DynamoDB's expressions, checked before ministack, which takes some broken ones.

By the "Expressions" chapters of the DynamoDB Developer Guide; texts are the service's.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>()\[\],.+-]|[#:]\w+|[A-Za-z_]\w*|\d+)")
_SUM = re.compile(r"(:\w+|[\w.#\[\])]+)\s*([+-])\s*(:\w+)?")
_NAME = re.compile(r"#\w+|[A-Za-z_]\w*")
_KEYWORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}
_COMPARATORS = {"=", "<>", "<", "<=", ">", ">="}


@functools.cache
def _reserved_words() -> frozenset[str]:
    lines = Path(__file__).with_name("reserved_words.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


_FUNCTIONS = {
    "attribute_exists": ("condition", 1),
    "attribute_not_exists": ("condition", 1),
    "attribute_type": ("condition", 2),
    "begins_with": ("condition", 2),
    "contains": ("condition", 2),
    "size": ("condition", 1),
    "if_not_exists": ("update", 2),
    "list_append": ("update", 2),
}
"""In which expressions a function may stand, and with how many operands."""


class _BrokenError(Exception):
    """What is wrong with an expression, as DynamoDB says it."""


def problem_of(body: bytes) -> str:
    """What DynamoDB would refuse of the expressions in a call; "" for nothing."""
    try:
        call = json.loads(body)
    except ValueError:
        return ""
    return next((problem for part in _parts(call) if (problem := _problem_of_part(part))), "")


def _parts(call: Any) -> Iterator[dict[str, Any]]:
    """The call itself, and each action of a transaction."""
    if isinstance(call, dict):
        yield call
        for item in call.get("TransactItems") or ():
            if isinstance(item, dict):
                yield from (action for action in item.values() if isinstance(action, dict))


def _problem_of_part(part: dict[str, Any]) -> str:
    for name in _CHECKS:
        text = part.get(name)
        if isinstance(text, str):
            values = part.get("ExpressionAttributeValues")
            if problem := _problem(name, text) or _problem_of_sums(name, text, values):
                return f"Invalid {name}: {problem}"
    return ""


def _problem_of_sums(name: str, text: str, values: Any) -> str:
    """Only numbers are added and subtracted."""
    if name != "UpdateExpression" or not isinstance(values, dict):
        return ""
    for before, sign, after in _SUM.findall(text):
        for operand in (before, after):
            value = values.get(operand)
            kind = next(iter(value), "N") if isinstance(value, dict) else "N"
            if kind != "N":
                return (
                    "Incorrect operand type for operator or function; operator or function: "
                    f"{sign}, operand type: {kind}"
                )
    return ""


@functools.lru_cache(maxsize=1024)
def _problem(name: str, text: str) -> str:
    if not text.strip():
        return "The expression can not be empty;"
    try:
        parser = _Parser(text)
        _CHECKS[name](parser)
        parser.end()
    except _BrokenError as exc:
        return str(exc)
    except RecursionError:
        return "Expression is nested too deeply"
    return ""


class _Parser:
    """Reads an expression token by token."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                wrong = text[at:].strip()[:1]
                raise _BrokenError(_syntax_error(wrong, text[max(0, at - 10) : at + 10].strip()))
            self._tokens.append(match[1])
            at = match.end()
        self._at = 0
        self._updates = False

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else "<EOF>"

    def keyword(self) -> str:
        """The next token in capital letters, if it is a keyword; else ""."""
        word = self.peek().upper()
        return word if word in _KEYWORDS else ""

    def take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def expect(self, fits: bool) -> str:
        """The next token, which must be what is wanted."""
        if not fits:
            near = " ".join(self._tokens[max(0, self._at - 1) : self._at + 2])
            raise _BrokenError(_syntax_error(self.peek(), near))
        return self.take()

    def end(self) -> None:
        self.expect(self.peek() == "<EOF>")
        self._at -= 1

    def listed(self, item: Callable[[], None]) -> int:
        """One item or more, with commas between; how many there are."""
        item()
        count = 1
        while self.peek() == ",":
            self.take()
            item()
            count += 1
        return count

    def path(self) -> None:
        self.attribute()
        while self.peek() in (".", "["):
            if self.take() == ".":
                self.attribute()
            else:
                self.expect(self.peek().isdigit())
                self.expect(self.peek() == "]")

    def attribute(self) -> None:
        name = self.expect(bool(_NAME.fullmatch(self.peek())) and not self.keyword())
        # What brackets follow is a function.
        if name.upper() in _reserved_words() and self.peek() != "(":
            raise _BrokenError(f"Attribute name is a reserved keyword; reserved keyword: {name}")

    def operand(self) -> None:
        if self.peek() == "(":
            self.take()
            self.value()
            self.expect(self.peek() == ")")
        elif self.peek().startswith(":"):
            self.take()
        else:
            self.path()
            self.arguments()

    def arguments(self) -> None:
        """What is in the brackets of a function, if there are any."""
        if self.peek() != "(":
            return
        name = self._tokens[self._at - 1]
        if name not in _FUNCTIONS:
            raise _BrokenError(f"Invalid function name; function: {name}")
        kind, count = _FUNCTIONS[name]
        if kind != ("update" if self._updates else "condition"):
            place = "an update" if self._updates else "a condition"
            text = f"The function is not allowed in {place} expression; function: {name}"
            raise _BrokenError(text)
        self.take()
        operands = self.listed(self.operand)
        self.expect(self.peek() == ")")
        if operands != count:
            raise _BrokenError(
                "Incorrect number of operands for operator or function; operator or function: "
                f"{name}, number of operands: {operands}"
            )

    def value(self) -> None:
        self.operand()
        if self.peek() in ("+", "-"):
            self.take()
            self.operand()

    def update(self) -> None:
        self._updates = True
        clauses: set[str] = set()
        while self.peek() != "<EOF>":
            clause = self.peek().upper()
            self.expect(clause in _CLAUSES)
            if clause in clauses:
                text = f'The "{clause}" section can only be used once in an update expression;'
                raise _BrokenError(text)
            clauses.add(clause)
            self.listed(lambda clause=clause: _CLAUSES[clause](self))  # type: ignore[misc]

    def assignment(self) -> None:
        self.path()
        self.expect(self.peek() == "=")
        self.value()

    def addition(self) -> None:
        self.path()
        self.expect(self.peek().startswith(":"))

    def condition(self) -> None:
        self.term()
        while self.keyword() in ("AND", "OR"):
            self.take()
            self.term()

    def key_condition(self) -> None:
        if "OR" in (token.upper() for token in self._tokens):
            raise _BrokenError("Invalid operator used in KeyConditionExpression: OR")
        self.condition()

    def term(self) -> None:
        while self.keyword() == "NOT":
            self.take()
        if self.peek() == "(":
            self.take()
            self.condition()
            self.expect(self.peek() == ")")
            return
        self.operand()
        self.comparison()

    def comparison(self) -> None:
        if self.peek() in _COMPARATORS:
            self.take()
            self.operand()
        elif self.keyword() == "BETWEEN":
            self.take()
            self.operand()
            self.expect(self.keyword() == "AND")
            self.operand()
        elif self.keyword() == "IN":
            self.take()
            self.expect(self.peek() == "(")
            self.listed(self.operand)
            self.expect(self.peek() == ")")
        else:
            # A function may stand alone, a path or a value may not.
            self.expect(self._tokens[self._at - 1] == ")")
            self._at -= 1


def _syntax_error(token: str, near: str) -> str:
    return f'Syntax error; token: "{token}", near: "{near}"'


_CLAUSES: dict[str, Callable[[_Parser], None]] = {
    "SET": _Parser.assignment,
    "REMOVE": _Parser.path,
    "ADD": _Parser.addition,
    "DELETE": _Parser.addition,
}
_CHECKS: dict[str, Callable[[_Parser], Any]] = {
    "UpdateExpression": _Parser.update,
    "ConditionExpression": _Parser.condition,
    "FilterExpression": _Parser.condition,
    "KeyConditionExpression": _Parser.key_condition,
    "ProjectionExpression": lambda parser: parser.listed(parser.path),
}
