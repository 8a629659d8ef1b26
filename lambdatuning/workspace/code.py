"""Which code is here: commit, branch and address, by the CI's variables or by git."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..core.tuning.manifest import Code

_PATIENCE_S = 30.0
"""With git, which reads every file's state in a large checkout."""


class _System(NamedTuple):
    """A CI's variables for the commit, the branch (the first that is set) and the repository;
    `path` leads from there to the commit."""

    commit: str
    branches: tuple[str, ...]
    repository: tuple[str, ...]
    path: str = "commit"


_SYSTEMS = (
    _System(
        "GITHUB_SHA",
        ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
        ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"),
    ),
    _System("CI_COMMIT_SHA", ("CI_COMMIT_REF_NAME",), ("CI_PROJECT_URL",), "-/commit"),
    _System(
        "CODEBUILD_RESOLVED_SOURCE_VERSION",
        ("CODEBUILD_WEBHOOK_HEAD_REF", "CODEBUILD_SOURCE_VERSION"),
        ("CODEBUILD_SOURCE_REPO_URL",),
    ),
    _System("BITBUCKET_COMMIT", ("BITBUCKET_BRANCH",), ("BITBUCKET_GIT_HTTP_ORIGIN",), "commits"),
    _System("BUILD_SOURCEVERSION", ("BUILD_SOURCEBRANCHNAME",), ("BUILD_REPOSITORY_URI",)),
    _System("CIRCLE_SHA1", ("CIRCLE_BRANCH",), ("CIRCLE_REPOSITORY_URL",)),
    _System("GIT_COMMIT", ("GIT_BRANCH",), ("GIT_URL",)),
)
"""GitHub Actions, GitLab, AWS CodeBuild, Bitbucket, Azure Pipelines, CircleCI, Jenkins: variables
as their manuals name them."""


def code_here(folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Code:
    """The code of a folder (here); what neither the CI nor git knows is ""."""
    variables = os.environ if environment is None else environment
    own = _of_git(folder or Path.cwd())
    for system in _SYSTEMS:
        commit = variables.get(system.commit, "")
        if re.fullmatch(r"[0-9a-f]{40,64}", commit):
            branch = next(filter(None, (variables.get(name, "") for name in system.branches)), "")
            repository = "/".join(variables.get(name, "") for name in system.repository)
            dirty = own.dirty and own.commit == commit
            branch = branch.removeprefix("refs/heads/").removeprefix("origin/")
            return Code(commit, branch, dirty, _address(repository, commit, system.path))
    return own


def _of_git(folder: Path) -> Code:
    def git(*words: str) -> str | None:
        try:
            process = subprocess.run(  # noqa: S603
                ["git", "-C", str(folder), *words],  # noqa: S607
                capture_output=True,
                text=True,
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
            return None
        return process.stdout.strip() if process.returncode == 0 else None

    return _from_git(git)


def _from_git(git: Callable[..., str | None]) -> Code:
    commit = git("rev-parse", "HEAD")
    if not commit:
        return Code()
    branch = git("rev-parse", "--abbrev-ref", "HEAD") or ""
    # Where git cannot tell, nobody may believe that the files were those of the commit.
    dirty = git("status", "--porcelain", "--untracked-files=no") != ""
    own = Code(commit, "" if branch == "HEAD" else branch, dirty)
    return replace(own, url=_address(git("remote", "get-url", "origin") or "", commit, "commit"))


def _address(repository: str, commit: str, path: str) -> str:
    """Where a commit can be read; "" where the repository has no web address. Never credentials.

    >>> _address("git@github.com:o/r.git", "abc", "commit")
    'https://github.com/o/r/commit/abc'
    >>> _address("https://user:secret@example.org/o/r.git", "abc", "commit")
    'https://example.org/o/r/commit/abc'
    """
    web = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", repository)
    web = re.sub(r"^(https?://)[^/@]*@", r"\1", web).removesuffix(".git").rstrip("/")
    return f"{web}/{path}/{commit}" if re.match(r"https?://[^/]+/.", web) else ""
