"""The private PostgreSQL cluster: one, with a database and a role for each service."""

import os
import pwd
import secrets
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from . import packages

SUPERUSER = "postgres"
# service: database, its owner, the setting with the owner's password
DATABASES = {
    "inventory": ("seats_db", "seats_user", "INVENTORY_DB_PASS"),
    "user": ("users_db", "users_user", "USER_DB_PASS"),
    "order": ("orders_db", "orders_user", "ORDER_DB_PASS"),
    "event": ("events_db", "events_user", "EVENT_DB_PASS"),
}
_SCRIPTS = {name: f"{name}-service" for name in DATABASES}


class Postgres:
    """A cluster below `state_dir`, or below /var/lib where its own user cannot get there.

    PostgreSQL refuses to run as root, so root runs it as the distribution's user `postgres`.
    """

    def __init__(self, state_dir: Path, port: int, durable: bool) -> None:
        self._port = port
        self._durable = durable
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.folder = state_dir / "postgres"
        self.is_elsewhere = self.user is not None and not _open_to_all(state_dir)
        if self.is_elsewhere:
            name = sha256(str(state_dir).encode()).hexdigest()[:16]
            self.folder = Path("/var/lib/ticketremaster") / name
        self._data = self.folder / "data"
        self._password_file = self.folder / "superuser.password"

    @property
    def command(self) -> list[str]:
        """The server, in the foreground."""
        settings = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 300,
            # else a statement that fails is in the log with its values: a password's hash
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "shared_buffers": "256MB",
            "fsync": "on" if self._durable else "off",
            "synchronous_commit": "on" if self._durable else "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        made_by = self._data / "PG_VERSION"
        version = made_by.read_text().strip() if made_by.exists() else "*"
        program = packages.postgres_binaries(version) / "postgres"
        return [str(program), "-D", str(self._data), *options]

    def initialise(self) -> None:
        """Make the cluster, unless it is there."""
        if self._data.exists():
            return
        half_made = self.folder / "data.new"
        shutil.rmtree(half_made, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._password_file.write_text(secrets.token_hex(16))
        self._password_file.chmod(0o600)
        owned = [self.folder, self._password_file] if self.user else []
        for path in owned:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        subprocess.run(
            [packages.postgres_binaries() / "initdb", "-D", half_made, "-E", "UTF8"]
            + ["-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile", self._password_file]
            + ["--no-sync", "--locale=C.UTF-8"],
            check=True,
            capture_output=True,
            user=self.user.pw_uid if self.user else None,
            group=self.user.pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
            cwd="/",
        )
        half_made.rename(self._data)

    def url(self, database: str = "postgres") -> str:
        """Where a database is, for the superuser."""
        password = self._password_file.read_text()
        return f"postgresql://{SUPERUSER}:{quote(password)}@127.0.0.1:{self._port}/{database}"

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            psycopg2.connect(self.url(), connect_timeout=2).close()
        except (psycopg2.OperationalError, FileNotFoundError):
            return False
        return True

    def create_databases(self, settings: dict[str, str]) -> None:
        """Roles, databases and passwords as the settings have them; nobody opens another's."""
        for database, owner, password_setting in DATABASES.values():
            with _Autocommit(self.url()) as cursor:
                _create_unless_there(cursor, "pg_roles", "rolname", owner, "ROLE {} LOGIN")
                _create_unless_there(cursor, "pg_database", "datname", database, "DATABASE {}")
                names = {"db": sql.Identifier(database), "owner": sql.Identifier(owner)}
                for statement in (
                    "ALTER ROLE {owner} PASSWORD {password}",
                    "ALTER DATABASE {db} OWNER TO {owner}",
                    "REVOKE ALL ON DATABASE {db} FROM PUBLIC",
                ):
                    password = sql.Literal(settings[password_setting])
                    cursor.execute(sql.SQL(statement).format(**names, password=password))

    def load_schemas(self, root: Path, settings: dict[str, str]) -> None:
        """Run each service's init.sql and seed.sql as the owner of its database."""
        for service, (database, owner, password_setting) in DATABASES.items():
            for script in ("init.sql", "seed.sql"):
                path = root / _SCRIPTS[service] / script
                if path.exists():
                    password = quote(settings[password_setting])
                    url = f"postgresql://{owner}:{password}@127.0.0.1:{self._port}/{database}"
                    with _Autocommit(url) as cursor:
                        cursor.execute(path.read_text())

    def remove(self) -> None:
        """Delete the cluster, which must not be running."""
        shutil.rmtree(self.folder, ignore_errors=True)


class _Autocommit:
    """A cursor whose every statement is committed at once, and its connection with it."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True

    def __enter__(self) -> psycopg2.extensions.cursor:
        return self._connection.cursor()

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _create_unless_there(
    cursor: psycopg2.extensions.cursor, catalogue: str, column: str, name: str, what: str
) -> None:
    known = f"SELECT FROM {catalogue} WHERE {column} = %s"  # nosec B608 # both named in this file
    cursor.execute(known, (name,))
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL(f"CREATE {what}").format(sql.Identifier(name)))


def _open_to_all(folder: Path) -> bool:
    """Whether every user may pass through this folder and all above it."""
    existing = (path for path in (folder, *folder.parents) if path.exists())
    return all(path.stat().st_mode & 0o001 for path in existing)
