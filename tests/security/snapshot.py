"""All that the platform remembers, as one value: equal before and after, nothing has changed."""

from collections.abc import Iterator
from contextlib import contextmanager

from platform_client import Records

DATABASES = ("inventory", "user", "order", "event")
_TABLES = (
    "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name"
)
_CONTENT = "SELECT '{0}', count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {0} AS t"
# what would end by itself, and in which service
_HOLDS = {
    "inventory": ("seats WHERE status = 'HELD'", "holds WHERE status = 'HELD'"),
    "order": ("orders WHERE status = 'PENDING'",),
}


@contextmanager
def nothing_changes(records: Records) -> Iterator[None]:
    """Afterwards everything is as it was before."""
    for service, tables in _HOLDS.items():
        for table, _, which in (one.partition(" WHERE ") for one in tables):
            later = f"UPDATE {table} SET held_until = held_until + interval '1 day' WHERE {which}"
            records.query(service, later)
    before = snapshot(records)
    yield
    assert snapshot(records) == before


def snapshot(records: Records) -> dict[str, list[tuple[object, ...]]]:
    """Every table of every service: how many rows, and a digest of what is in them."""
    content = {}
    for service in DATABASES:
        tables = [name for (name,) in records.query(service, _TABLES)]
        content[service] = records.query(service, " UNION ALL ".join(map(_CONTENT.format, tables)))
    return content
