"""PostgreSQL: relations, appends under the head lock, scans, look-ups, payloads, definitions, models, runs, jobs, lineage."""
