"""The one door for values as users write them: each option's type says what it takes.

An option is declared as `cold_share: Share = 0.01`. `hold` keeps a record to such types, `checked`
every call of a function, whoever calls: the command line (whose values are text), a program or a
notebook. `checked` also holds options to plain types: text, names, flags and paths.
"""

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, ParamSpec, TypeVar, get_args, get_origin

from .errors import OptionError, UsageError, closest
from .strategies import MAX_SPEED_WORTH

P = ParamSpec("P")
R = TypeVar("R")


_DECIMAL = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
"""Python's own reading also takes other scripts' digits, and 1_0 for ten."""


@dataclass(frozen=True)
class Range:
    """The numbers that an option takes; `between` leaves out the ends."""

    noun: str
    low: float = -math.inf
    high: float = math.inf
    between: bool = False
    whole: bool = False

    def __repr__(self) -> str:
        return f"{self.noun}{self.limits()}"

    def __call__(self, name: str, value: object) -> float:
        """The value as a number; UsageError names the option and what it takes."""
        read = _number(value)
        inside = self.low < read < self.high if self.between else self.low <= read <= self.high
        if not inside or (self.whole and read != int(read)):
            percent = f" (for {value} % write {read / 100:g})" if self._may_be_percent(read) else ""
            raise OptionError(name, f"must be {self!r}; not {value!r}{percent}")
        if self.whole:
            return int(read)
        return value if isinstance(value, int | float) else read

    def limits(self) -> str:
        """The limits in words.

        >>> Range("an amount", 0).limits(), Range("a share", 0, 1, between=True).limits()
        (', 0 or more', ' between 0 and 1')
        """
        if math.isinf(self.low) and math.isinf(self.high):
            return ""
        if math.isinf(self.high):
            return f" above {self.low:g}" if self.between else f", {self.low:g} or more"
        joined = ("between", "and") if self.between else ("from", "to")
        return f" {joined[0]} {self.low:g} {joined[1]} {self.high:g}"

    def _may_be_percent(self, read: float) -> bool:
        return (self.low, self.high) == (0, 1) and 1 < read <= 100


def _number(value: object) -> float:
    """The value as a finite number, NaN if it is none."""
    if isinstance(value, bool) or (isinstance(value, str) and not _DECIMAL.fullmatch(value)):
        return math.nan
    try:
        read = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return read if math.isfinite(read) else math.nan


def _weights(name: str, value: Mapping[str, object]) -> Mapping[str, float]:
    """Weights of payload types, of which at least one counts."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} must be weights by payload type; not {value!r}")
    read = {
        payload: float(_AMOUNT(f"{name}[{payload!r}]", weight)) for payload, weight in value.items()
    }
    if read and not sum(read.values()) > 0:
        raise UsageError(f"{name} must have one above 0; not {dict(value)!r}")
    return read


_AMOUNT = Range("an amount", 0)

Share = Annotated[float, Range("a share", 0, 1)]
"""A part of a whole: 0.05 is 5 %."""

Weight = Annotated[float, Range("a weight", 0, 1)]
"""0 is speed, 1 is cost."""

InnerShare = Annotated[float, Range("a share", 0, 1, between=True)]
"""A quantile or a confidence: neither is ever all or nothing."""

Amount = Annotated[float, _AMOUNT]
"""Money, time or a number of invocations; 0 often means none."""

PositiveAmount = Annotated[float, Range("an amount", 0, between=True)]

SpeedWorth = Annotated[float, Range("an amount", 0, MAX_SPEED_WORTH)]
"""What speed is worth: see `core.strategies.Worth`."""

Count = Annotated[int, Range("a whole number", 1, whole=True)]

Seed = Annotated[int, Range("a whole number", 0, whole=True)]

Weights = Annotated[Mapping[str, float], _weights]
"""The weight of each payload type in the mix; they need not sum up to 1."""


def text(name: str, value: object) -> str:
    """Text; UsageError names the option.

    >>> text("function", "shop")
    'shop'
    """
    if isinstance(value, str):
        return value
    raise OptionError(name, f"must be text; not {value!r}")


def names(name: str, value: object) -> str | tuple[str, ...]:
    """One name, or several; UsageError names the option.

    >>> names("strategy", "cost"), names("strategy", ["cost", "speed"])
    ('cost', ('cost', 'speed'))
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes):
        entries = tuple(value)
        if all(isinstance(entry, str) for entry in entries):
            return entries
    raise OptionError(name, f"must be a name, or a list of names; not {value!r}")


