"""Code packages: the same code is the same zip, and nothing else gets in."""

import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from lambdatuning.cloud.stack.package import Artifact, LocalCode, build, read_folder, zip_files
from lambdatuning.core.errors import UsageError


def tree(folder: Path) -> Path:
    for name in (
        "b.py",
        "a/__init__.py",
        "a/x.json",
        "a/__pycache__/x.pyc",
        ".git/config",
        "c.pyc",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "link.py").symlink_to(folder / "b.py")
    return folder


def artifact(folder: Path, *package: str) -> Artifact:
    return build(LocalCode("F", "CodeUri", folder, package))


def names(data: bytes) -> list[str]:
    return zipfile.ZipFile(BytesIO(data)).namelist()


def test_bytecode_hidden_files_and_links_stay_out(tmp_path: Path) -> None:
    assert names(artifact(tree(tmp_path)).data) == ["a/__init__.py", "a/x.json", "b.py"]


def test_only_the_named_parts_are_packaged(tmp_path: Path) -> None:
    assert names(artifact(tree(tmp_path), "b.py", "a/x.json").data) == ["a/x.json", "b.py"]


def test_times_and_modes_do_not_matter(tmp_path: Path) -> None:
    first = artifact(tree(tmp_path / "one"))
    second = tree(tmp_path / "two")
    os.utime(second / "b.py", (0, 0))
    (second / "b.py").chmod(0o600)
    assert artifact(second) == first


def test_every_file_can_be_read_by_lambda(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(BytesIO(artifact(tree(tmp_path)).data))
    assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_any_change_of_content_or_name_changes_the_hash(tmp_path: Path) -> None:
    before = artifact(tree(tmp_path)).name
    (tmp_path / "b.py").write_text("other")
    changed = artifact(tmp_path).name
    (tmp_path / "b.py").rename(tmp_path / "d.py")
    assert len({before, changed, artifact(tmp_path).name}) == 3


def test_contents_are_kept(tmp_path: Path) -> None:
    files = read_folder(tree(tmp_path))
    archive = zipfile.ZipFile(BytesIO(zip_files(files)))
    assert [(name, archive.read(name)) for name in archive.namelist()] == files


def test_a_file_is_uploaded_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "machine.asl.json"
    path.write_text("{}")
    package = artifact(path)
    assert package.data == b"{}"
    assert package.name.endswith(".json")


def test_a_missing_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.py: not there"):
        artifact(tree(tmp_path), "gone.py")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to package"):
        artifact(tmp_path)


def test_a_part_may_be_left_out_of_another(tmp_path: Path) -> None:
    for name in ("core/a.py", "core/big/b.py", "other/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    assert [name for name, _ in read_folder(tmp_path, ("core", "!core/big"))] == ["core/a.py"]
