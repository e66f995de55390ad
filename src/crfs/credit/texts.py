"""Texts that can be kept: what UTF-8 can write and PostgreSQL can hold."""

from __future__ import annotations


def text_fault(text: str) -> str | None:
    """What keeps a text from being kept, in words that follow "it has"; None where nothing does.

    JSON lets halves of surrogate pairs through, and so do the arguments of a command that are no UTF-8.

    >>> text_fault("Å"), text_fault("a\\0b"), text_fault("\\ud800")
    (None, 'a NUL character', 'half of a surrogate pair, which is no character')
    """
    if "\0" in text:
        return "a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair, which is no character"
    return None
