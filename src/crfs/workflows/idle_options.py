"""Options that mean something only beside another one: alone they are refused, since whoever gives one expects it to change the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crfs.errors import InvalidInput


def refuse_idle(options: Mapping[str, Any], names: Sequence[str], *, defaults: Mapping[str, Any], goes_with: str) -> None:
    """Refuse those of ``names`` that say something, in a question where nothing reads them; ``goes_with`` is what would.

    None and an option's own default say nothing: they change no answer, and the command line gives some of them unasked.

    >>> refuse_idle({"floor_path": "basel"}, ["floor_path"], defaults={"floor_path": "basel"}, goes_with="output_floor")
    >>> refuse_idle({"floor_path": "eu"}, ["floor_path"], defaults={"floor_path": "basel"}, goes_with="output_floor")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: floor_path = 'eu' goes with output_floor, which was not asked for: ask for that too, or leave floor_path out
    """
    for name in names:
        value = options.get(name)
        if value is not None and value != defaults[name]:
            detail = f"{name} = {value!r} goes with {goes_with}, which was not asked for: ask for that too, or leave {name} out"
            raise InvalidInput(detail, argument=name)
