import os
from pathlib import Path

import pytest

from lambdatuning.local.limiters.cores import host_cores, quota_cores


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """The cgroup v2 group of a container in a namespace of its own, and one inside it."""
    return _process(tmp_path, "- cgroup2 cgroup rw", "0::/inner", "inner")


def _process(tmp_path: Path, filesystem: str, group: str, below: str) -> Path:
    """Files of a process in `group`, whose hierarchy is mounted in the same folder."""
    mounted = tmp_path / "mounted"
    (mounted / below).mkdir(parents=True)
    process = tmp_path / "process"
    process.mkdir()
    (process / "mountinfo").write_text(f"33 24 0:30 / {mounted} rw - {filesystem[2:]}\n")
    (process / "cgroup").write_text(f"{group}\n")
    return mounted


def test_the_quota_of_a_container_counts(group: Path, tmp_path: Path) -> None:
    (group / "cpu.max").write_text("150000 100000\n")
    (group / "inner" / "cpu.max").write_text("max 100000\n")
    assert quota_cores(tmp_path / "process") == 1.5
    assert host_cores(tmp_path / "process") == 1


def test_half_a_core_is_still_one(group: Path, tmp_path: Path) -> None:
    (group / "inner" / "cpu.max").write_text("50000 100000\n")
    assert host_cores(tmp_path / "process") == 1


def test_a_quota_of_many_cores_makes_no_more_of_them(group: Path, tmp_path: Path) -> None:
    (group / "cpu.max").write_text("102400000 100000\n")
    assert host_cores(tmp_path / "process") == len(os.sched_getaffinity(0))


def test_the_quota_of_cgroup_v1_counts(tmp_path: Path) -> None:
    mounted = _process(tmp_path, "- cgroup cgroup rw,cpu,cpuacct", "4:cpu,cpuacct:/a", "a")
    (mounted / "a" / "cpu.cfs_quota_us").write_text("100000\n")
    (mounted / "a" / "cpu.cfs_period_us").write_text("50000\n")
    (mounted / "cpu.cfs_quota_us").write_text("-1\n")
    assert quota_cores(tmp_path / "process") == 2.0


def test_without_cgroups_there_is_no_quota(tmp_path: Path) -> None:
    assert quota_cores(tmp_path) is None
