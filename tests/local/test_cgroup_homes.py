"""Which group becomes the home of ours, in made-up trees of cgroup v2, and where trees are mounted.

Files that the kernel would move processes by are plain ones here, each holding what was written
last; tests/local/test_cgroup_sandboxes.py has real ones.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdatuning.local.cleanup import owner_of, server_ident
from lambdatuning.local.limiters import cgroups, choose, delegation
from lambdatuning.local.limiters.interface import NotMountedError, UnusableError

NOBODY = 65534
ALL = "cpuset cpu io memory pids"


def make(folder: Path, offers: str = ALL, hands: str = "", holds: str = "") -> Path:
    """A group with these controllers, those that its children get, and these processes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(f"{offers}\n")
    (folder / "cgroup.subtree_control").write_text(f"{hands}\n" if hands else "")
    (folder / "cgroup.procs").write_text(holds)
    (folder / "cgroup.type").write_text("domain\n")
    return folder


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The topmost group: it alone has no type, and may hold processes and hand down as well."""
    folder = make(tmp_path / "cgroup", hands="cpu memory pids", holds="1\n2\n")
    (folder / "cgroup.type").unlink()
    return folder


# --- the home


def test_the_topmost_group_needs_no_moving(top: Path) -> None:
    assert delegation.home(top, top) == top


def test_a_session_is_left_alone_and_the_group_around_it_taken(top: Path) -> None:
    around = make(top / "user.slice", hands="memory pids")
    session = make(around / "session-1.scope", offers="memory pids", holds="4711\n")

    assert delegation.home(session, top) == around


def test_a_group_that_delegates_already_is_used_as_it_is(top: Path) -> None:
    around = make(top / "box", hands="cpu memory")
    own = make(around / "shell", holds="4711\n")

    assert delegation.home(own, top) == around


def test_the_top_of_a_container_is_ours_although_it_holds_processes(tmp_path: Path) -> None:
    top = make(tmp_path / "cgroup", holds="1\n77\n")

    assert delegation.home(top, top) == top
    assert delegation.is_given(top, top)


def test_a_group_that_was_marked_as_given_is_ours(top: Path) -> None:
    own = make(top / "system.slice" / "run-1.scope", holds="77\n")
    make(own.parent, hands="cpu memory pids")
    assert delegation.home(own, top) == own.parent
    try:
        os.setxattr(own, "user.delegate", b"1")
    except OSError as exc:
        pytest.skip(f"no extended attributes in {own}: {exc.strerror}")

    assert delegation.home(own, top) == own


def test_a_scope_of_ours_is_ours_by_its_name(top: Path) -> None:
    own = make(top / "app.slice" / "app-lambdatuning-7-1a.scope", holds="77\n")
    make(own.parent, hands="cpu memory pids")

    assert delegation.home(own, top) == own
    assert not delegation.is_scope(own.parent)


# --- why there is none


@pytest.mark.parametrize(
    ("offers", "reason"),
    [
        ("cpuset io pids", "cgroup v2 has no cpu and memory controller here"),
        ("cpuset cpu io pids", "cgroup v2 has no memory controller here"),
    ],
)
def test_a_kernel_without_a_controller(tmp_path: Path, offers: str, reason: str) -> None:
    top = make(tmp_path / "cgroup", offers=offers)

    with pytest.raises(UnusableError, match=f"^{reason}$"):
        delegation.home(top, top)


@pytest.fixture
def open_top() -> Iterator[Path]:
    """A topmost group that an ordinary user can look into."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield make(Path(name) / "cgroup", hands="cpu memory pids", holds="1\n")


@pytest.fixture
def ordinary_user(open_top: Path) -> Iterator[int]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else for a moment")
    yield NOBODY
    os.seteuid(0)


def _give(folder: Path, user: int) -> Path:
    for path in (folder, *folder.glob("cgroup.*")):
        os.chown(path, user, -1)
    return folder


def test_a_user_has_what_was_given_to_him(open_top: Path, ordinary_user: int) -> None:
    own = _give(make(open_top / "given", holds="4711\n"), ordinary_user)
    os.seteuid(ordinary_user)

    assert delegation.home(own, open_top) == own


def test_a_user_leaves_what_lies_within_alone(open_top: Path, ordinary_user: int) -> None:
    given = _give(make(open_top / "given"), ordinary_user)
    own = _give(make(given / "shell", offers="memory", holds="4711\n"), ordinary_user)
    os.seteuid(ordinary_user)

    assert delegation.home(own, open_top) == given


def test_a_user_without_the_cpu_controller(open_top: Path, ordinary_user: int) -> None:
    own = _give(make(open_top / "given", offers="memory pids"), ordinary_user)
    os.seteuid(ordinary_user)

    with pytest.raises(UnusableError, match=r"^cgroup v2: cpu not delegated to this user$"):
        delegation.home(own, open_top)


def test_a_user_to_whom_nothing_was_given(open_top: Path, ordinary_user: int) -> None:
    own = make(open_top / "session-1.scope", holds="4711\n")
    os.seteuid(ordinary_user)

    with pytest.raises(UnusableError, match=r"^cgroup v2: this user may not make groups$"):
        delegation.home(own, open_top)


