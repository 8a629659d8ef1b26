"""What deploys to AWS deploys to the embedded AWS: SAM CLI, CDK, Terraform and AWS's SDKs.

`make test-tools` installs them below `.venv/tools` and runs this; `make test` leaves it out.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdatuning.local import endpoint
from tests.cli.conftest import environment

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.prefix) / "tools"
NODE = TOOLS / "npm" / "node_modules"
SAM = TOOLS / "sam" / "bin" / "sam"

pytestmark = [pytest.mark.tools, pytest.mark.timeout(600)]


def needs(path: Path, name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"needs {name}: make test-tools")


@pytest.fixture(scope="module")
def given() -> Iterator[dict[str, str]]:
    """The environment that points tools to an embedded AWS, and nothing of a login."""
    with endpoint.start() as running:
        yield {**environment(running.environment), "SAM_CLI_TELEMETRY": "0", "NO_COLOR": "1"}


def run(given: dict[str, str], folder: Path, *words: str | Path, **more: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**given, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def outputs(given: dict[str, str], stack: str) -> dict[str, str]:
    cloudformation = boto3.client(
        "cloudformation",
        endpoint_url=given["AWS_ENDPOINT_URL"],
        region_name=given["AWS_REGION"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())}


@needs(SAM, "SAM CLI")
def test_sam_deploys_the_template(given: dict[str, str], tmp_path: Path) -> None:
    run(
        given, tmp_path, SAM, "deploy", "--template-file", ROOT / "template.yaml",
        "--stack-name", "by-sam", "--resolve-s3", "--no-confirm-changeset",
        "--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND",
        "--parameter-overrides", "Example=false",
    )  # fmt: skip
    assert "StateMachineArn" in outputs(given, "by-sam")


CDK = """
const cdk = require('aws-cdk-lib');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const app = new cdk.App();
const stack = new cdk.Stack(app, 'mine', {
  synthesizer: new cdk.LegacyStackSynthesizer(),
});
const tuner = new CfnInclude(stack, 'Tuner', {
  templateFile: process.env.TEMPLATE, parameters: { Example: 'false' },
});
app.synth();
"""


@needs(NODE / "aws-cdk-lib", "aws-cdk-lib")
def test_cdk_includes_the_packaged_template(given: dict[str, str], tmp_path: Path) -> None:
    """What `sam package` or `lambdatuning` uploads is included, and deployed as CDK wrote it."""
    client = "lambdatuning.cloud.stack.package"
    code = (
        f"import json, sys; from pathlib import Path; from {client} import *; "
        "t = load_template(Path(sys.argv[1])); "
        "print(json.dumps(with_code_in_s3(t, 'bucket', dict.fromkeys("
        "[c.logical_id for c in local_code(t, Path(sys.argv[1]).parent)], 'key').get)))"
    )
    packaged = run(given, ROOT, sys.executable, "-c", code, ROOT / "template.yaml")
    (tmp_path / "packaged.json").write_text(packaged)
    (tmp_path / "app.js").write_text(CDK)
    paths = {"TEMPLATE": str(tmp_path / "packaged.json"), "NODE_PATH": str(NODE)}
    run(given, tmp_path, "node", "app.js", CDK_OUTDIR=str(tmp_path / "out"), **paths)
    synthesized = json.loads((tmp_path / "out" / "mine.template.json").read_text())
    assert synthesized["Transform"] == "AWS::Serverless-2016-10-31"
    assert {"Tuner", "TunerControl", "Samples"} <= synthesized["Resources"].keys()
    assert "Example" not in synthesized.get("Parameters", {})


SDK = """
const { LambdaClient, InvokeCommand, ListFunctionsCommand } = require('@aws-sdk/client-lambda');
(async () => {
  const client = new LambdaClient({});
  const { Functions } = await client.send(new ListFunctionsCommand({}));
  const name = Functions.map((f) => f.FunctionName).find((n) => n.includes('OverHttps'));
  const answer = await client.send(new InvokeCommand({
    FunctionName: name, Payload: JSON.stringify({ operation: 'ping' }),
  }));
  console.log(Buffer.from(answer.Payload).toString());
})();
"""


@needs(NODE / "@aws-sdk" / "client-lambda", "the AWS SDK for JavaScript v3")
def test_the_sdk_for_javascript_invokes(given: dict[str, str], tmp_path: Path) -> None:
    run(given, ROOT, sys.executable, "-m", "lambdatuning", "deploy", "--yes", "--quiet")
    (tmp_path / "invoke.js").write_text(SDK)
    assert run(given, tmp_path, "node", "invoke.js", NODE_PATH=str(NODE)) == '"pong"\n'


SERVERLESS = """
service: mine
frameworkVersion: "3"
provider: {name: aws, runtime: python3.11, region: us-east-1}
functions:
  hello: {handler: app.handler}
plugins: [serverless-localstack]
custom:
  localstack: {stages: [dev], host: "http://127.0.0.1", edgePort: PORT, autostart: false}
"""


@needs(NODE / "serverless", "Serverless 3")
def test_serverless_deploys_a_function(given: dict[str, str], tmp_path: Path) -> None:
    port = given["AWS_ENDPOINT_URL"].rpartition(":")[2]
    (tmp_path / "serverless.yml").write_text(SERVERLESS.replace("PORT", port))
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return 'pong'\n")
    (tmp_path / "node_modules").symlink_to(NODE)
    run(given, tmp_path, NODE / ".bin" / "serverless", "deploy", SLS_TELEMETRY_DISABLED="1")
    assert "ServerlessDeploymentBucketName" in outputs(given, "mine-dev")


PLUGINS = Path(os.environ.get("TF_PLUGIN_CACHE_DIR", Path.home() / ".terraform.d" / "plugins"))
HAS_TERRAFORM = bool(shutil.which("terraform")) and any(PLUGINS.rglob("terraform-provider-aws*"))


@needs(SAM, "SAM CLI")
@pytest.mark.skipif(not HAS_TERRAFORM, reason=f"needs terraform, and its provider aws in {PLUGINS}")
def test_terraform_deploys_the_tuner_and_removes_it(given: dict[str, str], tmp_path: Path) -> None:
    """The lines of the page on a company's account, as they stand there."""
    run(
        given, tmp_path, SAM, "package", "--template-file", ROOT / "template.yaml",
        "--resolve-s3", "--output-template-file", "packaged.yaml",
    )  # fmt: skip
    page = (ROOT / "data" / "policies" / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```hcl\n(.*?)```", page, re.DOTALL)
    (tmp_path / "main.tf").write_text(block)
    init = ("terraform", "init", "-no-color", f"-plugin-dir={PLUGINS}")
    run(given, tmp_path, *init, TF_PLUGIN_CACHE_DIR="")
    run(given, tmp_path, "terraform", "apply", "-no-color", "-auto-approve")
    made = outputs(given, "by-terraform")
    assert "StateMachineArn" in made
    assert "FunctionName" not in made
    # A second time there is nothing to do.
    planned = run(given, tmp_path, "terraform", "plan", "-no-color", "-detailed-exitcode")
    assert "No changes" in planned
    run(given, tmp_path, "terraform", "destroy", "-no-color", "-auto-approve")
    with pytest.raises(ClientError, match="does not exist"):
        outputs(given, "by-terraform")
