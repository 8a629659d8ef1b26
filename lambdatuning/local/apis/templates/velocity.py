"""Apache Velocity's template language, as far as mapping templates of API Gateway use it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .java_values import (
    MOST_TURNS,
    UNDEFINED,
    TemplateError,
    Undefined,
    called,
    computed,
    holds,
    item_of,
    property_of,
    text_of,
    whole_numbers,
)
from .json_paths import items_of


class _Stopped(Exception):  # noqa: N818 - no error
    """`#stop`."""


class _Broken(Exception):  # noqa: N818 - no error
    """`#break`."""


Names = dict[str, Any]
Expression = Callable[[Names], Any]


@dataclass(frozen=True)
class _Reference:
    """`$a.b(c)[d]`: where it begins, the steps from there, its own text, whether it is quiet."""

    name: str
    steps: tuple[tuple[str, Any], ...]
    source: str
    quiet: bool

    def value(self, names: Names) -> Any:
        if self.name not in names:
            return UNDEFINED
        value = names[self.name]
        for kind, operand in self.steps:
            if kind == "property":
                value = property_of(value, operand)
            elif kind == "index":
                value = item_of(value, operand(names))
            else:
                name, arguments = operand
                value = called(value, name, [one(names) for one in arguments], self.source)
            if isinstance(value, Undefined):
                return value
        return value

    def put(self, names: Names, value: Any) -> None:
        if not self.steps:
            names[self.name] = value
            return
        holder: Any = names.get(self.name, UNDEFINED)
        for kind, operand in self.steps[:-1]:
            inner = operand(names) if kind == "index" else operand
            if isinstance(holder, dict) and inner not in holder:
                holder[inner] = {}
            holder = item_of(holder, inner)
        kind, operand = self.steps[-1]
        last = operand(names) if kind == "index" else operand
        if kind == "call" or not isinstance(holder, dict | list):
            raise TemplateError(f"{self.source} cannot be set")
        holder[last] = value

    def shown(self, names: Names) -> str:
        value = self.value(names)
        if value is None or isinstance(value, Undefined):
            return "" if self.quiet else self.source
        return text_of(value)


Node = Callable[[Names], Iterator[str]]
"""Writes a part of a template, piece by piece."""

_DIRECTIVES = ("set", "if", "elseif", "else", "end", "foreach", "break", "stop")
_DIRECTIVE = re.compile(r"#(?:\{(\w+)\}|(\w+))")
_REFERENCE = re.compile(r"\$(!)?(\{)?(?=[A-Za-z_])")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<single>'[^']*')|(?P<double>"(?:[^"]|"")*")
    |(?P<op>\.\.|&&|\|\||==|!=|<=|>=|[-+*/%<>!()\[\]{},:])|(?P<word>[A-Za-z_]\w*))""",
    re.VERBOSE,
)
_WORDS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&&"} | {
    "or": "||",
    "not": "!",
}
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))


class VelocityTemplate:
    """A template, read once. Raises `TemplateError` for what is not known or is broken."""

    def __init__(self, source: str) -> None:
        reader = _Reader(source)
        self._nodes, ended = reader.block(())
        assert ended == ""

    def rendered(self, names: Names) -> str:
        """The text with these names in it."""
        parts: list[str] = []
        names = dict(names)
        try:
            for node in self._nodes:
                parts.extend(node(names))
        except (_Stopped, _Broken):
            pass
        return "".join(parts)


