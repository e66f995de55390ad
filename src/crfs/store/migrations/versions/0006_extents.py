"""What answers told the whole of, so that a period which one of them leaves out is known to be gone; notes of answers are numbered.

Revision ID: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE crfs.extent (
    note_id bigint GENERATED ALWAYS AS IDENTITY,
    dataset text NOT NULL,
    entity_id bigint NOT NULL,
    first_valid_time timestamptz NOT NULL,
    last_valid_time timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    knowledge_basis smallint NOT NULL,
    vintage_date date,
    final_until timestamptz,
    payloads text[] NOT NULL,
    tenant_id integer
);
CREATE INDEX extent_by_entity ON crfs.extent (entity_id, dataset, known_at);
CREATE INDEX extent_by_note ON crfs.extent (entity_id, dataset, note_id);
COMMENT ON TABLE crfs.extent IS 'an answer showed all that was known of an entity at known_at, from the first to the last valid time';
COMMENT ON COLUMN crfs.extent.final_until IS 'it says what every day from known_at to then ended with; null where it tells of one moment';
COMMENT ON COLUMN crfs.extent.payloads IS 'the payloads that the answer was';
COMMENT ON COLUMN crfs.extent.tenant_id IS 'null where the dataset is public';
GRANT SELECT, INSERT ON crfs.extent TO crfs_app;
ALTER TABLE crfs.extent ENABLE ROW LEVEL SECURITY;
ALTER TABLE crfs.sighting ADD COLUMN note_id bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE crfs.sighting ADD COLUMN payloads text[] NOT NULL DEFAULT '{}';
CREATE INDEX sighting_by_note ON crfs.sighting (entity_id, dataset, note_id);
COMMENT ON COLUMN crfs.sighting.payloads IS 'the payloads that the answer was; empty where that was not written down';
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    own = "tenant_id IS NULL OR tenant_id = current_setting('crfs.tenant_id')::integer"
    op.execute(f"CREATE POLICY tenant ON crfs.extent USING ({own}) WITH CHECK ({own})")
