"""Entities whose answers were read again by a mended parser: what was noted of them before holds no longer.

Revision ID: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE crfs.reread (
    note_id bigint GENERATED ALWAYS AS IDENTITY,
    dataset text NOT NULL,
    entity_id bigint NOT NULL,
    batch_id bigint NOT NULL,
    sighting_id bigint NOT NULL,
    extent_id bigint NOT NULL,
    tenant_id integer
);
CREATE INDEX reread_by_entity ON crfs.reread (entity_id, dataset, note_id);
COMMENT ON TABLE crfs.reread IS 'all answers on an entity were read again: what is noted of them since is all that was noted';
COMMENT ON COLUMN crfs.reread.batch_id IS 'the head before: when the answers of batches up to it were fetched is in the sightings since';
COMMENT ON COLUMN crfs.reread.sighting_id IS 'the last sighting that holds no longer';
COMMENT ON COLUMN crfs.reread.extent_id IS 'the last extent that holds no longer';
COMMENT ON COLUMN crfs.reread.tenant_id IS 'null where the dataset is public';
GRANT SELECT, INSERT ON crfs.reread TO crfs_app;
ALTER TABLE crfs.reread ENABLE ROW LEVEL SECURITY;
ALTER TABLE crfs.digest DROP CONSTRAINT digest_what_check;
ALTER TABLE crfs.digest ADD CONSTRAINT digest_what_check CHECK (what IN ('batch', 'run', 'sighting', 'extent', 'reread'));
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    own = "tenant_id IS NULL OR tenant_id = current_setting('crfs.tenant_id')::integer"
    op.execute(f"CREATE POLICY tenant ON crfs.reread USING ({own}) WITH CHECK ({own})")
