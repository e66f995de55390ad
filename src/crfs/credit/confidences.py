"""Confidences as people read them: a percentage with all the digits that tell it from 100 % and from its neighbours."""

from __future__ import annotations

from decimal import Decimal


def percentage(confidence: float) -> str:
    """A confidence (decimal within [0, 1]) times a hundred, with the digits that it was written with; the caller adds the sign of per cent.

    Two numbers that differ have texts that differ, and none but 1 is 100: the decimal digits of the number itself are moved, never rounded.

    >>> percentage(0.99), percentage(0.999), percentage(0.9999999), percentage(0.999999999999999)
    ('99', '99.9', '99.99999', '99.9999999999999')
    >>> percentage(1.0), percentage(0.001), percentage(0.0)
    ('100', '0.1', '0')
    """
    return f"{(Decimal(repr(float(confidence))) * 100).normalize():f}"
