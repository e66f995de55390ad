"""Exit codes: how each deliberate error ends a command."""

from __future__ import annotations

from enum import IntEnum

from crfs.errors import (
    Cancelled,
    Conflict,
    CrfsError,
    DoneElsewhere,
    Forbidden,
    InvalidInput,
    NotYetKnown,
    Quarantined,
    QuotaExhausted,
    Redirected,
    ServiceUnavailable,
    SourceRejected,
    SourceUnavailable,
    StoredInPart,
    VerificationFailed,
)


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    CALLERS_MISTAKE = 1
    VERIFICATION_FAILED = 2
    NO_SERVICE = 3
    DONE_IN_PART = 4
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_CODES: dict[type[CrfsError], ExitCode] = {
    InvalidInput: ExitCode.CALLERS_MISTAKE,
    NotYetKnown: ExitCode.CALLERS_MISTAKE,
    Forbidden: ExitCode.CALLERS_MISTAKE,
    SourceRejected: ExitCode.CALLERS_MISTAKE,
    QuotaExhausted: ExitCode.NO_SERVICE,
    Redirected: ExitCode.NO_SERVICE,
    Conflict: ExitCode.CALLERS_MISTAKE,
    StoredInPart: ExitCode.DONE_IN_PART,
    DoneElsewhere: ExitCode.DONE_IN_PART,
    Cancelled: ExitCode.INTERRUPTED,
    Quarantined: ExitCode.VERIFICATION_FAILED,
    VerificationFailed: ExitCode.VERIFICATION_FAILED,
    ServiceUnavailable: ExitCode.NO_SERVICE,
    SourceUnavailable: ExitCode.NO_SERVICE,
}
"""Every class below :class:`~crfs.errors.CrfsError` that the tree has; a subclass ends as its parent does."""


def exit_code(error: CrfsError) -> ExitCode:
    """The exit code of an error.

    >>> from crfs.errors import NotFound
    >>> exit_code(NotFound("no such run"))
    <ExitCode.CALLERS_MISTAKE: 1>
    """
    for kind in type(error).__mro__:
        if kind in EXIT_CODES:
            return EXIT_CODES[kind]
    return ExitCode.CALLERS_MISTAKE
