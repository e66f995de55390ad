"""Providers under way: limits and quotas, health of sources and streams, backfills, quarantine, alerts.

Revision ID: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE crfs.rate_limit (
    source text PRIMARY KEY,
    next_at timestamptz NOT NULL,
    quota_day date NOT NULL,
    used integer NOT NULL,
    used_by_backfills integer NOT NULL
);
COMMENT ON TABLE crfs.rate_limit IS 'what is left of a provider''s limits, shared by every process: the next free slot, and the day''s requests';

CREATE TABLE crfs.source_state (
    source text PRIMARY KEY,
    failures integer NOT NULL DEFAULT 0,
    open_until timestamptz,
    parked_until timestamptz,
    parked_reason text,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_error text
);
COMMENT ON COLUMN crfs.source_state.open_until IS 'the circuit breaker is open: nothing is asked until then, and then once';

CREATE TABLE crfs.stream_state (
    source text NOT NULL,
    stream text NOT NULL,
    watermark date,
    next_due_at timestamptz,
    last_run_at timestamptz,
    last_success_at timestamptz,
    last_news_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    last_error text,
    PRIMARY KEY (source, stream)
);
COMMENT ON COLUMN crfs.stream_state.watermark IS 'the last valid day that has come';

CREATE TABLE crfs.backfill_slice (
    source text NOT NULL,
    stream text NOT NULL,
    slice_start date NOT NULL,
    slice_end date NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    job_id uuid,
    error text,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (source, stream, slice_start)
);
COMMENT ON COLUMN crfs.backfill_slice.slice_end IS 'the last day of the slice, inclusive';

CREATE TABLE crfs.payload_shape (
    source text NOT NULL,
    shape_of text NOT NULL,
    sha256 text NOT NULL REFERENCES crfs.payload,
    observed_at timestamptz NOT NULL,
    row_count bigint NOT NULL,
    shape jsonb NOT NULL,
    PRIMARY KEY (source, shape_of)
);
COMMENT ON TABLE crfs.payload_shape IS 'what the last accepted answer of a stream and dataset looked like; the next one is compared with it';

CREATE TABLE crfs.quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    stream text NOT NULL,
    sha256 text NOT NULL REFERENCES crfs.payload,
    parser_version text NOT NULL,
    rule text NOT NULL,
    detail text NOT NULL,
    evidence jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('held', 'released')),
    opened_at timestamptz NOT NULL,
    job_id uuid,
    released_at timestamptz,
    released_by text,
    release_reason text,
    batch_id bigint,
    tenant_id integer NOT NULL,
    UNIQUE (tenant_id, sha256, parser_version, rule)
);
COMMENT ON COLUMN crfs.quarantine.rule IS 'rejected_rows: some rows were refused, the others are published; else the threshold that held back the whole answer';
CREATE INDEX quarantine_held ON crfs.quarantine (source, opened_at) WHERE state = 'held';

CREATE TABLE crfs.alert (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text NOT NULL,
    subject text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    state text NOT NULL CHECK (state IN ('open', 'acknowledged', 'silenced', 'closed')),
    title text NOT NULL,
    evidence jsonb NOT NULL,
    opened_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    occurrences integer NOT NULL DEFAULT 1,
    silenced_until timestamptz,
    closed_at timestamptz,
    tenant_id integer NOT NULL
);
CREATE UNIQUE INDEX alert_live ON crfs.alert (tenant_id, rule, subject) WHERE state <> 'closed';
CREATE INDEX alert_by_time ON crfs.alert (opened_at);

CREATE TABLE crfs.alert_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES crfs.alert,
    at timestamptz NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    note text,
    evidence jsonb,
    tenant_id integer NOT NULL
);
CREATE INDEX alert_event_by_alert ON crfs.alert_event (alert_id, event_id);

ALTER TABLE crfs.batch_dataset ADD COLUMN first_valid_time timestamptz, ADD COLUMN last_valid_time timestamptz,
    ADD COLUMN first_knowledge_time timestamptz, ADD COLUMN last_knowledge_time timestamptz;
COMMENT ON COLUMN crfs.batch_dataset.first_valid_time IS 'the span of the rows'' times; null where an older crfs wrote the batch';

ALTER TABLE crfs.job ADD COLUMN priority smallint NOT NULL DEFAULT 0, ADD COLUMN not_before timestamptz, ADD COLUMN live_key text;
COMMENT ON COLUMN crfs.job.priority IS 'the greater goes first; backfills are below zero';
COMMENT ON COLUMN crfs.job.not_before IS 'a queued job waits until then: it is parked';
COMMENT ON COLUMN crfs.job.live_key IS 'at most one job of this key is queued or running';
CREATE UNIQUE INDEX job_live ON crfs.job (tenant_id, live_key) WHERE state IN ('queued', 'running');

GRANT SELECT, INSERT, UPDATE ON crfs.rate_limit, crfs.source_state, crfs.stream_state, crfs.backfill_slice, crfs.payload_shape,
    crfs.quarantine, crfs.alert TO crfs_app;
GRANT SELECT, INSERT ON crfs.alert_event TO crfs_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA crfs TO crfs_app;
"""

BATCH_INDEXES = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'data' LOOP
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON data.%I USING brin (batch_id) WITH (pages_per_range = 32, autosummarize = on)',
            name || '_batch', name);
    END LOOP;
END $$
"""

TENANT_TABLES = ("quarantine", "alert", "alert_event")


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    op.execute(BATCH_INDEXES)
    for table in TENANT_TABLES:
        own = "tenant_id = current_setting('crfs.tenant_id')::integer"
        op.execute(f"ALTER TABLE crfs.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON crfs.{table} USING ({own}) WITH CHECK ({own})")
