"""Checks of tables: what passes is typed and accepted, what does not is rejected with row, column and reason."""

from __future__ import annotations

from crfs.credit.schemas import Reason
from crfs.quality.checks import Checked, check_table
from crfs.quality.portfolio import validate_portfolio

__all__ = ["Checked", "Reason", "check_table", "validate_portfolio"]
