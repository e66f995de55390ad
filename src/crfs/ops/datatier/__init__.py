"""The embedded data tier: a PostgreSQL and a Valkey of this machine that start by themselves, are shared, and stop with their last client."""

from __future__ import annotations

from crfs.ops.datatier.folder import default_data_dir
from crfs.ops.datatier.scratch import scratch_tier
from crfs.ops.datatier.tier import DataTier, DataTierStatus, start, status

__all__ = ["DataTier", "DataTierStatus", "default_data_dir", "scratch_tier", "start", "status"]
