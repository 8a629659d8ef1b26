"""Verdicts to publish, with text that wants to be more than text."""

from lambdatuning.analysis.verdict import UNKNOWN, WORSE, ChangeFinding, Verdict

HOSTILE = "]]>\"'</x>|`*_\n::error::x\r\x00 %0A @me #1 <script> --> &amp; ${{ secrets.X }}"

WORSE_10 = ChangeFinding(
    kind="worse",
    measure="duration",
    payload="digest",
    memory_mb=512,
    change=0.104,
    low=0.081,
    high=0.127,
    since="20261128T030000-abcdef",
    cause="the code changed",
    text="digest takes 10.4 % longer at 512 MB",
)


def worse(function: str = "checkout", *findings: ChangeFinding) -> Verdict:
    return Verdict(
        source="compare",
        function=function,
        kind=WORSE,
        reason="digest takes 10.4 % longer (8.1 to 12.7 %)",
        findings=findings or (WORSE_10,),
        run_id="20261128T030000-abcdef",
        baseline=("20261127T030000-123456",),
        started_at="2026-11-28T03:00:00+00:00",
        commit="0123456789abcdef0123",
        region="eu-west-1",
        architecture="arm64",
        url="https://example.com/reports/1 (a).html",
    )


FINE = Verdict(source="compare", function="checkout", kind="fine", reason="nothing got worse")
BETTER = Verdict(source="compare", function="checkout", kind="better", reason="ping is faster")
UNTOLD = Verdict(
    source="history", function="checkout", kind=UNKNOWN, reason="only 2 runs are there, 5 needed"
)
HOSTILE_FINDING = ChangeFinding(
    kind="worse", measure="cost", payload=HOSTILE, change=0.2, cause=HOSTILE, text=HOSTILE
)
HOSTILE_VERDICT = Verdict(
    source="compare",
    function=HOSTILE,
    kind=WORSE,
    reason=HOSTILE,
    findings=(HOSTILE_FINDING,),
    run_id=HOSTILE,
    started_at=HOSTILE,
    url=f"javascript:{HOSTILE}",
)
ALL = (worse(), FINE, BETTER, UNTOLD, HOSTILE_VERDICT)
