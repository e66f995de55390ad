"""When the answers of a batch were fetched; digests of fetches, of when payloads were landed, and of every entity.

What is there already is taken as it is now, since nothing says what it was before.

Revision ID: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE crfs.batch_dataset ADD COLUMN fetched_at timestamptz;
COMMENT ON COLUMN crfs.batch_dataset.fetched_at IS 'when the answer of the rows was fetched; null where nobody said, or an older crfs wrote the batch';

CREATE OR REPLACE FUNCTION crfs.parts_of_batch(id bigint) RETURNS jsonb LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'note', crfs.hash_of(jsonb_build_array(b.batch_id, b.kind, b.reason, crfs.microseconds(b.recorded_at), b.source, b.parser_version, b.job_id,
            b.actor, b.tenant_id)),
        'payloads', crfs.hash_of((SELECT jsonb_agg(jsonb_build_array(p.sha256, p.dataset) ORDER BY p.sha256 COLLATE "C", p.dataset COLLATE "C")
            FROM crfs.batch_payload AS p WHERE p.batch_id = id)),
        'datasets', crfs.hash_of((SELECT jsonb_agg(jsonb_build_array(d.dataset, d.row_count, d.columns, d.content,
            crfs.microseconds(d.first_valid_time), crfs.microseconds(d.last_valid_time), crfs.microseconds(d.first_knowledge_time),
            crfs.microseconds(d.last_knowledge_time)) ORDER BY d.dataset COLLATE "C")
            FROM crfs.batch_dataset AS d WHERE d.batch_id = id)),
        'definitions', crfs.hash_of((SELECT jsonb_agg(jsonb_build_array(d.kind, d.name, d.sha256, d.body) ORDER BY d.kind COLLATE "C", d.name COLLATE "C")
            FROM crfs.definition AS d WHERE d.batch_id = id)),
        'models', crfs.hash_of((SELECT jsonb_agg(jsonb_build_array(m.model, m.version, m.kind, m.run_id, m.artefact_sha256, m.card, m.actor)
            ORDER BY m.model COLLATE "C", m.version) FROM crfs.model_version AS m WHERE m.batch_id = id)),
        'promotions', crfs.hash_of((SELECT jsonb_agg(jsonb_build_array(p.model, p.version, p.role, p.reason, p.actor) ORDER BY p.model COLLATE "C")
            FROM crfs.promotion AS p WHERE p.batch_id = id))
    ) || coalesce((SELECT jsonb_build_object('fetches', crfs.hash_of(jsonb_agg(jsonb_build_array(d.dataset, crfs.microseconds(d.fetched_at))
        ORDER BY d.dataset COLLATE "C"))) FROM crfs.batch_dataset AS d WHERE d.batch_id = id AND d.fetched_at IS NOT NULL HAVING count(*) > 0), '{}')
    FROM crfs.batch AS b WHERE b.batch_id = id
$$;

ALTER TABLE crfs.digest ADD COLUMN older boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN crfs.digest.older IS 'whether a crfs wrote it that kept no digests';
UPDATE crfs.digest SET older = true WHERE parts IS NULL;
ALTER TABLE crfs.digest ADD CONSTRAINT digest_parts_unless_older CHECK (older OR parts IS NOT NULL);

ALTER TABLE crfs.fetch ADD COLUMN digest bigint;
UPDATE crfs.fetch SET digest = hash_record_extended(ROW(fetch_id, source, stream, sha256, url, status, headers, classification, parser_version,
    started_at, fetched_at, job_id, tenant_id), 0);
ALTER TABLE crfs.fetch ALTER COLUMN digest SET NOT NULL;
COMMENT ON COLUMN crfs.fetch.digest IS 'PostgreSQL''s 64-bit hash of the other columns when the payload was landed';

ALTER TABLE crfs.payload ADD COLUMN digest bigint;
UPDATE crfs.payload SET digest = hash_record_extended(ROW(sha256, landed_at), 0);
ALTER TABLE crfs.payload ALTER COLUMN digest SET NOT NULL;
COMMENT ON COLUMN crfs.payload.digest IS 'PostgreSQL''s 64-bit hash of the hash and landed_at when it was landed; the bytes have sha256';

UPDATE crfs.entity SET digest = hash_record_extended(ROW(entity_id, tenant_id, kind, natural_key), 0) WHERE digest IS NULL;
ALTER TABLE crfs.entity ALTER COLUMN digest SET NOT NULL;
COMMENT ON COLUMN crfs.entity.digest IS 'PostgreSQL''s 64-bit hash of the other columns when it was registered';
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
