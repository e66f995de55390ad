"""The first schema: head, batches, payloads, entities, definitions, models, runs, jobs; roles and row-level security.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE SCHEMA crfs;
CREATE SCHEMA data;
CREATE SCHEMA staging;
GRANT USAGE ON SCHEMA crfs, data TO crfs_app;
GRANT USAGE, CREATE ON SCHEMA staging TO crfs_app;

CREATE TABLE crfs.tenant (
    tenant_id integer PRIMARY KEY,
    name text NOT NULL UNIQUE
);
INSERT INTO crfs.tenant VALUES (0, 'public'), (1, 'default');

CREATE TABLE crfs.head (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    batch_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL
);
INSERT INTO crfs.head VALUES (true, 0, '1970-01-01 00:00:00+00');

CREATE TABLE crfs.batch (
    batch_id bigint PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('ingest', 'correction', 'reparse', 'rederive', 'annul', 'define', 'register', 'promote')),
    reason text CHECK (kind NOT IN ('correction', 'reparse', 'rederive', 'annul') OR reason <> ''),
    recorded_at timestamptz NOT NULL UNIQUE,
    source text,
    parser_version text,
    job_id uuid,
    actor text NOT NULL,
    tenant_id integer NOT NULL
);
COMMENT ON COLUMN crfs.batch.batch_id IS 'in commit order, without gaps, never reused';

CREATE TABLE crfs.batch_dataset (
    batch_id bigint NOT NULL REFERENCES crfs.batch,
    dataset text NOT NULL,
    row_count bigint NOT NULL,
    columns text[] NOT NULL,
    content numeric NOT NULL,
    PRIMARY KEY (batch_id, dataset)
);
COMMENT ON COLUMN crfs.batch_dataset.content IS 'sum over the rows of PostgreSQL''s 64-bit hash of clocks, states and columns: finds accidents, no forger';
CREATE INDEX batch_dataset_by_dataset ON crfs.batch_dataset (dataset, batch_id);

CREATE TABLE crfs.payload (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    byte_count bigint NOT NULL,
    body bytea,
    landed_at timestamptz NOT NULL
);
COMMENT ON COLUMN crfs.payload.body IS 'the bytes as they came over the wire; null where they have expired';
ALTER TABLE crfs.payload ALTER COLUMN body SET STORAGE EXTENDED;

CREATE TABLE crfs.batch_payload (
    batch_id bigint NOT NULL REFERENCES crfs.batch,
    sha256 text NOT NULL REFERENCES crfs.payload,
    dataset text NOT NULL DEFAULT '',
    PRIMARY KEY (batch_id, sha256, dataset)
);
COMMENT ON COLUMN crfs.batch_payload.dataset IS 'whose rows came from the payload; empty where nobody said, which means any of the batch';
CREATE INDEX batch_payload_by_payload ON crfs.batch_payload (sha256);

CREATE TABLE crfs.fetch (
    fetch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    stream text NOT NULL,
    sha256 text NOT NULL REFERENCES crfs.payload,
    url text NOT NULL,
    status integer NOT NULL,
    headers jsonb NOT NULL,
    classification text NOT NULL,
    parser_version text NOT NULL,
    started_at timestamptz NOT NULL,
    fetched_at timestamptz NOT NULL,
    job_id uuid,
    tenant_id integer NOT NULL
);
CREATE INDEX fetch_by_payload ON crfs.fetch (sha256);
CREATE INDEX fetch_by_source ON crfs.fetch (source, stream, fetched_at);

CREATE TABLE crfs.rejected_row (
    rejected_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 text NOT NULL REFERENCES crfs.payload,
    parser_version text NOT NULL,
    row_number bigint,
    column_name text,
    reason text NOT NULL,
    detail text NOT NULL,
    job_id uuid,
    tenant_id integer NOT NULL
);
CREATE INDEX rejected_row_by_payload ON crfs.rejected_row (sha256);

CREATE TABLE crfs.entity (
    entity_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES crfs.tenant,
    kind text NOT NULL,
    natural_key text NOT NULL,
    UNIQUE (tenant_id, kind, natural_key)
);

CREATE TABLE crfs.definition (
    kind text NOT NULL CHECK (kind IN ('dataset', 'factor')),
    name text NOT NULL,
    batch_id bigint NOT NULL REFERENCES crfs.batch,
    sha256 text NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (kind, name, batch_id)
);

CREATE TABLE crfs.artefact (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    body bytea NOT NULL
);
COMMENT ON TABLE crfs.artefact IS 'what crfs made: results, model files, manifests; a cache of what a replay computes again';

CREATE TABLE crfs.run (
    run_id text PRIMARY KEY,
    kind text NOT NULL,
    label text,
    specification jsonb NOT NULL,
    specification_sha256 text NOT NULL,
    as_of timestamptz,
    batch_id bigint NOT NULL,
    recorded_as_of timestamptz NOT NULL,
    environment jsonb NOT NULL,
    environment_digest text NOT NULL,
    result_sha256 text NOT NULL,
    job_id uuid,
    actor text NOT NULL,
    tenant_id integer NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX run_by_time ON crfs.run (kind, created_at);

CREATE TABLE crfs.run_input (
    run_id text NOT NULL REFERENCES crfs.run,
    kind text NOT NULL CHECK (kind IN ('batch', 'run', 'payload', 'artefact')),
    reference text NOT NULL,
    dataset text NOT NULL DEFAULT '',
    tenant_id integer NOT NULL,
    PRIMARY KEY (run_id, kind, reference, dataset)
);
CREATE INDEX run_input_by_reference ON crfs.run_input (kind, reference);

CREATE TABLE crfs.model_version (
    model text NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    batch_id bigint NOT NULL REFERENCES crfs.batch,
    run_id text NOT NULL REFERENCES crfs.run,
    artefact_sha256 text NOT NULL,
    card jsonb NOT NULL,
    actor text NOT NULL,
    tenant_id integer NOT NULL,
    PRIMARY KEY (tenant_id, model, version)
);

CREATE TABLE crfs.promotion (
    model text NOT NULL,
    version integer NOT NULL,
    batch_id bigint NOT NULL REFERENCES crfs.batch,
    role text NOT NULL CHECK (role IN ('champion', 'challenger', 'retired')),
    reason text NOT NULL,
    actor text NOT NULL,
    tenant_id integer NOT NULL,
    PRIMARY KEY (tenant_id, model, batch_id),
    FOREIGN KEY (tenant_id, model, version) REFERENCES crfs.model_version
);

CREATE TABLE crfs.job (
    job_id uuid PRIMARY KEY,
    kind text NOT NULL,
    specification jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    fencing_token bigint NOT NULL DEFAULT 0,
    lease_holder text,
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    progress_done bigint NOT NULL DEFAULT 0,
    progress_total bigint,
    progress_note text,
    cancel_requested boolean NOT NULL DEFAULT false,
    outcome jsonb,
    error text,
    actor text NOT NULL,
    tenant_id integer NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX job_to_do ON crfs.job (created_at) WHERE state IN ('queued', 'running');

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA crfs TO crfs_app;
GRANT UPDATE ON crfs.head, crfs.job TO crfs_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA crfs TO crfs_app;
REVOKE INSERT ON crfs.tenant, crfs.head FROM crfs_app;
"""

TENANT_TABLES = ("fetch", "rejected_row", "run", "run_input", "model_version", "promotion", "job", "entity")


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table in TENANT_TABLES:
        own = "tenant_id = current_setting('crfs.tenant_id')::integer"
        seen = f"tenant_id = 0 OR {own}" if table == "entity" else own
        op.execute(f"ALTER TABLE crfs.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON crfs.{table} USING ({seen}) WITH CHECK ({seen})")
