"""The registrants that the list of trade names means are those of EDGAR's list of companies."""

from __future__ import annotations

import json
from pathlib import Path

from crfs.features.trade_names import trade_names


def test_every_registrant_of_a_trade_name_is_in_the_recorded_list(recordings: Path) -> None:
    listed = json.loads((recordings / "sec_edgar" / "company_tickers.json").read_text())
    assert set(trade_names()) <= {row["title"] for row in listed.values()}
