"""Pages of another service's lists, in this API's shape."""

from typing import Any, TypeVar

from pydantic import BaseModel

from common.fields import Page, PageQuery

M = TypeVar("M", bound=BaseModel)


def page_of(shape: type[M], answer: dict[str, Any], query: PageQuery) -> Page[M]:
    """The answer of another service, each item reduced to `shape`."""
    items = [shape.model_validate(item) for item in answer["data"]]
    return Page(items, answer["pagination"]["total"], query)
