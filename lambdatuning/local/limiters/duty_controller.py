"""The controller process of `sigstop.py`: a budget of CPU time for each process group.

Every period adds share * period of CPU time to a group's budget, at most one period's worth is
kept; a group whose budget is spent is stopped until a period's worth has come back. Its memory is
checked as often. When standard input ends, the server is gone: every group goes on, for the
supervisor to kill. Runs in a process of its own that imports no more than it needs.
"""

import contextlib
import os
import select
import signal
import struct
import time

from . import processes
from .interface import MOST_PROCESSES

COMMAND = struct.Struct("<ciff")
ANSWER = struct.Struct("<cI")
"""To a removal: M after out of memory, else a dot; the most memory seen, in MB."""
MIN_SLICE_S = 0.0004


class Group:
    """One process group's account."""

    def __init__(self, pid: int, share: float, memory_mb: float, period_s: float) -> None:
        self.pid = pid
        self.share = share
        self.limit_bytes = memory_mb * (1 << 20)
        self.budget_s = self.most_s = share * period_s
        self.stopped = False
        self.out_of_memory = False
        self.peak_bytes = 0
        self.members = [pid]
        self.used_s = processes.cpu_of_all_s(self.members)
        self.at = time.monotonic()
        self.wake = self.at + max(MIN_SLICE_S, self.budget_s)

    def check(self, now: float) -> None:
        """Bring the account up to `now`; stop or continue the group; say when to check again."""
        self._settle(now)
        held_bytes = processes.resident_bytes(self.members)
        self.peak_bytes = max(self.peak_bytes, held_bytes)
        if held_bytes > self.limit_bytes:
            self.out_of_memory = True
            self.signal(signal.SIGKILL)
        if len(self.members) > MOST_PROCESSES:
            self.signal(signal.SIGKILL)
        if self.stopped:
            self.go_on()
            self.wake = now + max(MIN_SLICE_S, self.budget_s)
        elif self.budget_s <= 0 and self.share < 1.0:
            self.signal(signal.SIGSTOP)
            self.stopped = True
            self.wake = now + (self.most_s - self.budget_s) / self.share
        else:
            left = self.budget_s if self.budget_s > 0 else self.most_s / self.share
            self.wake = now + max(MIN_SLICE_S, left)

    def go_on(self) -> None:
        """Continue the group if it was stopped."""
        if self.stopped:
            self.signal(signal.SIGCONT)
            self.stopped = False

    def signal(self, number: int) -> None:
        """Signal the process group, and members that left it."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, number)
        for pid in self.members[1:]:
            with contextlib.suppress(OSError):
                os.kill(pid, number)

    def _settle(self, now: float) -> None:
        self.members = processes.tree(self.pid)
        earned_s = (now - self.at) * self.share
        self.budget_s = min(self.most_s, self.budget_s + earned_s - self._spent_s())
        self.at = now

    def _spent_s(self) -> float:
        before, self.used_s = self.used_s, processes.cpu_of_all_s(self.members)
        # A child that ended takes its time along: the sum may not go back.
        return max(0.0, self.used_s - before)


def obey(groups: dict[int, Group], period_s: float, command: bytes) -> bytes:
    """Carry out one command: A(dd) or R(emove) a group.

    Only a removal is answered, by an `ANSWER`.
    """
    name, pid, share, memory_mb = COMMAND.unpack(command)
    if name == b"A":
        groups[pid] = Group(pid, share, memory_mb, period_s)
        return b""
    group = groups.pop(pid, None)
    if group is None:
        return ANSWER.pack(b".", 0)
    group.go_on()
    return ANSWER.pack(b"M" if group.out_of_memory else b".", -(-group.peak_bytes >> 20))


def run(period_s: float) -> None:
    """Serve until standard input ends."""
    groups: dict[int, Group] = {}
    while True:
        wake = min((group.wake for group in groups.values()), default=None)
        pause = None if wake is None else max(0.0, wake - time.monotonic())
        if select.select([0], [], [], pause)[0]:
            command = os.read(0, COMMAND.size)
            if not command:
                break
            if answer := obey(groups, period_s, command):
                os.write(1, answer)
        now = time.monotonic()
        for group in groups.values():
            if group.wake <= now:
                group.check(now)
    for group in groups.values():
        group.go_on()
