"""Payload types: the kinds of event that a function meets, read, checked, rendered and weighed."""

import json
import math
import random
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import UsageError, closest
from ..validation import PositiveAmount, hold

_PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)((?::[^{}:]*)*)\s*\}\}")
_LETTERS = b"abcdefghijklmnopqrstuvwxyz      " * 8
"""What each byte of a made-up text becomes."""


@dataclass(frozen=True)
class Context:
    """What placeholders are rendered from; the same context renders the same text."""

    run: str
    payload: str
    n: int
    seed: int = 0
    table: str = ""
    memory_mb: int = 0
    timestamp: str = ""


def render(value: Any, context: Context) -> Any:
    """`value` with every placeholder of its strings filled in.

    `{{uuid}} {{n}} {{run}} {{table}} {{payload}} {{memory_mb}} {{timestamp}} {{text:LENGTH}}
    {{int:LOW:HIGH}}`; a string that is one `{{int:..}}` or `{{n:int}}` alone becomes a number.
    """
    rng = random.Random(f"{context.seed}/{context.run}/{context.payload}/{context.n}")  # noqa: S311
    return _render(value, context, rng)


def _render(value: Any, context: Context, rng: random.Random) -> Any:
    if isinstance(value, dict):
        return {_render_text(k, context, rng): _render(v, context, rng) for k, v in value.items()}
    if isinstance(value, list):
        return [_render(item, context, rng) for item in value]
    if isinstance(value, str):
        return _render_string(value, context, rng)
    return value


def _render_string(text: str, context: Context, rng: random.Random) -> str | int:
    match = _PLACEHOLDER.fullmatch(text)
    if match and (match[1] == "int" or match[2] == ":int"):
        return int(_fill(match, context, rng))
    return _render_text(text, context, rng)


def _render_text(text: str, context: Context, rng: random.Random) -> str:
    return _PLACEHOLDER.sub(lambda match: _fill(match, context, rng), text)


def _fill(match: re.Match[str], context: Context, rng: random.Random) -> str:
    name, arguments = match[1], match[2].split(":")[1:]
    try:
        match name, arguments:
            case "uuid", []:
                return str(uuid.UUID(int=rng.getrandbits(128), version=4))
            case "text", [length]:
                # A letter at a time would take longer than most invocations.
                return rng.randbytes(max(int(length), 0)).translate(_LETTERS).decode("ascii")
            case "int", [low, high]:
                return str(rng.randint(int(low), int(high)))
            case "n", [] | ["int"]:
                return str(context.n)
            case (("run" | "table" | "payload" | "memory_mb" | "timestamp"), []):
                return str(getattr(context, name))
    except (ValueError, OverflowError) as exc:
        raise UsageError(f"placeholder {match[0]}: {exc}") from exc
    placeholders = ("uuid", "n", "run", "table", "payload", "memory_mb", "timestamp", "text", "int")
    raise UsageError(f"unknown placeholder {match[0]}; {closest(name, placeholders)}")


# Payload types: the kinds of event that a function meets, read from files and checked.


MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Lambda's limit for a synchronous invocation."""

MARK = "payloadType"
"""The one key of a file outside a payload folder that holds a payload type, not an event."""

_INPUT_FIELDS = {
    "payload",
    "payloadS3",
    "num",
    "powerValues",
    "strategy",
    "parallelInvocation",
    "balancedWeight",
    "autoOptimize",
    "dryRun",
}
"""Fields of Power Tuning's input, of which lambdaARN is the one that must be there."""

Where = Callable[[str], object]
"""Says where a field of a payload type stands, for messages: `orders.json:3`."""

