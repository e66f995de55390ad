"""Up to which moment each early-warning rule has looked, so that alerts only go forward; and how severe an alert was before and after an event.

Of rules that looked before, the newest sighting that one of their alerts rests on is what is known.

Revision ID: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS = """
ALTER TABLE crfs.alert_event ADD COLUMN from_severity text, ADD COLUMN to_severity text;
COMMENT ON COLUMN crfs.alert_event.to_severity IS 'from then on; null where an older crfs wrote the event';
CREATE TABLE crfs.rule_look (
    rule text NOT NULL,
    as_of timestamptz NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    tenant_id integer NOT NULL,
    PRIMARY KEY (tenant_id, rule)
);
COMMENT ON TABLE crfs.rule_look IS 'the newest moment as of which a rule brought its alerts up to date, by whom and when';
INSERT INTO crfs.rule_look (rule, as_of, at, actor, tenant_id)
    SELECT a.rule, max(CAST(told.evidence ->> 'seen_at' AS timestamptz)), max(a.last_seen_at), 'unknown', a.tenant_id
    FROM crfs.alert AS a, LATERAL (SELECT a.evidence UNION ALL SELECT e.evidence FROM crfs.alert_event AS e WHERE e.alert_id = a.alert_id) AS told
    WHERE told.evidence ->> 'seen_at' IS NOT NULL GROUP BY a.tenant_id, a.rule;
GRANT SELECT, INSERT, UPDATE ON crfs.rule_look TO crfs_app;
ALTER TABLE crfs.rule_look ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    own = "tenant_id = current_setting('crfs.tenant_id')::integer"
    op.execute(f"CREATE POLICY tenant ON crfs.rule_look USING ({own}) WITH CHECK ({own})")
