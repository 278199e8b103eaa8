"""Field types of requests and answers that more than one service uses."""

from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

T = TypeVar("T")
_CENT = Decimal("0.01")


def _a_json_number(value: Any) -> Any:
    if isinstance(value, (str, bool)):
        raise ValueError("must be a number")
    return value


def _with_two_decimals(value: Decimal) -> Decimal:
    return value.quantize(_CENT)


def _documented(**bounds: Any) -> WithJsonSchema:
    schema = {"type": "number", "multipleOf": 0.01, "maximum": 99_999_999.99, "example": 350.00}
    return WithJsonSchema({**schema, **bounds})


# Credits: 1 credit is 1 SGD, NUMERIC(10,2) in every database.
Money = Annotated[
    Decimal,
    BeforeValidator(_a_json_number),
    Field(max_digits=10, decimal_places=2),
    AfterValidator(_with_two_decimals),
    _documented(),
]
Amount = Annotated[Money, Field(ge=0), _documented(minimum=0)]
PositiveAmount = Annotated[Money, Field(gt=0), _documented(exclusiveMinimum=0)]
TopupAmount = Annotated[
    Money, Field(gt=0, le=10_000), _documented(exclusiveMinimum=0, maximum=10_000, example=50.00)
]


def with_example(**fields: Any) -> ConfigDict:
    """A model's configuration that shows these values where the model is documented."""
    return ConfigDict(json_schema_extra={"example": fields})


class Body(BaseModel):
    """A request's JSON object; a field it does not know is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class CallerBody(Body):
    """A request that may name its caller; the endpoint refuses one that names somebody else."""

    user_id: UUID | None = None
    staff_id: UUID | None = None

    def names_only(self, user_id: UUID) -> bool:
        """Whether this user is the only one who is named as the caller."""
        return {self.user_id, self.staff_id} <= {None, user_id}


class Answer(BaseModel):
    """An answer's JSON object, built from any object that has these attributes."""

    model_config = ConfigDict(from_attributes=True)


class PageQuery(BaseModel):
    """Which page of a list, and how long."""

    page: int = Field(1, ge=1, le=1_000_000)
    per_page: int = Field(20, ge=1, le=100)

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.per_page


class Page(NamedTuple, Generic[T]):
    """One page of a list and how many items the whole list has."""

    items: list[T]
    total: int
    query: PageQuery

    def pagination(self) -> dict[str, int]:
        """The `pagination` object of the contract."""
        return {
            "page": self.query.page,
            "per_page": self.query.per_page,
            "total": self.total,
            "total_pages": -(-self.total // self.query.per_page),
        }
