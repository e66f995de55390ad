"""Training sets from files: a feature specification in TOML, a spine, and the table that is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crfs.errors import InvalidInput
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.times import parse_question


def build_from_file(
    session: Session,
    specification: Path,
    spine: Path,
    out: Path,
    *,
    as_of: str | None = None,
    vintage: str | None = None,
    recorded_as_of: str | None = None,
    strict: bool = True,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Cut a training set as a feature specification's file asks; the manifest is answered, and written beside the table."""
    from crfs.features.specification import parse_feature_specification
    from crfs.workflows.training_sets import build_features

    try:
        text = specification.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{specification} is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"cannot read {specification}: {error.strerror}") from None
    factors = parse_feature_specification(text, where=str(specification))
    return build_features(
        session,
        [factor.to_dict() for factor in factors],
        spine,
        out,
        as_of=_instant(as_of, "as_of"),
        vintage=_instant(vintage, "vintage"),
        recorded_as_of=recorded_as_of,
        strict=strict,
        progress=progress,
    )


def _instant(text: str | None, what: str) -> str | None:
    return None if text is None else parse_question(text, what=what).isoformat()
