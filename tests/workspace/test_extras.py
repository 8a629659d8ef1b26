"""How to install an extra of what is installed, in words that a shell takes."""

import shlex

import pytest

from lambdatuning.workspace.extras import requirement


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({}, ["lambdatuning[mcp]"]),
        (
            {"url": "file:///it's%20here/a.whl", "archive_info": {}},
            ["lambdatuning[mcp] @ file:///it's%20here/a.whl"],
        ),
        (
            {"url": "file:///it's%20here", "dir_info": {"editable": True}},
            ["--editable", "/it's here[mcp]"],
        ),
        (
            {"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "ab"}},
            ["lambdatuning[mcp] @ git+https://h/r.git@ab"],
        ),
        (
            {"url": "https://h/a.zip", "archive_info": {}, "subdirectory": "kit"},
            ["lambdatuning[mcp] @ https://h/a.zip#subdirectory=kit"],
        ),
    ],
)
def test_it_names_what_is_installed(source: dict[str, object], words: list[str]) -> None:
    assert shlex.split(requirement("mcp", source)) == words
