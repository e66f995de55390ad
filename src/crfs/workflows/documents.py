"""What documents become as numbers: derived from stored rows once an ingest has published them, or all anew with another scorer.

Each version of a document gives a row of ``document_sentiment`` on the document's own clocks. From these come the tone of issuers and of
sources a day, that of earnings releases and the stance of policy statements, and from the Federal Register its rules a month: only the groups
and periods that a new document touches are computed again. All of it is one batch that names the payloads of the documents.

A row that is no longer said (its document was annulled, or now belongs elsewhere) becomes ``missing``: no candidate for any answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.ingest_report import IngestReport, add_counts
from crfs.workflows.jobs import JobContext, run_job
from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    import polars as pl

    from crfs.features.entity_linking import IssuerIndex
    from crfs.features.sentiment import SentimentScorer
    from crfs.store.scan import StoreReader

DOCUMENTS, ISSUERS, SOURCES, POLICY, RULES = "document_sentiment", "issuer_tone", "market_tone", "policy_stance", "final_rules"
RELEASES = "release_tone"
REGISTER, FILINGS = "federal_register_documents", "edgar_texts"
STATEMENT, DECISIONS = "policy_document/fomc_statement/", "fomc_statement"
_CLOCKS = ("entity", "valid_time", "knowledge_time")
_AT_A_TIME = 5_000
"""Documents scored between two words of progress."""
_ISSUERS_AT_A_TIME = 500
"""Issuers whose releases are compared at once: a pair of every two dates of one issuer is held in memory."""


@dataclass(slots=True, kw_only=True)
class DocumentReport:
    """What was derived: documents read, rows appended and unchanged by dataset, and the batch (None where nothing was new)."""

    documents: int = 0
    appended: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    batch_id: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"documents": self.documents, "appended": self.appended, "unchanged": self.unchanged, "batch": self.batch_id}


def derive(session: Session, report: IngestReport, *, job: JobContext) -> None:
    """What documents that were published become as numbers, in the same job; the report is told of it."""
    if any(report.appended.values()):
        derived = derive_documents(session, report.appended, job=job)
        add_counts(report.appended, derived.appended)
        if derived.batch_id is not None:
            report.batches.append(derived.batch_id)


def derive_documents(
    session: Session, datasets: Iterable[str], *, job: JobContext, scorer: SentimentScorer | None = None, everything: bool = False
) -> DocumentReport:
    """Derive from the documents of ``datasets`` that nothing has been derived from yet (or from all of them) within a job.

    Datasets without texts are ignored, but for the numbers that policy statements say. The same again adds nothing. Another ``scorer`` than the
    default scores what is derived now; to have one scorer throughout, use :func:`rederive_documents`.
    """
    from crfs.features.documents.texts import TEXTS
    from crfs.features.sentiment import FinanceScorer
    from crfs.store.derivation import deriving

    wanted = [name for name in sorted(set(datasets)) if name in (*TEXTS, DECISIONS)]
    if not wanted:
        return DocumentReport()
    with deriving(session.database):
        reader = session.reader(session.pin().batch_id)
        work = _Derivation(session=session, reader=reader, job=job, scorer=scorer or FinanceScorer(), everything=everything)
        return work.done(wanted)


def rederive_documents(session: Session, *, scorer: SentimentScorer | None = None, progress: Progress = no_progress) -> DocumentReport:
    """Derive everything from every stored document anew: after a change of the scorer, its lexicon, or what issuers are called."""
    from crfs.features.documents.texts import TEXTS
    from crfs.features.sentiment import FinanceScorer

    chosen = scorer or FinanceScorer()
    specification = {"derives": DOCUMENTS, "scorer": chosen.name, "version": chosen.version, "lexicon_sha256": chosen.lexicon_sha256}

    def work(job: JobContext) -> DocumentReport:
        return derive_documents(session, [*TEXTS, DECISIONS], job=job, scorer=chosen, everything=True)

    return run_job(session, "rederive", specification, work, progress=progress)


def scorer_called(name: str, weights: Path | None = None) -> SentimentScorer:
    """The scorer ``finance`` or ``vader``, or ``transformer`` with the folder of its weights."""
    from crfs.features.sentiment import FinanceScorer, TransformerScorer, VaderScorer

    if (name == "transformer") != (weights is not None):
        raise InvalidInput("a transformer has weights, and nothing else has: --scorer transformer --weights FOLDER", argument="weights")
    if weights is not None:
        return TransformerScorer(weights)
    scorers: dict[str, Callable[[], SentimentScorer]] = {"finance": FinanceScorer, "vader": VaderScorer}
    if name not in scorers:
        raise InvalidInput(f"no scorer is called {name!r}; there are finance, vader and transformer", argument="scorer")
    return scorers[name]()


@dataclass(slots=True, kw_only=True)
class _Derivation:
    """One derivation: what it reads, the rows that it makes, and the batches that they rest on."""

    session: Session
    reader: StoreReader
    job: JobContext
    scorer: SentimentScorer
    everything: bool
    made: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    rests_on: dict[str, dict[str, set[int]]] = field(default_factory=dict)
    _issuers: IssuerIndex | None = None

    def done(self, datasets: list[str]) -> DocumentReport:
        """Derive from each dataset, then what rests on all of them, and append it as one batch."""
        import polars as pl

        report = DocumentReport()
        fresh, stale = [], []
        for dataset in (name for name in datasets if name != DECISIONS):
            touched = self._touched(dataset)
            if touched is not None and touched.is_empty():
                continue
            new, old = self._documents(dataset, touched)
            report.documents += new.height
            fresh.append(new)
            stale.append(old)
            if dataset == REGISTER:
                self._rules(touched)
        if fresh:
            new, old = pl.concat(fresh), pl.concat(stale)
            self._tones(new, old)
            self._release_tones(new, old)
        else:
            new = old = self.reader.rows(DOCUMENTS, entities=[], vintage_dates=True)
        if DECISIONS in datasets or pl.concat([new, old])["entity"].str.starts_with(STATEMENT).any():
            self._stances(new, old)
        if self.made:
            self._append(report)
        return report

    def _touched(self, dataset: str) -> pl.Series | None:
        """The entities to derive from; None means all of them."""
        from crfs.store.derivation import underived

        if self.everything:
            return None
        pending = underived(self.session.database, dataset=dataset, derived=DOCUMENTS, upto=self.reader.batch_id)
        return self.reader.rows(dataset, columns=[], batches=pending)["entity"].unique().sort()

    def _documents(self, dataset: str, touched: pl.Series | None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Every version of the touched documents as rows of ``document_sentiment``, and the rows that the store has of them."""
        import polars as pl

        from crfs.bitemporal.resolve import rows_that_count
        from crfs.features.documents.texts import TEXTS

        about = TEXTS[dataset]
        names = None if touched is None else touched.to_list()
        rows = rows_that_count(self.reader.rows(dataset, columns=about.columns, entities=names, vintage_dates=True))
        self._rest(DOCUMENTS, dataset, rows)
        values = rows.filter(pl.col("row_state") == "value")
        parts = [values[:0], *self._slices(dataset, values)]
        clocks = [*_CLOCKS, "batch_id", "row_state", "knowledge_basis", "vintage_date"]
        scores = [pl.concat([part.select(clocks), self._scored(part, dataset)], how="horizontal") for part in parts]
        gone = rows.filter(pl.col("row_state") == "retracted").select(clocks)
        prefix = f"{dataset}/"
        new = pl.concat([*scores, gone], how="diagonal").with_columns(entity=prefix + pl.col("entity"))
        stored = self.reader.rows(DOCUMENTS, entities=None if names is None else [prefix + name for name in names], vintage_dates=True)
        old = stored.filter(pl.col("entity").str.starts_with(prefix)).select(new.columns)
        self._keep(DOCUMENTS, new, old)
        return new, old

    def _slices(self, dataset: str, values: pl.DataFrame) -> Iterator[pl.DataFrame]:
        for done in range(0, values.height, _AT_A_TIME):
            self.job.progress(f"sentiment of {dataset}", done, values.height)
            yield values[done : done + _AT_A_TIME]

    def _scored(self, rows: pl.DataFrame, dataset: str) -> pl.DataFrame:
        from crfs.features.documents.texts import TEXTS, scored

        if self._issuers is None:
            self._issuers = _issuer_index(self.reader)
        table = scored(rows, TEXTS[dataset], scorer=self.scorer, issuers=self._issuers)
        schema = self.reader.catalogue.dataset(DOCUMENTS).schema()
        return table.select(list(schema)).cast(schema)  # type: ignore[arg-type]  # polars takes data types, its stub the classes

    def _tones(self, new: pl.DataFrame, old: pl.DataFrame) -> None:
        """The days of the issuers and sources that the documents touch."""
        import polars as pl

        from crfs.features.documents.tone import daily_tone

        day = pl.col("valid_time").dt.truncate("1d")
        both = pl.concat([new, old])
        days = both.select(day.unique())["valid_time"].sort()
        if days.is_empty():
            return
        first, last = days[0], days[-1] + timedelta(days=1)
        others = self.reader.rows(DOCUMENTS, valid_from=first, valid_before=last, vintage_dates=True)
        others = others.join(both.select("entity").unique(), on="entity", how="anti").filter(day.is_in(days.implode())).select(new.columns)
        documents = pl.concat([others, new])
        issuers = pl.col("issuers").str.split(",")
        sources = pl.concat_list(pl.col("entity").str.split("/").list.first())
        for dataset, groups in ((ISSUERS, issuers), (SOURCES, sources)):
            touched = both.select(group=groups, valid_time=day).explode("group").drop_nulls("group").unique()
            tone = daily_tone(documents.join(touched.select("valid_time").unique(), left_on=day, right_on="valid_time", how="semi"), groups)
            tone = tone.join(touched, left_on=["entity", "valid_time"], right_on=["group", "valid_time"], how="semi")
            stored = self.reader.rows(dataset, entities=touched["group"].unique().sort().to_list(), valid_from=first, valid_before=last)
            stored = stored.join(touched, left_on=["entity", "valid_time"], right_on=["group", "valid_time"], how="semi")
            self._keep(dataset, tone, stored)
            self._rest(dataset, DOCUMENTS, others)
            self._rest_alike(dataset, DOCUMENTS)

    def _release_tones(self, new: pl.DataFrame, old: pl.DataFrame) -> None:
        """The history of the earnings releases of the issuers that have new ones."""
        import polars as pl

        from crfs.features.documents.release_tone import issuer_of_release, release_history

        both = pl.concat([new, old])
        touched = both.select(issuer_of_release())["entity"].drop_nulls().unique().sort()
        if touched.is_empty():
            return
        stored = self.reader.rows(FILINGS, columns=[]).select(entity=pl.lit(f"{FILINGS}/") + pl.col("entity")).unique()
        named = stored.with_columns(issuer=issuer_of_release()).drop_nulls("issuer").join(both.select("entity"), on="entity", how="anti")
        for issuers in touched.to_frame("issuer").iter_slices(_ISSUERS_AT_A_TIME):
            names = named.join(issuers, on="issuer", how="semi")["entity"].sort().to_list()
            others = self.reader.rows(DOCUMENTS, entities=names, vintage_dates=True).select(new.columns)
            own = new.filter(issuer_of_release().is_in(issuers["issuer"].implode()))
            history = release_history(pl.concat([others, own]))
            self._keep(RELEASES, history, self.reader.rows(RELEASES, entities=issuers["issuer"].to_list()))
            self._rest(RELEASES, DOCUMENTS, others)
        self._rest_alike(RELEASES, DOCUMENTS)

    def _stances(self, new: pl.DataFrame, old: pl.DataFrame) -> None:
        """The history of the statements of the Federal Open Market Committee."""
        import polars as pl

        from crfs.features.documents.stance import DECISION, ENTITY, stance_history

        names = self.reader.rows("policy_document", columns=[])["entity"].unique().sort().to_list()
        stored = self.reader.rows(DOCUMENTS, entities=[f"policy_document/{name}" for name in names], vintage_dates=True).select(new.columns)
        others = stored.join(pl.concat([new, old]).select("entity").unique(), on="entity", how="anti")
        both = pl.col("hawkish") + pl.col("dovish")
        statements = pl.concat([others, new]).filter(pl.col("entity").str.starts_with(STATEMENT))
        statements = statements.with_columns(
            stance=pl.when(both > 0).then((pl.col("hawkish") - pl.col("dovish")) / both), tone=pl.col("compound")
        )
        decisions = self.reader.rows(DECISIONS, columns=list(DECISION))
        self._keep(POLICY, stance_history(statements, decisions), self.reader.rows(POLICY, entities=[ENTITY]))
        self._rest(POLICY, DECISIONS, decisions)
        self._rest(POLICY, DOCUMENTS, others.filter(pl.col("entity").str.starts_with(STATEMENT)))
        self._rest_alike(POLICY, DOCUMENTS)

    def _rules(self, touched: pl.Series | None) -> None:
        """The months of the agencies and topics that the documents of the Federal Register touch."""
        import polars as pl

        from crfs.features.documents.rules import monthly_rules, rule_groups

        columns = ["type", "action", "agencies", "topics", "significant", "citation"]
        month = pl.col("valid_time").dt.truncate("1mo")
        own = self.reader.rows(REGISTER, columns=columns, entities=None if touched is None else touched.to_list())
        groups = own.select(group=rule_groups(), valid_time=month).explode("group").unique()
        if groups.is_empty():
            return
        first = _instant(groups["valid_time"].min())
        last = _instant(groups.select(pl.col("valid_time").max().dt.offset_by("1mo")).item())
        documents = self.reader.rows(REGISTER, columns=columns, valid_from=first, valid_before=last)
        documents = documents.join(groups.select("valid_time").unique(), left_on=month, right_on="valid_time", how="semi")
        rules = monthly_rules(documents)
        rules = rules.join(groups, left_on=["entity", "valid_time"], right_on=["group", "valid_time"], how="semi")
        stored = self.reader.rows(RULES, entities=groups["group"].unique().sort().to_list(), valid_from=first, valid_before=last)
        stored = stored.join(groups, left_on=["entity", "valid_time"], right_on=["group", "valid_time"], how="semi")
        self._keep(RULES, rules, stored)
        self._rest(RULES, REGISTER, documents)

    def _keep(self, dataset: str, new: pl.DataFrame, stored: pl.DataFrame) -> None:
        """Rows to append: those made now, and as ``missing`` the stored ones that are no longer said."""
        import polars as pl

        from crfs.bitemporal.resolve import rows_that_count
        from crfs.bitemporal.rows import KNOWLEDGE_BASIS, ROW_STATE

        schema = self.reader.catalogue.dataset(dataset).schema()
        lacking = [name for name in ("vintage_date", *schema) if name not in new.columns]
        nulls = {name: pl.lit(None, dtype=schema.get(name, pl.Date())) for name in lacking}
        state = pl.col("row_state").cast(ROW_STATE) if "row_state" in new.columns else pl.lit("value", dtype=ROW_STATE)
        wanted = ["row_state", "knowledge_basis", "vintage_date", *schema]
        rows = new.with_columns(row_state=state, knowledge_basis=pl.col("knowledge_basis").cast(KNOWLEDGE_BASIS), **nulls).select(
            *_CLOCKS, *wanted
        )
        said = rows_that_count(stored)
        gone = said.join(rows, on=list(_CLOCKS), how="anti").select(*_CLOCKS, "knowledge_basis")
        missing = gone.with_columns(
            row_state=pl.lit("missing", dtype=ROW_STATE),
            **{name: pl.lit(None, dtype=schema.get(name, pl.Date())) for name in ("vintage_date", *schema)},
        ).select(rows.columns)
        self.made.setdefault(dataset, []).append(pl.concat([rows, missing]))

    def _rest(self, derived: str, dataset: str, rows: pl.DataFrame) -> None:
        """Note that rows of ``derived`` rest on these rows of ``dataset``."""
        self.rests_on.setdefault(derived, {}).setdefault(dataset, set()).update(rows["batch_id"].unique().to_list())

    def _rest_alike(self, derived: str, other: str) -> None:
        """Note that ``derived`` rests on all that ``other`` does."""
        for dataset, batches in self.rests_on.get(other, {}).items():
            self.rests_on.setdefault(derived, {}).setdefault(dataset, set()).update(batches)

    def _append(self, report: DocumentReport) -> None:
        import polars as pl

        from crfs.store.append import Delivery, append
        from crfs.store.publication import BatchKind, BatchNote

        catalogue = self.reader.catalogue
        note = BatchNote(
            kind=BatchKind.REDERIVE,
            at=self.session.clock.now(),
            reason=f"documents scored by {self.scorer.name} {self.scorer.version}",
            source="crfs",
            parser_version=f"{self.scorer.name} {self.scorer.version}",
            payloads=self._payloads(),
            fence=self.job.fence,
        )
        deliveries = [Delivery(definition=catalogue.dataset(name), rows=pl.concat(parts)) for name, parts in self.made.items()]
        receipt = append(self.session.database, deliveries, note)
        report.appended, report.unchanged, report.batch_id = dict(receipt.appended), dict(receipt.unchanged), receipt.batch_id

    def _payloads(self) -> dict[str, list[str]]:
        """The payloads of the documents, and for each the datasets that rest on it."""
        from crfs.store.provenance import batch_origins

        found: dict[str, set[str]] = {}
        for derived, datasets in self.rests_on.items():
            for dataset, batches in datasets.items():
                for origin in batch_origins(self.session.database, sorted(batches), dataset=dataset).values():
                    for sha256 in origin.payloads:
                        found.setdefault(sha256, set()).add(derived)
        return {sha256: sorted(datasets) for sha256, datasets in sorted(found.items())}


def _issuer_index(reader: StoreReader) -> IssuerIndex:
    """The issuers that EDGAR's tables name, as they are called now."""
    import polars as pl

    from crfs.bitemporal.resolve import as_of
    from crfs.features.entity_linking import issuer_index

    def newest(dataset: str, columns: list[str]) -> pl.DataFrame:
        rows = as_of(reader.rows(dataset, columns=columns)).sort("valid_time")
        return rows.unique("entity", keep="last", maintain_order=True).filter(pl.col("row_state") == "value")

    tickers = newest("edgar_tickers", ["cik", "name"]).select(entity="cik", name="name", ticker=pl.concat_list("entity"))
    described = newest("edgar_issuers", ["name", "tickers"]).select("entity", "name", ticker=pl.col("tickers").fill_null("").str.split(","))
    named = (
        pl.concat([tickers, described])
        .group_by("entity")
        .agg(names=pl.col("name").drop_nulls().unique().sort(), tickers=pl.col("ticker").explode().drop_nulls().unique().sort())
    )
    table = named.select("entity", name=pl.col("names").list.first(), aliases=pl.lit(None, dtype=pl.List(pl.String())), tickers="tickers")
    return issuer_index(table.sort("entity"))


def _instant(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value
