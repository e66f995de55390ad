"""Every deliberate error, grouped by what the caller can do about it.

::

    CrfsError
    ├── InvalidInput         fix the input and ask again
    │   └── NotFound         the name is not in the store: check the spelling, list what there is
    ├── NotYetKnown          the answer depends on something that is not published yet: ask later
    ├── SourceUnavailable    the provider does not answer: retry
    ├── SourceRejected       the provider refuses (key, quota, terms): do not retry as it is
    │   ├── Redirected       it sends elsewhere than it may be asked: see where it leads, or who answers in its place
    │   └── QuotaExhausted   nothing more until its quota starts anew: ``until`` says when
    ├── Forbidden            the provider's terms do not let it leave the store: look at it here, or ask the provider for the right
    ├── Conflict             the write would rewrite history: say that it is a correction, with a reason (``crfs datasets correct``)
    │   ├── StoredInPart     some answers would, and are not stored; the others are
    │   └── DoneElsewhere    a job is another worker's, or is done: there is nothing to do here
    ├── Quarantined          an answer looks wrong as a whole and is held back: look at it, release it with a reason, or mend the parser
    │   └── Unreadable       nothing in it could be read: a page of the provider's that is no answer, or a form that the parser does not know
    ├── ServiceUnavailable   a server of ours is not there, full or of another version: the text says what to do
    └── VerificationFailed   bytes or numbers are not what was recorded: do not trust them
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Self

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """A text that only says something: what would steer a terminal, turn the order of letters, or fit into no column is shown as U+FFFD.

    Errors quote others (providers, files, users), whose words go to terminals, into log lines and into columns of PostgreSQL, which holds no
    NUL and no half of a pair. Line ends and tabs stay.

    >>> plain("out\\x1b[2J of\\x00 order").encode("ascii", "replace")
    b'out?[2J of? order'
    """
    return _UNSEEN.sub("\ufffd", text)


class CrfsError(Exception):
    """Base of every error that crfs raises on purpose; ``problems`` are the wrong places that it knows of.

    Its text is :func:`plain`, whomever it quotes: whoever shows or keeps it need not look at it again.
    """

    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return plain(super().__str__())


class InvalidInput(CrfsError):
    """The caller's input is wrong; ``problems`` lists every place where, as far as one pass finds them.

    ``argument`` is the name of the argument that is wrong, where it is one, and ``member`` the way to what is wrong within it (names, and
    positions from 0 on): a door shows from them where in the request that lies.
    """

    def __init__(
        self, message: str, *, problems: tuple[Problem, ...] = (), argument: str | None = None, member: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(message)
        self.problems = problems
        self.argument = argument
        self.member = member


class Problem:
    """One wrong place in an input: ``row`` (first data row = 1, None where the whole input is meant), ``column``, ``reason``, ``detail``."""

    __slots__ = ("column", "detail", "reason", "row")

    def __init__(self, *, row: int | None, column: str | None, reason: str, detail: str) -> None:
        self.row = row
        self.column = column
        self.reason = reason
        self.detail = plain(detail)

    def __repr__(self) -> str:
        return f"Problem(row={self.row}, column={self.column!r}, reason={self.reason!r}, detail={self.detail!r})"

    def __str__(self) -> str:
        place = ", ".join(
            part for part in (f"row {self.row}" if self.row is not None else "", f"column {self.column}" if self.column else "") if part
        )
        return f"{place or 'input'}: {self.reason}: {self.detail}"


def first_places(problems: Sequence[Problem], *, most: int = 3) -> str:
    """The first few of some wrong places, and how many more there are, for an error's own text; ``problems`` has them all.

    >>> first_places([Problem(row=row, column="ead", reason="missing", detail="the cell is blank") for row in (1, 4)], most=1)
    'row 1, column ead: missing: the cell is blank; and 1 more'
    """
    more = f"; and {len(problems) - most:,} more" if len(problems) > most else ""
    return "; ".join(str(problem) for problem in problems[:most]) + more


class NotFound(InvalidInput):
    """A name (factor, dataset, run, model, payload) that the store does not have."""


class NotYetKnown(CrfsError):
    """The answer rests on something that is not known yet, such as a label whose outcome window is open."""


class SourceUnavailable(CrfsError):
    """A provider did not answer, or answered that it is busy; trying again later is right."""


class SourceRejected(CrfsError):
    """A provider refused: wrong key, exhausted quota, forbidden request. Trying again as it is changes nothing."""


class Redirected(SourceRejected):
    """A provider sends elsewhere than it may be asked: it has moved, or somebody else answers in its place (a proxy, a network's log-in page)."""


class QuotaExhausted(SourceRejected):
    """A provider's quota is used up; ``until`` is when it starts anew (UTC), and what is asked waits until then.

    ``backfills_only``: it is the share of backfills that is used up; the regular questions have the rest.
    """

    def __init__(self, message: str, *, until: datetime, backfills_only: bool = False) -> None:
        super().__init__(message)
        self.until = until
        self.backfills_only = backfills_only

    @classmethod
    def of_the_day(cls, source: str, *, a_day: int, share: int | None, until: datetime) -> Self:
        """The count of a day is used up, or of it the ``share`` that backfills may use (None: the whole)."""
        what = f"the day's {a_day} requests" if share is None else f"the {share} of a day's {a_day} requests that backfills may use"
        return cls(f"{source}: {what} are used up; more from {until:%Y-%m-%d %H:%M:%S} UTC", until=until, backfills_only=share is not None)

    @classmethod
    def held(cls, source: str, *, until: datetime) -> Self:
        """The next request may not go before ``until``, which is longer than its caller waits."""
        asked = f"the provider asked to be left alone (crfs sources lift {source} asks it all the same)"
        return cls(f"{source}: {asked}; more from {until:%Y-%m-%d %H:%M:%S} UTC", until=until)


class Forbidden(CrfsError):
    """What was asked for may not be handed out: the rights of its provider forbid it."""


class Conflict(CrfsError):
    """An ingest would give another value for a key that already has one; write it as a correction with a reason: ``crfs datasets correct``."""


class StoredInPart(Conflict):
    """Of several answers some would rewrite history and are not stored, while the others are: the text names those that are not."""


class DoneElsewhere(Conflict):
    """A job has another worker, or is done: who asked for it, or held it before, has nothing to do. No data contradict each other."""


class Cancelled(CrfsError):
    """The job was asked to stop (``crfs jobs cancel``), and did; what it had published stays. Nobody made a mistake."""


class Quarantined(CrfsError):
    """A provider's answer breaks a threshold and is held back; ``crfs quarantine list`` shows it, with its reason and its bytes."""


class Unreadable(Quarantined):
    """Nothing in a provider's answers could be accepted; ``problems`` says why of each. The bytes are kept, and later ones may be well."""

    def __init__(self, message: str, *, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class ServiceUnavailable(CrfsError):
    """A server that crfs needs (PostgreSQL, Redis, the disk) is not there or cannot be used; the text says what to do."""


class VerificationFailed(CrfsError):
    """Stored bytes, or a number computed again, are not what was recorded."""


@contextmanager
def naming(argument: str, *, instead_of: str | None = None) -> Iterator[None]:
    """Say of an :class:`InvalidInput` that is raised within, and does not say it itself, which argument is wrong.

    ``instead_of`` is what the argument is called within, where that is another name.
    """
    try:
        yield
    except InvalidInput as error:
        if error.argument in {None, instead_of}:
            error.argument = argument
        raise


@contextmanager
def inside(argument: str, *member: str | int) -> Iterator[None]:
    """Say of an :class:`InvalidInput` that is raised within that what it calls an argument is a member of ``argument``, or of a ``member`` of that.

    >>> try:
    ...     with inside("scenarios", 0):
    ...         raise InvalidInput("a weight is not negative", argument="weight")
    ... except InvalidInput as error:
    ...     print(error.argument, error.member)
    scenarios (0, 'weight')
    """
    try:
        yield
    except InvalidInput as error:
        own = () if error.argument in {None, argument} else (error.argument,)
        error.argument, error.member = argument, (*member, *own, *error.member)
        raise


@contextmanager
def in_file(file: object) -> Iterator[None]:
    """Say of an :class:`InvalidInput` that is raised within which file it speaks of, unless it says it itself.

    >>> with in_file("book.csv"):
    ...     raise InvalidInput("the file is empty")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: book.csv: the file is empty
    """
    try:
        yield
    except InvalidInput as error:
        if str(file) in str(error):
            raise
        raise type(error)(f"{file}: {error}", problems=error.problems, argument=error.argument) from None