def place(name: str, value: Any) -> Any:
    """A path or an address, None for the default one; UsageError names the option."""
    if value is None or (_is_place(value) and "\0" not in str(value)):
        return value
    raise OptionError(name, f"must be a path, or s3://bucket/prefix; not {value!r}")


def places(name: str, value: Any) -> Any:
    """One path or address, or several; UsageError names the option."""
    if _is_place(value) or not isinstance(value, Iterable):
        return place(name, value)
    return [place(name, entry) for entry in value]


def flag(name: str, value: object) -> bool:
    """True or False, which the text "false" is not; UsageError names the option."""
    if isinstance(value, bool):
        return value
    raise OptionError(name, f"must be True or False; not {value!r}")


def _is_place(value: object) -> bool:
    return isinstance(value, str) or hasattr(value, "__fspath__")


def whole_number(name: str, value: object, low: int = 1, high: float = math.inf) -> int:
    """A whole number from `low` to `high`; UsageError names the option.

    >>> whole_number("--num", "10")
    10
    """
    return int(Range("a whole number", low, high, whole=True)(name, value))


def number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from `low` to `high`; UsageError names the option.

    >>> number("--weight", "0.5", 0, 1)
    0.5
    """
    return Range("a number", low, high)(name, value)


def hold(record: object) -> None:
    """Hold the fields of a (frozen) dataclass to their types; None only where they allow it."""
    for name, annotation in type(record).__annotations__.items():
        for _, rule in _rule(name, annotation):
            object.__setattr__(record, name, rule(name, getattr(record, name)))


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, its options held to their types at every call; None where they allow it."""
    signature = inspect.signature(function)
    rules = dict(_rules(signature))

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # which says what is wrong, with its own name
        for name, value in bound.arguments.items():
            parameter = signature.parameters[name]
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD or parameter.annotation is Any:
                bound.arguments[name] = _read(rules, name, value)
                continue
            for option, setting in value.items():
                if option not in rules:
                    hint = closest(option, {*signature.parameters, *rules} - {name})
                    raise UsageError(f'{function.__name__}: unknown option "{option}"; {hint}')
                value[option] = _read(rules, option, setting)
        return function(*bound.args, **bound.kwargs)

    return call


def _read(rules: Mapping[str, Callable[[str, Any], Any]], name: str, value: Any) -> Any:
    return rules[name](name, value) if name in rules else value


def _rules(signature: inspect.Signature) -> Any:
    """The rule of each option that has one, also of those in `**options: Unpack[...]`."""
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            for record in get_args(parameter.annotation):
                for option, annotation in record.__annotations__.items():
                    yield from _rule(option, annotation)
        elif plain := _plain_rule(parameter.annotation) or _made_rule(parameter.annotation):
            yield name, plain
        else:
            yield from _rule(name, parameter.annotation)


def _rule(name: str, annotation: Any) -> Any:
    """The rule in `Share`, or in `Share | None`, which None passes."""
    alternatives = (annotation, *get_args(annotation))
    for alternative in alternatives:
        for rule in getattr(alternative, "__metadata__", ()):
            if callable(rule):
                yield name, _or_none(rule) if NoneType in alternatives else rule


def _or_none(rule: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: None if value is None else rule(name, value)


_PLAIN: dict[Any, Callable[[str, Any], Any]] = {
    str: text,
    str | None: _or_none(text),
    bool: flag,
    bool | None: _or_none(flag),
    str | Sequence[str]: names,
}


def _plain_rule(annotation: Any) -> Callable[[str, Any], Any] | None:
    """The rule of an option of a plain type; None for any other."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    others = [kind for kind in kinds if kind is not str and not hasattr(kind, "__fspath__")]
    if len(kinds) - len(others) < 2:  # no text or path
        return _PLAIN.get(annotation)
    several = bool(others) and all(get_origin(kind) is Sequence for kind in others)
    return places if several else None if others else place


def _made_rule(annotation: Any) -> Callable[[str, Any], Any] | None:
    """The rule of an option that is a record of ours, of a class which says who makes it."""
    kinds = get_args(annotation) or (annotation,)
    made_by = {
        kind: vars(kind)["MADE_BY"] for kind in kinds if "MADE_BY" in getattr(kind, "__dict__", ())
    }

    def of_kind(name: str, value: Any) -> Any:
        if isinstance(value, tuple(made_by)):
            return value
        raise OptionError(
            name, f"must be what {' or '.join(made_by.values())} returns; not {value!r}"
        )

    return (_or_none(of_kind) if NoneType in kinds else of_kind) if made_by else None
