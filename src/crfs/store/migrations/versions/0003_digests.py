"""Digests of what the books say, and functions that put right bytes in the place of damaged ones.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE crfs.digest (
    what text NOT NULL CHECK (what IN ('batch', 'run')),
    reference text NOT NULL,
    parts jsonb,
    tenant_id integer NOT NULL,
    PRIMARY KEY (what, reference)
);
COMMENT ON TABLE crfs.digest IS 'what a batch and a run were when they were written, as a hash a part; finds accidents, no forger';
COMMENT ON COLUMN crfs.digest.parts IS 'null where a crfs wrote it that kept no digests';
INSERT INTO crfs.digest SELECT 'batch', CAST(batch_id AS text), NULL, tenant_id FROM crfs.batch;
INSERT INTO crfs.digest SELECT 'run', run_id, NULL, tenant_id FROM crfs.run;

CREATE FUNCTION crfs.hash_of(content jsonb) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT encode(sha256(convert_to(CAST(content AS text), 'UTF8')), 'hex') $$;

CREATE FUNCTION crfs.microseconds(instant timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT CAST(extract(epoch FROM instant) * 1000000 AS bigint) $$;

CREATE FUNCTION crfs.parts_of_batch(id bigint) RETURNS jsonb LANGUAGE sql STABLE
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
    ) FROM crfs.batch AS b WHERE b.batch_id = id
$$;

CREATE FUNCTION crfs.parts_of_run(id text) RETURNS jsonb LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'note', crfs.hash_of(jsonb_build_array(r.run_id, r.kind, r.label, crfs.microseconds(r.as_of), r.batch_id, crfs.microseconds(r.recorded_as_of),
            r.job_id, r.actor, r.tenant_id, crfs.microseconds(r.created_at))),
        'result', crfs.hash_of(to_jsonb(r.result_sha256)),
        'specification', crfs.hash_of(jsonb_build_array(r.specification, r.specification_sha256)),
        'environment', crfs.hash_of(jsonb_build_array(r.environment, r.environment_digest)),
        'inputs', crfs.hash_of((SELECT jsonb_agg(jsonb_build_array(i.kind, i.reference, i.dataset)
            ORDER BY i.kind COLLATE "C", i.reference COLLATE "C", i.dataset COLLATE "C") FROM crfs.run_input AS i WHERE i.run_id = id))
    ) FROM crfs.run AS r WHERE r.run_id = id
$$;

CREATE INDEX definition_by_batch ON crfs.definition (batch_id);

ALTER TABLE crfs.entity ADD COLUMN digest bigint;
COMMENT ON COLUMN crfs.entity.digest IS 'PostgreSQL''s 64-bit hash of the other columns when it was registered; null where an older crfs did that';

CREATE FUNCTION crfs.mend_artefact(good bytea) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$
    WITH mended AS (UPDATE crfs.artefact AS a SET body = good WHERE a.sha256 = encode(sha256(good), 'hex')
        AND encode(sha256(a.body), 'hex') <> a.sha256 RETURNING 1) SELECT EXISTS (SELECT 1 FROM mended)
$$;

CREATE FUNCTION crfs.mend_payload(good bytea) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$
    WITH mended AS (UPDATE crfs.payload AS p SET body = good, byte_count = length(good) WHERE p.sha256 = encode(sha256(good), 'hex')
        AND (p.body IS NULL OR encode(sha256(p.body), 'hex') <> p.sha256 OR p.byte_count <> length(good)) RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM mended)
$$;
COMMENT ON FUNCTION crfs.mend_payload IS 'the application may not update a row; it may bring the bytes of a hash where those kept are not';

REVOKE EXECUTE ON FUNCTION crfs.mend_artefact, crfs.mend_payload FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crfs.mend_artefact, crfs.mend_payload TO crfs_app;
GRANT SELECT, INSERT ON crfs.digest TO crfs_app;
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    own = "tenant_id = current_setting('crfs.tenant_id')::integer"
    op.execute("ALTER TABLE crfs.digest ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON crfs.digest USING ({own}) WITH CHECK ({own})")
