"""All that the platform remembers, as one value: equal before and after, nothing has changed."""

from platform_client import Records

DATABASES = ("inventory", "user", "order", "event")
_TABLES = (
    "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name"
)
_CONTENT = "SELECT '{0}', count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {0} AS t"


def snapshot(records: Records) -> dict[str, list[tuple[object, ...]]]:
    """Every table of every service: how many rows, and a digest of what is in them."""
    content = {}
    for service in DATABASES:
        tables = [name for (name,) in records.query(service, _TABLES)]
        content[service] = records.query(service, " UNION ALL ".join(map(_CONTENT.format, tables)))
    return content
