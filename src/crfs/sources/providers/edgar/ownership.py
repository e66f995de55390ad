"""Forms 3, 4 and 5: what insiders buy and sell, a row for each transaction; the entity is the issuer and the owner."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, RejectReason
from crfs.sources.core.tables import accept, reject_all, rejected_where
from crfs.sources.core.text import day_instant, iso_date
from crfs.sources.core.xml_text import read_xml
from crfs.sources.providers.edgar.answers import entity

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TRADES = "edgar_insider_trades"
_TRUE = {"1", "true"}
_TEXTS = ("entity", "_date", "code", "acquired", "_shares", "_price", "_after", "security", "owner", "title")


def parse(body: bytes, catalogue: Catalogue, *, known: datetime, clipped: bool) -> Parsed:
    """Rows of ``edgar_insider_trades``: valid on the day of the transaction (with its place in the form as microseconds), known from ``known``.

    A form without transactions (a Form 3 says holdings) gives none, and that is no fault.
    """
    read = read_xml(body)
    if read.root is None:
        return reject_all(RejectReason.MALFORMED, read.problem or "no XML")
    issuer = entity(_text(read.root, "issuer/issuerCik"))
    owner = read.root.find("reportingOwner")
    owner_key = entity(_text(owner, "reportingOwnerId/rptOwnerCik")) if owner is not None else None
    if issuer is None or owner is None or owner_key is None:
        return reject_all(RejectReason.MISSING_FIELD, "the form names no issuer, or no owner, by a CIK")
    relation = "reportingOwnerRelationship"
    # A box of the relationship that is not there is not ticked; without the relationship nothing is known.
    said = owner.find(relation) is not None
    flags = {
        name: _text(owner, f"{relation}/{tag}").lower() in _TRUE if said else None
        for name, tag in (("is_director", "isDirector"), ("is_officer", "isOfficer"), ("is_ten_percent_owner", "isTenPercentOwner"))
    }
    person = (_text(owner, "reportingOwnerId/rptOwnerName"), _text(owner, f"{relation}/officerTitle"))
    rows: list[tuple[int, bool, tuple[str, ...]]] = []
    for path, derivative in (("nonDerivativeTable/nonDerivativeTransaction", False), ("derivativeTable/derivativeTransaction", True)):
        rows += [
            (len(rows) + i, derivative, (f"{issuer}/{owner_key}", *_cells(item), *person))
            for i, item in enumerate(read.root.findall(path), start=1)
        ]
    table = pl.DataFrame(
        [(row, derivative, *cells) for row, derivative, cells in rows],
        schema={"row": pl.Int64(), "derivative": pl.Boolean(), **dict.fromkeys(_TEXTS, pl.String())},
        orient="row",
    )
    frame = table.with_columns(
        day=iso_date(pl.col("_date").str.slice(0, 10)),
        shares=pl.col("_shares").cast(pl.Float64, strict=False),
        price=pl.col("_price").cast(pl.Float64, strict=False),
        shares_after=pl.col("_after").cast(pl.Float64, strict=False),
        acquired=pl.when(pl.col("acquired").is_in(["A", "D"])).then(pl.col("acquired") == "A"),
        title=pl.when(pl.col("title") != "").then("title"),
        **{name: pl.lit(value, dtype=pl.Boolean) for name, value in flags.items()},
    )
    bad: list[tuple[pl.Expr, str, str]] = [
        (pl.col("day").is_null(), "transactionDate", "_date"),
        *(((pl.col(text) != "") & pl.col(name).is_null(), name, text) for name, text in (("shares", "_shares"), ("price", "_price"))),
    ]
    reasons = {"transactionDate": RejectReason.NOT_A_DATE}
    rejected = [
        rejected_where(frame, check, name, reasons.get(name, RejectReason.NOT_A_NUMBER), "cannot be read", shown=text)
        for check, name, text in bad
    ]
    good = frame.filter(~pl.any_horizontal(check for check, *_ in bad)).with_columns(
        valid_time=(day_instant("day").cast(pl.Int64) + pl.col("row")).cast(INSTANT),
        knowledge_time=pl.lit(known),
        knowledge_basis=pl.lit("observed"),
        clipped=pl.lit(clipped),
    )
    accepted, more = accept(good, catalogue.dataset(TRADES), catalogue, fetched_at=known)
    return Parsed(
        tables={TRADES: accepted} if accepted.height else {},
        rejected=pl.concat([*rejected, more]).sort("row", maintain_order=True),
    )


def _cells(item: Element) -> tuple[str, ...]:
    amounts = "transactionAmounts"
    return (
        _text(item, "transactionDate/value"),
        _text(item, "transactionCoding/transactionCode"),
        _text(item, f"{amounts}/transactionAcquiredDisposedCode/value"),
        _text(item, f"{amounts}/transactionShares/value"),
        _text(item, f"{amounts}/transactionPricePerShare/value"),
        _text(item, "postTransactionAmounts/sharesOwnedFollowingTransaction/value"),
        _text(item, "securityTitle/value"),
    )


def _text(node: Element, path: str) -> str:
    return (node.findtext(path) or "").strip()
