"""Password hashes; slow on purpose, so never call this inside a transaction."""

import bcrypt

from ..values import MAX_PASSWORD_BYTES


class Passwords:
    """bcrypt with the cost that the settings name."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._of_nobody = self.hash("no account has this hash")

    def hash(self, password: str) -> str:
        """A fresh hash."""
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._rounds)).decode()

    def match(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password; without a hash it never is, and that takes as long."""
        given, known = password.encode(), password_hash or self._of_nobody
        same = bcrypt.checkpw(given[:MAX_PASSWORD_BYTES], known.encode())
        return same and password_hash is not None and len(given) <= MAX_PASSWORD_BYTES
