"""Artefacts: what crfs made (results, model files, manifests), kept under the hash of their bytes."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from crfs.errors import NotFound, VerificationFailed
from crfs.store.database import Database


def keep_artefact(connection: sa.Connection, body: bytes) -> str:
    """Keep the bytes on an open transaction, in the place of damaged ones too; their SHA-256 is answered."""
    sha256 = hashlib.sha256(body).hexdigest()
    sound = connection.execute(
        sa.text("SELECT encode(sha256(body), 'hex') = sha256 FROM crfs.artefact WHERE sha256 = :sha256"), {"sha256": sha256}
    ).scalar()
    if sound is None:
        connection.execute(
            sa.text("INSERT INTO crfs.artefact (sha256, body) VALUES (:sha256, :body) ON CONFLICT DO NOTHING"),
            {"sha256": sha256, "body": body},
        )
    elif not sound:
        connection.execute(sa.text("SELECT crfs.mend_artefact(:body)"), {"body": body})
    return sha256


def artefact(database: Database, sha256: str) -> bytes:
    """The bytes under a hash, checked."""
    with database.reading() as connection:
        body = connection.execute(sa.text("SELECT body FROM crfs.artefact WHERE sha256 = :sha256"), {"sha256": sha256}).scalar()
    if body is None:
        raise NotFound(f"the artefact {sha256} is not in the store; a replay of the run that made it computes it again")
    if hashlib.sha256(bytes(body)).hexdigest() != sha256:
        raise VerificationFailed(f"the artefact {sha256} is damaged: its bytes have another hash; a replay of its run computes it again")
    return bytes(body)
