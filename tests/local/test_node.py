"""Node functions, on the local node."""

import re
import subprocess

import pytest

from tests.local.conftest import NODE, Cloud, package

pytestmark = pytest.mark.usefixtures("node")


def test_async_handlers(cloud: Cloud) -> None:
    answer = cloud.run(
        """
        export const handler = async (event, context) => {
          console.log('got', event);
          return { ...event, id: context.awsRequestId, memory: context.memoryLimitInMB };
        };
        """,
        {"a": 1},
        Runtime=NODE,
    )

    assert answer.payload == {"a": 1, "id": answer.request_id, "memory": "1024"}
    assert re.search(
        rf"\n\d{{4}}-\d\d-\d\dT[\d:.]+Z\t{answer.request_id}\tINFO\tgot \{{ a: 1 \}}\n", answer.log
    )


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("exports.handler = (event, context, callback) => callback(null, 'cb');", "cb"),
        ("exports.handler = (event, context) => context.succeed('old');", "old"),
        ("exports.handler = async () => {};", None),
        ("module.exports.handler = () => Promise.resolve([1]);", [1]),
    ],
)
def test_common_js_handlers_of_every_form(cloud: Cloud, source: str, result: object) -> None:
    answer = cloud.run("", Runtime=NODE, Code={"ZipFile": package({"app.js": source})})

    assert answer.payload == result
    assert answer.error is None


def test_errors_carry_type_message_and_trace(cloud: Cloud) -> None:
    answer = cloud.run(
        "export const handler = async () => { throw new RangeError('far'); };", Runtime=NODE
    )

    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "RangeError"
    assert answer.payload["errorMessage"] == "far"
    assert answer.payload["trace"][0] == "RangeError: far"


@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        # Of an ES module AWS's client tells the error as it is; see node_client.json.
        ("import 'nowhere'; export const handler = async () => 1;", "Error"),
        ("export const other = 1;", "Runtime.HandlerNotFound"),
        ("export const handler = ;", "Runtime.UserCodeSyntaxError"),
    ],
)
def test_init_errors_are_named(cloud: Cloud, source: str, error_type: str) -> None:
    assert cloud.run(source, Runtime=NODE).payload["errorType"] == error_type


@pytest.mark.parametrize(
    ("body", "error_type", "message"),
    [
        ("setTimeout(() => { throw new RangeError('late'); }, 5)", "RangeError", "late"),
        (
            "Promise.reject(new Error('lost'))",
            "Runtime.UnhandledPromiseRejection",
            "Error: lost",
        ),
    ],
)
def test_an_uncaught_error_is_the_answer(
    cloud: Cloud, body: str, error_type: str, message: str
) -> None:
    name = cloud.function(
        "export const handler = () => new Promise(() => { "
        f"{body}; setTimeout(() => {{}}, 999); }});",
        Runtime=NODE,
    )

    first, second = cloud.invoke(name), cloud.invoke(name)

    for answer in (first, second):
        assert answer.error == "Unhandled"
        assert answer.payload["errorType"] == error_type
        assert answer.payload["errorMessage"] == message
    # The process ended each time.
    assert "Init Duration" in second.report


def test_a_callback_waits_for_the_empty_event_loop(cloud: Cloud) -> None:
    """What is timed is what AWS bills: until nothing is left to do."""
    source = """
        export const handler = (event, context, callback) => {
          context.callbackWaitsForEmptyEventLoop = event.waits;
          setTimeout(() => {}, event.ms);
          callback(null, 'done');
        };
        """
    name = cloud.function(source, Runtime=NODE)

    waits = cloud.invoke(name, {"waits": True, "ms": 300})
    # Longer than the function may run.
    goes_on = cloud.invoke(name, {"waits": False, "ms": 60_000})

    assert (waits.payload, goes_on.payload) == ("done", "done")
    assert waits.duration_ms >= 300


def test_a_stream_is_answered_in_one(cloud: Cloud) -> None:
    source = """
        export const handler = awslambda.streamifyResponse(async (event, stream) => {
          stream.write('{"half":');
          stream.write(' 1}');
          stream.end();
        });
        """
    assert cloud.run(source, Runtime=NODE).payload == {"half": 1}


GREETER = {
    "nodejs/node_modules/greeter/package.json": '{"main": "index.js"}',
    "nodejs/node_modules/greeter/index.js": "module.exports = () => 'from a layer';",
}
TYPE_MODULE = '{"type": "module"}'


@pytest.mark.parametrize(
    "files",
    [
        {"app.js": "const greet = require('greeter'); exports.handler = async () => greet();"},
        {"app.mjs": "import greet from 'greeter'; export const handler = async () => greet();"},
        {
            "package.json": TYPE_MODULE,
            "app.js": "import greet from 'greeter'; export const handler = async () => greet();",
        },
        {
            "package.json": TYPE_MODULE,
            "app.js": "import { say } from './deep.js'; export const handler = async () => say();",
            "deep.js": "const { default: greet } = await import('greeter');"
            "export const say = () => greet();",
        },
        {
            "app.cjs": "exports.handler = async () => (await import('./deep.mjs')).say();",
            "deep.mjs": "import greet from 'greeter'; export const say = () => greet();",
        },
    ],
    ids=["require", "mjs", "type module", "await at the top", "import within cjs"],
)
def test_layers_bring_node_modules(cloud: Cloud, files: dict[str, str]) -> None:
    if "app.cjs" in files and not _hooks_in_thread():
        pytest.skip("needs Node 22.15: a handler that is no ES module, but imports one")
    layer = cloud.client("lambda").publish_layer_version(
        LayerName="greeter", Content={"ZipFile": package(GREETER)}
    )

    answer = cloud.run(
        "", Runtime=NODE, Code={"ZipFile": package(files)}, Layers=[layer["LayerVersionArn"]]
    )

    assert answer.payload == "from a layer"


def _hooks_in_thread() -> bool:
    program = ["node", "-p", "typeof require('module').registerHooks"]
    shown = subprocess.run(program, capture_output=True, text=True, check=True)
    return shown.stdout.strip() == "function"