_FIELDS = {"name", "description", "weight", "event", "seed", "literal"}
_SEED_FIELDS = {"each", "item"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Seed:
    """Items that must exist before: `each` copies, or one for every invocation (`each` None)."""

    each: int | None
    item: Mapping[str, Any]


@dataclass(frozen=True)
class PayloadType:
    """One kind of event that a function meets, with its weight in the mix.

    A `literal` event is sent as it stands, whatever looks like a placeholder in it.
    """

    name: str
    event: Any
    description: str = ""
    weight: PositiveAmount = 1.0
    seed: tuple[Seed, ...] = ()
    literal: bool = False

    def __post_init__(self) -> None:
        hold(self)

    @property
    def names_table(self) -> bool:
        """Whether its event or its seed has a placeholder for the name of a table."""
        parts = [] if self.literal else [self.event]
        text = json.dumps([*parts, *(seed.item for seed in self.seed)])
        return any(match[1] == "table" for match in _PLACEHOLDER.finditer(text))

    def rendered(self, context: Context) -> Any:
        """The event of one invocation."""
        return self.event if self.literal else render(self.event, context)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PayloadType":
        """The inverse of `to_json`, of what was checked before: `payload_type` checks."""
        seed = tuple(
            Seed(None if seed["each"] == "invocation" else seed["each"], seed["item"])
            for seed in value.get("seed", ())
        )
        return cls(**{**value, "seed": seed})

    def to_json(self) -> dict[str, object]:
        """The form of a payload file, read back by `payload_type`."""
        seed = [
            {"each": "invocation" if s.each is None else s.each, "item": s.item} for s in self.seed
        ]
        return {
            "name": self.name,
            "description": self.description,
            "weight": self.weight,
            "event": self.event,
            **({"seed": seed} if seed else {}),
            **({"literal": True} if self.literal else {}),
        }


def parse_payload_type(text: str, source: str) -> PayloadType:
    """One file of a payload folder; UsageError names the file, the line and the reason.

    >>> parse_payload_type('{"payloadType": {"name": "x", "event": [1]}}', "x.json").event
    [1]
    """
    value = _parse(text, source)
    inner = value[MARK] if _is_marked(value) else value
    return payload_type(inner, lambda key: f"{source}:{_line_of(text, key)}")


def parse_event(text: str, source: str, name: str) -> tuple[PayloadType, ...]:
    """What a file of any folder, an object in S3 or an argument stands for.

    One event, sent as it stands whatever is in it, but for two forms that are told by their shape
    alone: `{"payloadType": {...}}` is a payload type, and a list of `{"payload", "weight"}` is the
    mix of Power Tuning: a type for each, named `name`-1 and so on.

    Raises:
        UsageError: no JSON, a whole input of Power Tuning, or a list that is a mix in part.

    >>> [(each.name, each.event) for each in parse_event('{"event": 1}', "x.json", "x")]
    [('x', {'event': 1})]
    >>> [each.name for each in parse_event('[{"payload": 1, "weight": 2}]', "x.json", "x")]
    ['x-1']
    """
    value = _parse(text, source)
    if _is_marked(value):
        return (parse_payload_type(text, source),)
    _refuse_whole_input(value, source)
    weighted = _entries_of_mix(value, source)
    if not weighted:
        return (_literal(name, value, 1, f"the event of {source}", source),)
    return tuple(
        _literal(
            f"{name[:60]}-{n}",
            event_of(entry["payload"]),
            _weight(entry["weight"]),
            f"event {n} of the mix in {source}",
            source,
        )
        for n, entry in enumerate(weighted, 1)
    )


def event_name(text: str) -> str:
    """A name for an event: that of its file, of the characters that a name may have.

    >>> event_name("my event (1)"), event_name("--")
    ('my-event-1', 'event')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:64] or "event"


def _parse(text: str, source: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as exc:
        raise UsageError(f"{source}:{exc.lineno}: not JSON: {exc.msg}; fix it") from exc
    except ValueError as exc:
        raise UsageError(f"{source}: {exc}; fix it") from exc
    except UsageError as exc:
        raise UsageError(f"{source}: {exc}") from exc
    except RecursionError as exc:
        raise UsageError(f"{source}: {_TOO_DEEP}") from exc


_TOO_DEEP = "it is nested too deeply; send a flatter event"
_LEVELS = 300
"""Nested lists and objects that are sent at most; what reads them recursively breaks at 500."""


def _levels(value: Any) -> int:
    """How many lists and objects are nested in each other; deeper than `_LEVELS` is not looked."""
    levels, inside = 0, [value]
    while inside and levels <= _LEVELS:
        containers = [one for one in inside if isinstance(one, dict | list)]
        levels += bool(containers)
        inside = [
            child
            for one in containers
            for child in (one.values() if isinstance(one, dict) else one)
        ]
    return levels


def _is_marked(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {MARK}


def _refuse_whole_input(value: Any, source: str) -> None:
    """An input of the state machine says more than an event: sizes, num, a function of its own."""
    if isinstance(value, dict) and "lambdaARN" in value and value.keys() & _INPUT_FIELDS:
        raise UsageError(
            f"{source} is a whole input of AWS Lambda Power Tuning: give its payload alone (and "
            "--powers, --num, --strategy), or start the state machine with it; if it is an event, "
            f'write {{"{MARK}": {{"name": "NAME", "event": {{...}}}}}}'
        )


def _entries_of_mix(value: Any, source: str) -> list[Any]:
    """The entries of a weighted mix; [] where it is none."""
    if not isinstance(value, list):
        return []
    weighted = [e for e in value if isinstance(e, dict) and e.keys() >= {"payload", "weight"}]
    if weighted and len(weighted) < len(value):
        raise UsageError(
            f"{source}: {len(weighted)} of {len(value)} entries have payload and weight: give all "
            f'of them both, or write {{"{MARK}": {{"name": "NAME", "event": [...]}}}} to send it '
            "as it stands"
        )
    return weighted


def _literal(name: str, event: Any, weight: float, description: str, source: str) -> PayloadType:
    value = {"name": name, "event": event, "weight": weight}
    return payload_type({**value, "description": description, "literal": True}, lambda _: source)


def payload_type(value: Any, where: Where = str) -> PayloadType:
    """A payload type from its JSON value; UsageError names the field at `where` it stands."""
    if not isinstance(value, dict):
        raise UsageError(f"{where('')}: must be an object with name and event")
    _refuse_unknown(value, _FIELDS, where)
    for key in ("name", "event"):
        if key not in value:
            raise UsageError(f'{where("")}: "{key}" is missing; add it')
    name, weight = value["name"], value.get("weight", 1)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f'{where("name")}: name must be 1 to 64 of letters, digits, ".", "_", "-"; not {name!r}'
        )
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise UsageError(f"{where('weight')}: weight must be a number above 0; not {weight!r}")
    literal = value.get("literal", False)
    if not isinstance(literal, bool):
        raise UsageError(f"{where('literal')}: literal must be true or false; not {literal!r}")
    payload = PayloadType(
        name=name,
        event=value["event"],
        description=str(value.get("description") or ""),
        weight=float(weight),
        seed=_seeds(value.get("seed", []), where),
        literal=literal,
    )
    _try_to_render(payload, where)
    return payload


def seed_items(
    payload: PayloadType, invocations: int, *, run: str, table: str, seed: int
) -> Iterator[Any]:
    """The items that must exist before `invocations` of this type, rendered."""
    for entry in payload.seed:
        count = invocations if entry.each is None else entry.each
        for n in range(count):
            context = Context(run=run, payload=payload.name, n=n, seed=seed, table=table)
            yield render(entry.item, context)


def unique(payloads: Iterable[PayloadType]) -> tuple[PayloadType, ...]:
    """The types as a tuple; UsageError for none or for two of one name."""
    by_name: dict[str, PayloadType] = {}
    for payload in payloads:
        if payload.name in by_name:
            raise UsageError(f'two payload types are named "{payload.name}"; rename one')
        by_name[payload.name] = payload
    if not by_name:
        raise UsageError("no payload type given; pass --payload NAME or FILE")
    return tuple(by_name.values())


def normalised(payloads: Iterable[PayloadType]) -> tuple[PayloadType, ...]:
    """The same types with weights that add up to 1."""
    types = tuple(payloads)
    total = sum(payload.weight for payload in types)
    return tuple(replace(payload, weight=payload.weight / total) for payload in types)


def _seeds(value: Any, where: Where) -> tuple[Seed, ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"{where('seed')}: seed must be a list of seeds; not {value!r}")
    return tuple(_seed(entry, where) for entry in value)


def _seed(value: Any, where: Where) -> Seed:
    if not isinstance(value, dict) or not isinstance(value.get("item"), dict):
        raise UsageError(f'{where("seed")}: a seed must be {{"each": ..., "item": {{...}}}}')
    _refuse_unknown(value, _SEED_FIELDS, where)
    every = value.get("each", 1)
    if every == "invocation":
        return Seed(None, value["item"])
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise UsageError(f'{where("each")}: each must be "invocation" or 1 or more; not {every!r}')
    return Seed(every, value["item"])


def _refuse_unknown(value: Mapping[str, Any], fields: set[str], where: Where) -> None:
    for key in value:
        if key not in fields:
            raise UsageError(f'{where(key)}: unknown field "{key}"; {closest(key, fields)}')


def _try_to_render(payload: PayloadType, where: Where) -> None:
    items = (payload.event, *(entry.item for entry in payload.seed))
    if max(map(_levels, items)) > _LEVELS:
        raise UsageError(f"{where('event')}: {_TOO_DEEP}")
    try:
        context = Context(run="run", payload=payload.name, n=0)
        size = len(json.dumps(payload.rendered(context)).encode())
        for entry in payload.seed:
            render(entry.item, context)
    except UsageError as exc:
        raise UsageError(f"{where('event')}: {exc}") from exc
    except RecursionError as exc:
        raise UsageError(f"{where('event')}: {_TOO_DEEP}") from exc
    if size > MAX_PAYLOAD_BYTES:
        raise UsageError(f"{where('event')}: {size} bytes; Lambda takes {MAX_PAYLOAD_BYTES}")


def _line_of(text: str, key: str) -> int:
    """The line in which a field stands; the first where it cannot be told."""
    position = text.find(f'"{key}"') if key else -1
    return text.count("\n", 0, position) + 1 if position >= 0 else 1


# Power Tuning's `payload`: one event, or a mix of weighted ones.


@dataclass(frozen=True)
class WeightedPayload:
    """One event of a mix; weights are relative to each other."""

    event: Any
    weight: float


def weighted_mix(payload: Any) -> tuple[WeightedPayload, ...]:
    """The events of a weighted mix; empty if `payload` is one event to be sent as it is.

    A mix is a list of which every element is an object with a `payload` and a `weight`, neither of
    them empty or 0, as Power Tuning decides it.

    >>> weighted_mix([{"payload": {"a": 1}, "weight": 3}])[0].weight
    3
    >>> weighted_mix([1, 2, 3])
    ()
    """
    if not isinstance(payload, list | tuple) or not all(_is_weighted(item) for item in payload):
        return ()
    return tuple(WeightedPayload(event_of(i["payload"]), _weight(i["weight"])) for i in payload)


def event_of(payload: Any) -> Any:
    """The event that a payload stands for: a string that holds JSON is that JSON.

    UsageError for JSON with a number such as 1e400, which could not be sent.

    >>> event_of('{"a": 1}'), event_of("plain")
    ({'a': 1}, 'plain')
    """
    if not isinstance(payload, str):
        return payload
    try:
        return json.loads(payload, parse_constant=_refuse, parse_float=_finite)
    except ValueError:
        return payload


def shares(weights: Sequence[float], num: int) -> tuple[int, ...]:
    """How many of `num` invocations each weight gets: floor(weight * num / total), the last the
    rest. UsageError if there are fewer invocations than weights, or if a share is below 1.

    >>> shares([1, 1, 1], 10)
    (3, 3, 4)
    """
    if num < len(weights):
        raise UsageError(
            f'You have {len(weights)} payloads and only "num"={num}. Please increase "num".'
        )
    total = 0.0
    for weight in weights:  # left to right: sum() rounds differently
        total += weight
    if not all(map(math.isfinite, (total, *(weight * num for weight in weights)))):
        raise UsageError("payload weights are too large to be added up; divide all by one number")
    parts = [math.floor(weight * num / total) if total else 0 for weight in weights]
    if any(share < 1 for share in parts):
        raise UsageError("Invalid payload weight (num is too small)")
    return (*parts[:-1], num - sum(parts[:-1]))


def _is_weighted(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    payload, weight = item.get("payload"), item.get("weight")
    return bool(weight) and (bool(payload) or isinstance(payload, dict | list))


def _weight(value: Any) -> float:
    try:
        if not isinstance(value, bool) and math.isfinite(float(value)):
            return value if isinstance(value, int | float) else float(value)
    except (TypeError, ValueError):
        pass
    raise UsageError(f"payload weight {value!r} is not a number; write one such as 1")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise UsageError(f"{text} in a payload is too large for a number; write a smaller one")
    return value
