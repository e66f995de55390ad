"""What answers showed again though nothing of it was new, so that an older answer that comes in late hides none of it.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE crfs.sighting (
    dataset text NOT NULL,
    entity_id bigint NOT NULL,
    first_valid_time timestamptz NOT NULL,
    last_valid_time timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    knowledge_basis smallint NOT NULL,
    vintage_date date,
    tenant_id integer
);
CREATE INDEX sighting_by_entity ON crfs.sighting (entity_id, dataset, seen_at);
COMMENT ON TABLE crfs.sighting IS 'an answer showed, at seen_at, what was known by then of every period of an entity from the first to the last';
COMMENT ON COLUMN crfs.sighting.batch_id IS 'the head then: periods that came with later batches were not shown';
COMMENT ON COLUMN crfs.sighting.tenant_id IS 'null where the dataset is public';
GRANT SELECT, INSERT ON crfs.sighting TO crfs_app;
ALTER TABLE crfs.sighting ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    own = "tenant_id IS NULL OR tenant_id = current_setting('crfs.tenant_id')::integer"
    op.execute(f"CREATE POLICY tenant ON crfs.sighting USING ({own}) WITH CHECK ({own})")
