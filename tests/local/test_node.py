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


def test_errors_carry_type_message_and_trace(cloud: Cloud) -> None:
    answer = cloud.run(
        "export const handler = async () => { throw new RangeError('far'); };", Runtime=NODE
    )

    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "RangeError"
    assert answer.payload["errorMessage"] == "far"
    assert answer.payload["trace"][0] == "RangeError: far"


def test_an_init_error_is_the_answer(cloud: Cloud) -> None:
    """Which error it is, and others, are held to in `test_node_client`."""
    payload = cloud.run("export const other = 1;", Runtime=NODE).payload

    assert payload["errorType"] == "Runtime.HandlerNotFound"


def test_an_uncaught_error_is_the_answer_and_the_end(cloud: Cloud) -> None:
    name = cloud.function(
        "export const handler = () => new Promise(() => {"
        " setTimeout(() => { throw new RangeError('late'); }, 5); setTimeout(() => {}, 999); });",
        Runtime=NODE,
    )

    first, second = cloud.invoke(name), cloud.invoke(name)

    for answer in (first, second):
        assert answer.error == "Unhandled"
        assert answer.payload["errorType"] == "RangeError"
        assert answer.payload["errorMessage"] == "late"
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
