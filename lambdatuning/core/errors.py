"""Every error that a user may meet: one base class, few leaves, each message says what to do."""

import re
from collections.abc import Iterable


class LambdaTuningError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line exits with."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it (IPython asks for it by this name): one line, no trace."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(LambdaTuningError):
    """Input that can never work: refused before anything is created or billed."""

    exit_code = 2


class OptionError(UsageError):
    """An option whose value cannot be; `option` is its name in Python, which the command line
    writes as its own."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option} {problem}")
        self.option, self.problem = option, problem


class CredentialsError(LambdaTuningError):
    """No credentials, expired ones, or no region."""


class NotFoundError(LambdaTuningError):
    """A function, stack, run or bucket that is not there."""


class StackError(LambdaTuningError):
    """A stack that cannot be used or could not be changed."""


class LockedError(LambdaTuningError):
    """Another run holds the function."""


class RunFailedError(LambdaTuningError):
    """A tuning run or a notebook that ended without an answer."""


class CutOffError(LambdaTuningError):
    """A run goes on, out of the client's reach."""


class RegressionError(LambdaTuningError):
    """The answer got worse than it was."""

    exit_code = 3


class CannotTellError(LambdaTuningError):
    """Whether anything got worse cannot be told from what was measured."""

    exit_code = 5


class DeclinedError(LambdaTuningError):
    """The user said no, or could not be asked and gave no `--yes`."""

    exit_code = 4


class UnexpectedError(LambdaTuningError):
    """A fault of this package; its message has what somebody needs who is to fix it."""


class RunSkippedWarning(UserWarning):
    """A stored run that cannot be read, and is left out of the others."""


class UnreadReportsWarning(UserWarning):
    """Lines of logs that hold a report which could not be read, and so is missing."""


_DENIALS = re.compile(
    r"explicit deny in (?P<explicit>an? (?:[A-Za-z-]+ )*?(?:policy|boundary))|"
    r"because no (?P<lacking>permissions boundary|(?:service control|resource control|session|"
    r"VPC endpoint) policy) allows"
)


def denied_by(message: str) -> str:
    """What forbids a call whatever a user's own policies allow; "" where a permission is missing.

    IAM's messages name it (IAM User Guide, Troubleshoot access denied error messages).

    >>> denied_by("... is not authorized to perform: iam:CreateRole on resource: r with an "
    ...           "explicit deny in a service control policy")
    'a service control policy'
    >>> denied_by("... because no identity-based policy allows the s3:PutObject action")
    ''
    """
    text = " ".join(message.split())
    match = _DENIALS.search(text)
    if match is None:
        return "an explicit deny in a policy" if "explicit deny" in text else ""
    return match["explicit"] or f"a {match['lacking']}"


_LISTED = 20
"""So many known names are listed in a message: a store may have thousands of runs."""


def closest(name: object, choices: Iterable[object]) -> str:
    """End of a message about an unknown name: the closest known one, else what there is, each
    named once.

    >>> closest("sped", ["cost", "speed"])
    'did you mean "speed"?'
    >>> closest("x", ["cost", "speed"])
    'known are: cost, speed'
    >>> closest(3, ["cost"])
    'known are: cost'
    >>> closest("x", [])
    'there are none'
    >>> closest("x", [f"run-{number:03}" for number in range(300)])[-30:]
    'run-018, run-019, and 280 more'
    """
    import difflib  # a tenth of the time of `lambdatuning --help`, which does not need it

    names = sorted({str(choice) for choice in choices})
    if not names:
        return "there are none"
    matches = difflib.get_close_matches(str(name), names, n=1)
    if matches:
        return f'did you mean "{matches[0]}"?'
    more = [f"and {len(names) - _LISTED} more"] if len(names) > _LISTED else []
    return f"known are: {', '.join([*names[:_LISTED], *more])}"
