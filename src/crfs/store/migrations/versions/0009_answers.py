"""What is held back and refused is an answer's, not its bytes': the same ones may have come for two streams.

What is there already is the answer's that it was noted of first.

Revision ID: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE crfs.quarantine DROP CONSTRAINT quarantine_tenant_id_sha256_parser_version_rule_key;
ALTER TABLE crfs.quarantine ADD UNIQUE (tenant_id, source, stream, sha256, parser_version, rule);
ALTER TABLE crfs.rejected_row ADD COLUMN source text, ADD COLUMN stream text;
UPDATE crfs.rejected_row AS r SET source = q.source, stream = q.stream FROM crfs.quarantine AS q
    WHERE (q.tenant_id, q.sha256, q.parser_version, q.rule) = (r.tenant_id, r.sha256, r.parser_version, 'rejected_rows');
UPDATE crfs.rejected_row AS r SET source = f.source, stream = f.stream FROM (SELECT DISTINCT ON (tenant_id, sha256) tenant_id, sha256, source, stream
    FROM crfs.fetch ORDER BY tenant_id, sha256, fetch_id) AS f WHERE (f.tenant_id, f.sha256) = (r.tenant_id, r.sha256) AND r.source IS NULL;
UPDATE crfs.rejected_row SET source = '', stream = '' WHERE source IS NULL;
ALTER TABLE crfs.rejected_row ALTER COLUMN source SET NOT NULL, ALTER COLUMN stream SET NOT NULL;
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
