"""Which code was measured, by git and by the CI's variables."""

import subprocess
from pathlib import Path

import pytest

from lambdatuning.core.tuning.manifest import Code
from lambdatuning.workspace.code import code_here

SHA = "0123456789abcdef0123456789abcdef01234567"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--initial-branch", "main")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--message", "one")
    git(tmp_path, "remote", "add", "origin", "https://me:secret@example.org/o/r.git")
    return tmp_path


def test_git_says_commit_branch_and_address_without_credentials(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    own = Code(head, "main", False, f"https://example.org/o/r/commit/{head}")
    assert code_here(checkout, {}) == own
    (checkout / "new").write_text("not under version control")
    assert code_here(checkout, {}) == own
    (checkout / "a").write_text("2")
    assert code_here(checkout, {}).dirty
    assert code_here(checkout, {"GITHUB_SHA": head}).dirty
    assert not code_here(checkout, {"GITHUB_SHA": SHA}).dirty


def test_a_commit_is_not_called_clean_where_git_cannot_tell(checkout: Path) -> None:
    (checkout / ".git" / "index").write_bytes(b"torn")
    code = code_here(checkout, {})
    assert code.commit == git(checkout, "rev-parse", "HEAD")
    assert code.dirty


def test_outside_of_a_checkout_nothing_is_known(tmp_path: Path) -> None:
    assert code_here(tmp_path, {}) == Code()
    assert code_here(tmp_path, {"GITHUB_SHA": "--upload-pack=x"}) == Code()


@pytest.mark.parametrize(
    ("variables", "branch", "url"),
    [
        (
            {
                "GITHUB_SHA": SHA,
                "GITHUB_HEAD_REF": "topic",
                "GITHUB_REF_NAME": "7/merge",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "o/r",
            },
            "topic",
            f"https://github.com/o/r/commit/{SHA}",
        ),
        (
            {
                "CI_COMMIT_SHA": SHA,
                "CI_COMMIT_REF_NAME": "main",
                "CI_PROJECT_URL": "https://gitlab.com/o/r",
            },
            "main",
            f"https://gitlab.com/o/r/-/commit/{SHA}",
        ),
        (
            {
                "CODEBUILD_RESOLVED_SOURCE_VERSION": SHA,
                "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/main",
                "CODEBUILD_SOURCE_REPO_URL": "https://github.com/o/r.git",
            },
            "main",
            f"https://github.com/o/r/commit/{SHA}",
        ),
        (
            {
                "GIT_COMMIT": SHA,
                "GIT_BRANCH": "origin/main",
                "GIT_URL": "git@github.com:o/r.git",
            },
            "main",
            f"https://github.com/o/r/commit/{SHA}",
        ),
        ({"CIRCLE_SHA1": SHA}, "", ""),
    ],
)
def test_the_variables_of_a_ci_come_first(
    tmp_path: Path, variables: dict[str, str], branch: str, url: str
) -> None:
    assert code_here(tmp_path, variables) == Code(SHA, branch, False, url)