class _Reader:
    """Reads a template from left to right."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    # Text and directives

    def block(self, ends: tuple[str, ...]) -> tuple[list[Node], str]:
        """All up to one of the directives that end this block, and which one it was."""
        nodes: list[Node] = []
        source = self._source
        while self._at < len(source):
            begin = self._at
            while self._at < len(source) and source[self._at] not in "#$\\":
                self._at += 1
            if self._at > begin:
                nodes.append(_text(source[begin : self._at]))
                continue
            if source[self._at] == "#":
                ended = self._directive(nodes, ends)
                if ended:
                    return nodes, ended
            elif source[self._at] == "$":
                nodes.append(self._shown())
            else:
                nodes.append(self._backslash())
        if ends:
            raise TemplateError("the template has no #end for each #if and #foreach")
        return nodes, ""

    def _backslash(self) -> Node:
        escaped = self._source[self._at + 1 : self._at + 2]
        is_escape = escaped in ("$", "#") and escaped != ""
        self._at += 2 if is_escape else 1
        return _text(escaped if is_escape else "\\")

    def _directive(self, nodes: list[Node], ends: tuple[str, ...]) -> str:
        """Read what begins with `#`; the name of the directive, if it ends the block."""
        rest = self._source[self._at : self._at + 3]
        if rest.startswith("##"):
            end = self._source.find("\n", self._at)
            self._at = len(self._source) if end < 0 else end + 1
        elif rest.startswith("#*"):
            self._skip("*#")
        elif rest.startswith("#[["):
            self._at += 3
            nodes.append(_text(self._skip("]]#")))
        elif (match := _DIRECTIVE.match(self._source, self._at)) is None:
            self._at += 1
            nodes.append(_text("#"))
        else:
            return self._named(match, nodes, ends)
        return ""

    def _skip(self, end: str) -> str:
        begin = self._at
        stop = self._source.find(end, begin)
        if stop < 0:
            raise TemplateError(f"the template lacks a {end}")
        self._at = stop + len(end)
        return self._source[begin:stop]

    def _named(self, match: re.Match[str], nodes: list[Node], ends: tuple[str, ...]) -> str:
        name = match[1] or match[2]
        if match[2] and name not in _DIRECTIVES:
            # #elsefoo is #else, and foo.
            name = "else" if name.startswith("else") else name
        self._at = match.end() - (len(match[2]) - len(name) if match[2] else 0)
        if name in ends:
            return name
        read: Callable[[], Node] | None = {
            "break": lambda: _raising(_Broken),
            "foreach": self._foreach,
            "if": self._if,
            "set": self._set,
            "stop": lambda: _raising(_Stopped),
        }.get(name)
        nodes.append(read() if read else self._no_directive(name, match[0]))
        return ""

    def _no_directive(self, name: str, source: str) -> Node:
        """A colour or an anchor is text; what would be a directive is an error."""
        if name in _DIRECTIVES:
            raise TemplateError(f"#{name} stands outside of #if and #foreach")
        if self._source[self._at : self._at + 1] == "(":
            raise TemplateError(f"the embedded AWS does not know #{name} in mapping templates")
        return _text(source)

    def _set(self) -> Node:
        self._open("#set")
        target = self._reference()
        self._space()
        self._expect("=")
        value = self._expression()
        self._close("#set")

        def run(names: Names) -> Iterator[str]:
            result = value(names)
            # Velocity leaves a name as it was when there is nothing to set it to.
            if result is not None and not isinstance(result, Undefined):
                target.put(names, result)
            return iter(())

        return run

    def _if(self) -> Node:
        branches: list[tuple[Expression, list[Node]]] = []
        otherwise: list[Node] = []
        ended = "elseif"
        while ended == "elseif":
            self._open("#if")
            condition = self._expression()
            self._close("#if")
            nodes, ended = self.block(("elseif", "else", "end"))
            branches.append((condition, nodes))
        if ended == "else":
            otherwise, _ = self.block(("end",))

        def run(names: Names) -> Iterator[str]:
            for condition, nodes in branches:
                if holds(condition(names)):
                    return _all(nodes, names)
            return _all(otherwise, names)

        return run

    def _foreach(self) -> Node:
        self._open("#foreach")
        item = self._reference()
        self._space()
        self._expect("in")
        values = self._expression()
        self._close("#foreach")
        nodes, _ = self.block(("end",))

        def run(names: Names) -> Iterator[str]:
            items = items_of(values(names))
            outer = names.get("foreach")
            for index, one in enumerate(items[:MOST_TURNS]):
                names[item.name] = one
                more = index + 1 < len(items)
                names["foreach"] = {"index": index, "count": index + 1, "hasNext": more}
                names["foreach"] |= {"first": index == 0, "last": not more, "parent": outer}
                names["velocityCount"], names["velocityHasNext"] = index + 1, more
                try:
                    yield from _all(nodes, names)
                except _Broken:
                    break
            names["foreach"] = outer

        return run

    # References

    def _shown(self) -> Node:
        if _REFERENCE.match(self._source, self._at) is None:
            self._at += 1
            return _text("$")
        reference = self._reference()
        return lambda names: iter((reference.shown(names),))

    def _reference(self) -> _Reference:
        self._space()
        begin = self._at
        match = _REFERENCE.match(self._source, begin)
        if match is None:
            raise TemplateError(f"a reference was expected at {self._near()}")
        self._at = match.end()
        name = self._name()
        steps = tuple(self._steps())
        if match[2]:
            self._expect("}")
        return _Reference(name, steps, self._source[begin : self._at], bool(match[1]))

    def _steps(self) -> Iterator[tuple[str, Any]]:
        while True:
            follows = self._source[self._at : self._at + 2]
            if follows[:1] == "[":
                self._at += 1
                index = self._expression()
                self._close("[", "]")
                yield "index", index
            elif follows[:1] == "." and _NAME.match(follows[1:]):
                self._at += 1
                name = self._name()
                if self._source[self._at : self._at + 1] == "(":
                    self._at += 1
                    yield "call", (name, self._listed(")"))
                else:
                    yield "property", name
            else:
                return

    def _name(self) -> str:
        match = _NAME.match(self._source, self._at)
        assert match is not None
        # A hyphen at the end of a name belongs to the text.
        name = match[0].rstrip("-")
        self._at += len(name)
        return name

    # Expressions

    def _expression(self, level: int = 0) -> Expression:
        if level == len(_LEVELS):
            return self._operand()
        left = self._expression(level + 1)
        while (operator := self._peek()) in _LEVELS[level]:
            self._take()
            left = _operation(operator, left, self._expression(level + 1))
        return left

    def _operand(self) -> Expression:
        self._space()
        if self._source[self._at : self._at + 1] == "$":
            return self._reference().value
        match = _TOKEN.match(self._source, self._at)
        if match is None:
            raise TemplateError(f"nothing that is known stands at {self._near()}")
        self._at = match.end()
        if match["number"]:
            number = float(match["number"]) if "." in match["number"] else int(match["number"])
            return lambda _: number
        if match["single"]:
            text = match["single"][1:-1]
            return lambda _: text
        if match["double"]:
            inner = VelocityTemplate(match["double"][1:-1].replace('""', '"'))
            return inner.rendered
        if match["word"] in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[match["word"]]
            return lambda _: constant
        return self._bracketed(_WORDS.get(match["word"] or "", match["op"] or match["word"]))

    def _bracketed(self, opened: str) -> Expression:
        if opened == "(":
            inner = self._expression()
            self._close("(")
            return inner
        if opened == "!":
            negated = self._expression(len(_LEVELS))
            return lambda names: not holds(negated(names))
        if opened == "-":
            positive = self._expression(len(_LEVELS))
            return lambda names: -positive(names)
        if opened == "[":
            return self._list()
        if opened == "{":
            return self._map()
        raise TemplateError(f'"{opened}" is not expected in an expression near {self._near()}')

    def _list(self) -> Expression:
        if self._peek() == "]":
            self._take()
            return lambda _: []
        first = self._expression()
        if self._peek() == "..":
            self._take()
            last = self._expression()
            self._close("[", "]")
            return lambda names: whole_numbers(first(names), last(names))
        rest: list[Expression] = []
        if self._peek() == ",":
            self._take()
            rest = self._listed("]")
        else:
            self._close("[", "]")
        return lambda names: [one(names) for one in (first, *rest)]

    def _map(self) -> Expression:
        pairs: list[tuple[Expression, Expression]] = []
        while self._peek() != "}":
            key = self._expression()
            self._space()
            self._expect(":")
            pairs.append((key, self._expression()))
            if self._peek() == ",":
                self._take()
        self._take()
        return lambda names: {text_of(key(names)): value(names) for key, value in pairs}

    def _listed(self, end: str) -> list[Expression]:
        """Expressions with commas between, up to the bracket at the end."""
        if self._peek() == end:
            self._take()
            return []
        items = [self._expression()]
        while self._peek() == ",":
            self._take()
            items.append(self._expression())
        self._close("(", end)
        return items

    # Tokens

    def _peek(self) -> str:
        match = _TOKEN.match(self._source, self._at)
        word = match and (match["op"] or match["word"])
        return _WORDS.get(word or "", word or "")

    def _take(self) -> None:
        match = _TOKEN.match(self._source, self._at)
        assert match is not None
        self._at = match.end()

    def _space(self) -> None:
        while self._source[self._at : self._at + 1].isspace():
            self._at += 1

    def _expect(self, text: str) -> None:
        if not self._source.startswith(text, self._at):
            raise TemplateError(f'"{text}" was expected at {self._near()}')
        self._at += len(text)

    def _open(self, what: str) -> None:
        self._space()
        if not self._source.startswith("(", self._at):
            raise TemplateError(f"{what} has no bracket at {self._near()}")
        self._at += 1

    def _close(self, what: str, bracket: str = ")") -> None:
        self._space()
        if not self._source.startswith(bracket, self._at):
            raise TemplateError(f'{what} is not closed by "{bracket}" at {self._near()}')
        self._at += 1

    def _near(self) -> str:
        return f'"{self._source[self._at : self._at + 30]}"'


def _text(text: str) -> Node:
    return lambda _: iter((text,))


def _raising(kind: type[Exception]) -> Node:
    def run(_: Names) -> Iterator[str]:
        raise kind

    return run


def _all(nodes: list[Node], names: Names) -> Iterator[str]:
    for node in nodes:
        yield from node(names)


def _operation(operator: str, left: Expression, right: Expression) -> Expression:
    if operator == "&&":
        return lambda names: holds(left(names)) and holds(right(names))
    if operator == "||":
        return lambda names: holds(left(names)) or holds(right(names))
    return lambda names: computed(operator, left(names), right(names))
