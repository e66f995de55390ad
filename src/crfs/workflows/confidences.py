"""How confidences are told, for the doors: in the words of notes (:func:`crfs.credit.confidences.percentage`)."""

from __future__ import annotations

from crfs.credit.confidences import percentage

__all__ = ["percentage"]
