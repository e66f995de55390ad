"""A small store with all that the main job makes: history, a bureau, three models, a book in a file and one from the bureau, their runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from crfs.workflows.session import Session

OBLIGORS = 400
BOOK_AT = "2009-11-30T00:00:00Z"
BOOK = {
    "kind": "bureau",
    "at": BOOK_AT,
    "groups": {"corporate": "corporate_{}", "retail": "retail_{}"},
    "r2": {"corporate": 0.20, "retail": 0.08},
}
BOOK_FILE = """facility_id,obligor_id,ead,lgd,pd_12m,group,r2,sector,region,currency
F1,O1,1000000,0.45,0.01,corporate_energy,0.2,energy,northeast,USD
F2,O1,250000,0.30,0.01,corporate_energy,0.2,energy,northeast,USD
F3,O2,400000,0.60,0.05,retail_pacific,0.08,,south,USD
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where the store is, and its runs: ``pd``, ``lgd``, ``ead``, ``risk`` (of the bureau's book), ``file_risk`` and ``training_set``."""

    url: sa.URL
    runs: Mapping[str, str]

    @property
    def address(self) -> str:
        """The URL as text."""
        return self.url.render_as_string(hide_password=False)


def build(session: Session, folder: Path) -> dict[str, str]:
    """Make the world in an open store; its runs by name."""
    from crfs.sources.core import Query
    from crfs.sources.providers.bureau import BureauSpec
    from crfs.store.registry import promote
    from crfs.workflows.bureau import ingest_bureau
    from crfs.workflows.ingestion import ingest
    from crfs.workflows.packaged import packaged_factor_model
    from crfs.workflows.portfolio_risk import measure_portfolio
    from crfs.workflows.training import train
    from crfs.workflows.training_sets import build_features

    ingest(session, "packaged", Query(vintages="all"))
    ingest_bureau(session, BureauSpec(seed=42, obligors=OBLIGORS, first_month=date(2003, 10, 1), months=72))
    runs = {}
    for name in ("pd", "lgd", "ead"):
        version = train(session, specification(name))
        promote(session.database, name, version.version, reason="the first", at=session.clock.now())
        runs[name] = version.run_id
    options = {"confidences": [0.99], "seed": 1, "max_scenarios": 20_000}
    run, _ = measure_portfolio(session, BOOK, packaged_factor_model(), options=options, models=("pd", "lgd", "ead"), as_of=BOOK_AT)
    runs["risk"] = run.run_id
    book = folder / "book.csv"
    book.write_text(BOOK_FILE)
    run, _ = measure_portfolio(session, str(book), packaged_factor_model(), options=options, models=())
    runs["file_risk"] = run.run_id
    spine = folder / "spine.csv"
    spine.write_text(
        "obligor_id,observed_at\n"
        + "".join(f"{obligor},{year}-03-31\n" for obligor in _some_obligors(session) for year in (2005, 2007, 2009))
    )
    factors = [{"mnemonic": name} for name in ("bureau.obligor.score", "us.unemployment_rate_quarterly", "us.credit_spread_baa_aaa")]
    runs["training_set"] = build_features(session, factors, spine, folder / "features.csv")["run_id"]
    return runs


def specification(model: str) -> dict[str, Any]:
    """The specification that ships with crfs, the scorecard's for the years of this small bureau."""
    from crfs.workflows.packaged import packaged_model

    shipped = packaged_model(model)
    if model == "pd":
        shipped["spine"] |= {"first": "2004-01-31T00:00:00Z", "last": "2008-09-30T00:00:00Z"}
        shipped["split"] |= {"calibration_from": "2006-05-15T00:00:00Z", "out_of_time_from": "2007-09-15T00:00:00Z"}
        # Few defaults: binned and kept as if they were many, since what the scorecard is worth is not what is asked here.
        shipped["scorecard"] |= {
            "binning": {"min_defaults": 2, "significance": 0.5},
            "selection": {"information_value": 0.0, "p_value": 0.9},
        }
    return shipped


def _some_obligors(session: Session) -> list[str]:
    rows = session.reader(session.pin().batch_id).rows("bureau_obligor", columns=[])
    return rows["entity"].unique().sort().head(60).to_list()


def in_a_fresh_process(program: str, *arguments: str, **environment: str) -> Any:
    """Run a program in a Python of its own; what it wrote on stdout, read as JSON."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRFS_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env={**inherited, **environment},
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


REPLAY = """
import json, sys
from crfs.workflows.runs import replay
from crfs.workflows.session import open_session
with open_session(sys.argv[1]) as session:
    print(json.dumps({run: replay(session, run).to_dict() for run in sys.argv[2:]}))
"""
"""Replays runs (arguments: the store's URL, then run ids); their replays by id."""
