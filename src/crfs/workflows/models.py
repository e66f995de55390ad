"""Models as users handle them: train from a file, list, show, promote, score a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound, in_file
from crfs.workflows.observations import recorded_state
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.times import parse_question

if TYPE_CHECKING:
    import polars as pl

    from crfs.store.registry import ModelVersion

PACKAGED = ("pd", "lgd", "ead")


def version_document(version: ModelVersion) -> dict[str, Any]:
    """A model version's JSON form, its card included."""
    return {
        "model": version.model,
        "version": version.version,
        "kind": version.kind,
        "role": version.role,
        "run_id": version.run_id,
        "batch_id": version.batch_id,
        "artefact_sha256": version.artefact_sha256,
        "actor": version.actor,
        "card": dict(version.card),
    }


def model_specification(kind: str, file: Path | None) -> dict[str, Any]:
    """The specification of a model from its file, or one that ships with crfs (``pd``, ``lgd``, ``ead``); ``kind`` must be what it makes."""
    from crfs.workflows.packaged import packaged_model

    if file is None:
        if kind not in PACKAGED:
            raise InvalidInput(f"crfs ships specifications of {', '.join(PACKAGED)}; for {kind!r} give a file (--spec FILE)")
        return packaged_model(kind)
    specification = read_specification_file(file)
    if kind not in (specification.get("kind"), specification.get("model")):
        raise InvalidInput(f"{file} makes model = {specification.get('model')!r} of kind = {specification.get('kind')!r}, not {kind!r}")
    return specification


def read_specification_file(file: Path) -> dict[str, Any]:
    """A model's specification from its TOML file."""
    from crfs.workflows.training import read_specification

    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    return read_specification(text, where=str(file))


def model_content(given: Mapping[str, Any] | Path | str) -> Mapping[str, Any]:
    """A specification as it is, from its TOML file, or by the name of one that ships with crfs."""
    if isinstance(given, Mapping):
        return given
    return model_specification(given, None) if isinstance(given, str) and given in PACKAGED else read_specification_file(Path(given))


def train_model(
    session: Session,
    specification: Mapping[str, Any],
    *,
    recorded_as_of: str | date | int | None = None,
    label: str | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Fit, validate and register a model; the answer is its version, nobody's champion yet."""
    from crfs.workflows.training import train

    pinned = recorded_state(recorded_as_of)
    return version_document(train(session, specification, recorded_as_of=pinned, label=label, progress=progress))


def list_models(session: Session) -> list[dict[str, Any]]:
    """Every version of every model, the newest first, without their cards."""
    from crfs.store.registry import model_versions

    return [
        {name: value for name, value in version_document(version).items() if name != "card"} for version in model_versions(session.database)
    ]


def show_model(session: Session, model: str, *, version: int | None = None) -> dict[str, Any]:
    """A version of a model, or else its champion, or else its newest version."""
    from crfs.store.registry import champion, model_version

    if version is None:
        try:
            return version_document(champion(session.database, model))
        except NotFound:
            pass
    return version_document(model_version(session.database, model, version))


def model_card_text(document: Mapping[str, Any]) -> str:
    """The card of a model version in a dozen lines."""
    from crfs.models.card import card_text

    return card_text(dict(document["card"]))


def promote_model(session: Session, model: str, version: int, *, reason: str) -> dict[str, Any]:
    """Make a version the champion of its model; the one before stays in the record."""
    from crfs.store.registry import model_version, promote

    promote(session.database, model, version, reason=reason, at=session.clock.now())
    return version_document(model_version(session.database, model, version))


def score_file(session: Session, model: str, file: Path, *, version: int | None = None, at: str | date | None = None) -> dict[str, Any]:
    """Score the obligors (a PD model) or facilities (LGD, EAD) of a CSV or Parquet file at a time, as the store knows them then.

    ``unknown`` lists obligors of which the store knows nothing at that time; they have no score.
    """
    from crfs.store.registry import champion, model_version
    from crfs.workflows.scoring import predict_facilities, score_obligors

    found = champion(session.database, model) if version is None else model_version(session.database, model, version)
    table = _read_table(file)
    moment = parse_question(at, what="at") if at else session.clock.now()
    pin = session.pin()
    unknown: list[str] = []
    if found.kind == "scorecard":
        if "obligor_id" not in table.columns:
            raise InvalidInput(f"{file} needs a column obligor_id; it has {', '.join(table.columns)}")
        asked = table["obligor_id"].drop_nulls().unique().sort()
        scores = score_obligors(session, session.reader(pin.batch_id), found, asked, at=moment)
        unknown = sorted(set(asked.to_list()) - set(scores["obligor_id"].to_list()))
    else:
        predicted = predict_facilities(session, found, table)
        scores = table.drop(predicted.columns, strict=False).hstack(predicted)
    return {
        "model": found.model,
        "version": found.version,
        "run_id": found.run_id,
        "artefact_sha256": found.artefact_sha256,
        "at": moment.isoformat(),
        "recorded_as_of": pin.recorded_at.isoformat(),
        "batch_id": pin.batch_id,
        "scores": scores.to_dicts(),
        "unknown": unknown,
    }


def _read_table(file: Path) -> pl.DataFrame:
    """The rows of a file; a column of amounts that came as text, as numbers where every cell is one."""
    import polars as pl

    from crfs.credit.portfolio import read_portfolio
    from crfs.workflows.books import read_book_file

    body, file_format = read_book_file(file)
    with in_file(file):
        table = read_portfolio(body, file_format=file_format)
    casts = []
    for name in ("ead", "lgd", "pd_12m", "drawn", "limit", "lgd_sd"):
        if name in table.columns and table[name].dtype == pl.String:
            text = table[name].str.strip_chars()
            numbers = text.cast(pl.Float64, strict=False)
            if (numbers.is_not_null() | text.is_null() | (text == "")).all():
                casts.append(numbers)
    return table.with_columns(casts)
