"""What the models have alike."""

from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase

Time = DateTime(timezone=True)


class Base(DeclarativeBase):
    """A typed view of init.sql, which owns defaults, checks and indexes."""
