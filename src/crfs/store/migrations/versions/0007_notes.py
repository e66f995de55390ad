"""Digests of what was noted of answers, and contents of batches that tell the sign of a zero.

What is there already is taken as it is now, since nothing says what it was before.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE crfs.digest DROP CONSTRAINT digest_what_check;
ALTER TABLE crfs.digest ADD CONSTRAINT digest_what_check CHECK (what IN ('batch', 'run', 'sighting', 'extent'));
ALTER TABLE crfs.digest ALTER COLUMN tenant_id DROP NOT NULL;
COMMENT ON TABLE crfs.digest IS 'what a batch, a run and an answer''s notes were when they were written, as a hash a part; finds accidents, no forger';
COMMENT ON COLUMN crfs.digest.reference IS 'the batch, the run, or the first of the notes';
COMMENT ON COLUMN crfs.digest.tenant_id IS 'null for notes of public datasets';
INSERT INTO crfs.digest (what, reference, parts, tenant_id)
    SELECT 'sighting', CAST(min(note_id) AS text), jsonb_object_agg(note_id, hash_record_extended(ROW(note_id, dataset, entity_id, first_valid_time,
        last_valid_time, seen_at, batch_id, knowledge_basis, vintage_date, payloads, tenant_id), 0)), tenant_id
    FROM crfs.sighting GROUP BY dataset, entity_id, tenant_id;
INSERT INTO crfs.digest (what, reference, parts, tenant_id)
    SELECT 'extent', CAST(min(note_id) AS text), jsonb_object_agg(note_id, hash_record_extended(ROW(note_id, dataset, entity_id, first_valid_time,
        last_valid_time, known_at, knowledge_basis, vintage_date, final_until, payloads, tenant_id), 0)), tenant_id
    FROM crfs.extent GROUP BY dataset, entity_id, tenant_id;
ALTER TABLE crfs.batch_dataset ADD COLUMN exact boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN crfs.batch_dataset.exact IS 'whether content tells 0.0 and -0.0 apart, as that of an older crfs does not';
DROP POLICY tenant ON crfs.digest;
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    own = "tenant_id IS NULL OR tenant_id = current_setting('crfs.tenant_id')::integer"
    op.execute(f"CREATE POLICY tenant ON crfs.digest USING ({own}) WITH CHECK ({own})")
