"""Who is served how: groups, suppression, statistics, audits. Numbers and groups, never models."""
