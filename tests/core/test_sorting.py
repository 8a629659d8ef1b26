import json
import random
import subprocess

from lambdatuning.core.power_tuning.rules import sorted_as_javascript

NODE = """
const lists = JSON.parse(require('fs').readFileSync(0));
const number = ([value]) => value === null ? NaN : value;
const sorted = lists.map(list => list.sort((one, other) => number(one) - number(other)));
console.log(JSON.stringify(sorted));
"""


def difference(one: list[float | None], other: list[float | None]) -> float:
    if one[0] is None or other[0] is None:
        return float("nan")
    return one[0] - other[0]


def test_what_equals_a_missing_number_stays_behind_it() -> None:
    items: list[list[float | None]] = [[3.0], [None], [1.0], [2.0]]
    assert sorted_as_javascript(items, difference) == items


def test_it_is_nodes_own_order() -> None:
    rng = random.Random(20261123)
    lists = [[[_value(rng), place] for place in range(rng.randrange(64))] for _ in range(500)]
    done = subprocess.run(
        ["node", "-e", NODE], input=json.dumps(lists), capture_output=True, text=True, check=True
    )
    assert [sorted_as_javascript(one, difference) for one in lists] == json.loads(done.stdout)


def test_many_items_are_sorted_too() -> None:
    rng = random.Random(1)
    items: list[list[float | None]] = [[rng.random()] for _ in range(500)]
    assert sorted_as_javascript(items, difference) == sorted(items)


def _value(rng: random.Random) -> float | None:
    return None if rng.random() < 0.3 else rng.choice([rng.random(), rng.randrange(5)])
