"""The settings of a stack: the environment, then .env, which is made where there is none."""

import os
import re
import secrets
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

# of how many processes and connections the services consist; .env.example leaves them out, because
# containers set them one by one
_SIZES = ("WEB_CONCURRENCY", "GRPC_WORKERS", "DB_POOL_SIZE")
_RANDOM = re.compile(
    r"^(\w+_DB_PASS|JWT_SECRET|INTERNAL_API_TOKEN|QR_ENCRYPTION_KEY|STRIPE_WEBHOOK_SECRET)=.*$",
    re.M,
)


def load(root: Path) -> tuple[dict[str, str], bool]:
    """Every setting that somebody gave a value; whether .env was made."""
    path, example = root / ".env", root / ".env.example"
    made = not path.exists()
    if made:
        path.touch(mode=0o600)
        path.write_text(with_random_secrets(example.read_text()))
    values = {**dotenv_values(path), **_from_environment(example)}
    return {name: value for name, value in values.items() if value}, made


def fresh(root: Path) -> dict[str, str]:
    """The settings of a new .env that nobody has changed."""
    text = with_random_secrets((root / ".env.example").read_text())
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value}


def with_random_secrets(example: str) -> str:
    """The text of .env.example, for use: its placeholders made secrets of 32 random characters."""
    text = _RANDOM.sub(lambda match: f"{match[1]}={secrets.token_hex(16)}", example)
    return re.sub(r"^FLASK_ENV=.*$", "FLASK_ENV=production", text, flags=re.M)


def example(root: Path) -> dict[str, str]:
    """What .env.example has, placeholders and all."""
    return {name: value for name, value in dotenv_values(root / ".env.example").items() if value}


def clean_environment() -> dict[str, str]:
    """What a process needs of the environment beside its settings."""
    kept = ("HOME", "LANG", "PATH", "TZ", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _from_environment(example: Path) -> dict[str, str]:
    names = (*dotenv_values(example), *_SIZES)
    return {name: os.environ[name] for name in names if os.environ.get(name)}
