"""Which jobs go on from another one, as SQL: `?` is that one's id."""

from __future__ import annotations

CONTINUATION = (
    "SELECT * FROM jobs WHERE continues = ? "
    "AND json_extract(iif(json_valid(request), request, '{}'), '$.take.job') IS NOT continues "
    "ORDER BY created DESC, rowid DESC LIMIT 1"
)
"""The newest that makes the rest of what the other was to make; a take of it is another shot."""
GOES_ON = (
    "WITH RECURSIVE later (id) AS (SELECT id FROM jobs WHERE continues = ? "
    "UNION SELECT jobs.id FROM jobs JOIN later ON jobs.continues = later.id) "
    "SELECT 1 FROM jobs JOIN later USING (id) WHERE state IN ('queued', 'running', 'paused')"
)
"""A row where one that has not ended goes on from it, be it by way of others or as a take of it."""
