"""JSON as the contract has it."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from common import encoding
from common.fields import Amount, Money, PositiveAmount


class Priced(BaseModel):
    money: Money | None = None
    amount: Amount | None = None
    positive: PositiveAmount | None = None


def test_money_keeps_its_two_decimals() -> None:
    assert encoding.dumps({"price": Decimal("350.00")}) == '{"price":350.00}'


@pytest.mark.parametrize("given", ["350", "350.0", "350.00", "3.5e2", "350.000"])
def test_an_amount_has_two_decimals_however_it_was_written(given: str) -> None:
    priced = Priced.model_validate(encoding.loads(f'{{"amount":{given}}}'))
    assert encoding.dumps(priced.amount) == "350.00"


def test_numbers_are_read_without_passing_through_a_float() -> None:
    assert encoding.loads("[0.1, 2, 99999999.99]") == [Decimal("0.1"), 2, Decimal("99999999.99")]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("money", '"350.00"'),
        ("money", "true"),
        ("money", "0.001"),
        ("money", "100000000"),
        ("money", "1e400"),
        ("money", "[1]"),
        ("amount", "-0.01"),
        ("positive", "0"),
        ("positive", "-1"),
    ],
)
def test_what_is_no_amount_of_money_is_refused(field: str, given: str) -> None:
    with pytest.raises(ValidationError):
        Priced.model_validate(encoding.loads(f'{{"{field}":{given}}}'))


def test_times_are_utc_with_z() -> None:
    in_singapore = datetime(2031, 5, 1, 20, 0, tzinfo=timezone(timedelta(hours=8)))
    assert encoding.dumps([in_singapore]) == '["2031-05-01T12:00:00.000Z"]'


def test_models_and_ids_have_a_json_form() -> None:
    value = {"id": UUID(int=1), "model": Priced(amount=Decimal(1))}
    assert encoding.loads(encoding.dumps(value)) == {
        "id": "00000000-0000-0000-0000-000000000001",
        "model": {"money": None, "amount": Decimal("1.00"), "positive": None},
    }


def test_what_has_no_json_form_is_a_bug() -> None:
    with pytest.raises(TypeError):
        encoding.dumps({"thing": object()})


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[" * 100_000, "[Infinity]", "{} {}", "'a'", b"\xff", b'"\xff"']
)
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        encoding.loads(text)
