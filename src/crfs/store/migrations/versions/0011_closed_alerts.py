"""How the newest closed alert of a rule and subject ended is looked up by an index: of live alerts there was one, of closed ones none.

Revision ID: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX alert_closed ON crfs.alert (tenant_id, rule, subject, alert_id) WHERE state = 'closed'")