def test_auto_says_why_it_has_to_do_without_cgroups() -> None:
    limiter, why = choose("auto", server_ident(os.getpid()))
    limiter.close()

    assert bool(why) == limiter.name.startswith("sigstop")
    assert "\n" not in why


# --- claiming it, and putting it back


def test_processes_move_aside_before_controllers_are_handed_down(tmp_path: Path) -> None:
    home = make(tmp_path / "cgroup", holds="4711\n")
    rest = make(home / delegation.REST)

    made = delegation.claim(home, "lambdatuning-7-1a")

    assert made == home / "lambdatuning-7-1a"
    assert made.is_dir()
    assert (rest / "cgroup.procs").read_text() == "4711"
    # The last that was written; the needed ones came before.
    assert (home / "cgroup.subtree_control").read_text() == "+pids"


def test_a_home_that_another_server_uses_stays_as_it_is(tmp_path: Path) -> None:
    home = make(tmp_path / "cgroup", hands="cpu memory pids")
    make(home / delegation.REST, holds="4711\n")
    (home / "lambdatuning-8-1b").mkdir()
    gone = home / "lambdatuning-7-1a"

    delegation.release(gone)

    assert (home / "cgroup.subtree_control").read_text() == "cpu memory pids\n"
    assert (home / delegation.REST / "cgroup.procs").read_text() == "4711\n"


def test_the_last_server_takes_the_controllers_back(tmp_path: Path) -> None:
    home = make(tmp_path / "cgroup", hands="cpu memory pids")
    make(home / delegation.REST, holds="4711\n")

    delegation.release(home / "lambdatuning-7-1a")

    assert (home / "cgroup.subtree_control").read_text() == "-cpu -memory -pids"
    assert (home / "cgroup.procs").read_text() == "4711"


# --- where hierarchies are mounted


def process(folder: Path, mounts: str, groups: str) -> Path:
    """What /proc/self would say."""
    (folder / "mountinfo").write_text(mounts.format(folder=folder))
    (folder / "cgroup").write_text(groups)
    return folder


CGROUP2 = "31 23 0:26 / {folder}/fs rw,nosuid shared:5 - cgroup2 cgroup2 rw,nsdelegate\n"
HYBRID = (
    "30 23 0:25 / {folder}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
    "31 23 0:26 / {folder}/unified rw shared:5 - cgroup2 cgroup2 rw\n"
)


def test_the_only_hierarchy(tmp_path: Path) -> None:
    here = process(tmp_path, CGROUP2, "0::/user.slice/session-1.scope\n")
    own = tmp_path / "fs" / "user.slice" / "session-1.scope"
    own.mkdir(parents=True)

    assert cgroups.own("cgroup2", process=here) == (own, tmp_path / "fs")
    with pytest.raises(NotMountedError, match=r"^cgroup v1 \(cpu\) is not mounted$"):
        cgroups.own("cgroup", "cpu", process=here)


def test_both_versions_side_by_side(tmp_path: Path) -> None:
    here = process(tmp_path, HYBRID, "2:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c\n")
    (tmp_path / "cpu" / "a").mkdir(parents=True)
    (tmp_path / "unified" / "c").mkdir(parents=True)

    assert cgroups.own("cgroup", "cpuacct", process=here)[0] == tmp_path / "cpu" / "a"
    assert cgroups.own("cgroup2", process=here)[0] == tmp_path / "unified" / "c"


def test_a_container_that_sees_its_part_of_the_tree_under_its_full_name(tmp_path: Path) -> None:
    mounts = "30 23 0:25 /docker/1a {folder}/fs ro - cgroup cgroup rw,memory\n"
    here = process(tmp_path, mounts, "4:memory:/docker/1a/inner\n")
    (tmp_path / "fs" / "inner").mkdir(parents=True)

    assert cgroups.own("cgroup", "memory", process=here)[0] == tmp_path / "fs" / "inner"


def test_a_mount_from_outside_the_cgroup_namespace_does_not_count(tmp_path: Path) -> None:
    here = process(tmp_path, CGROUP2.replace(" / ", " /../../.. "), "0::/\n")
    (tmp_path / "fs").mkdir()

    with pytest.raises(UnusableError, match=r"^cgroup v2 is mounted, but not the group of this"):
        cgroups.own("cgroup2", process=here)


def test_a_system_without_cgroups(tmp_path: Path) -> None:
    with pytest.raises(NotMountedError):
        cgroups.own("cgroup2", process=tmp_path)


def test_groups_of_other_servers_are_no_home(tmp_path: Path) -> None:
    own = tmp_path / "box" / "lambdatuning-7-1a" / "server"

    assert cgroups.outside_ours(own, tmp_path) == tmp_path / "box"
    assert cgroups.outside_ours(tmp_path / "box", tmp_path) == tmp_path / "box"
    assert owner_of("lambdatuning-7-1a") == 7
    assert owner_of(delegation.REST) is None
