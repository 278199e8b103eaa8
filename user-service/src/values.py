"""Plain values that leave a transaction, and what callers send in; of credits: credit_values."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, EmailStr, Field
from pydantic import StrictBool, StringConstraints, model_validator

from common.auth import Role
from common.fields import Answer, Body, Money, TopupAmount, with_example

from . import demo

MAX_PASSWORD_BYTES = 72  # bcrypt takes no more


def _without_a_name(value: Any) -> Any:
    if isinstance(value, str) and "<" in value:  # EmailStr would take "Name <address>"
        raise ValueError("must be an e-mail address and nothing else")
    return value


def _fits_bcrypt(password: str) -> str:
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        raise ValueError(f"can have at most {MAX_PASSWORD_BYTES} bytes in UTF-8")
    return password


UserId = Annotated[UUID, Field(examples=[demo.BUYER])]
ReferenceId = Annotated[UUID, Field(examples=[demo.ORDER])]
# lower case, so that one account has one spelling
Email = Annotated[
    EmailStr,
    BeforeValidator(_without_a_name),
    AfterValidator(str.lower),
    Field(examples=["user1@example.com"]),
]
Secret = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=1),
    Field(examples=["password123"]),
]
NewPassword = Annotated[Secret, Field(min_length=8), AfterValidator(_fits_bcrypt)]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Registration(Body):
    """A new customer; the password has 8 characters or more and at most 72 bytes."""

    email: Email
    password: NewPassword = Field(repr=False)
    phone: Phone | None = None
    full_name: Name | None = None

    model_config = with_example(
        email="new.buyer@example.com",
        password="a long password",  # nosec B106 # an example
        phone="+6591230099",
        full_name="Farah Lee",
    )


class Credentials(Body):
    """E-mail and password of an account."""

    email: Email
    password: Secret = Field(repr=False)


class UserRecord(Answer):
    """A user's profile."""

    user_id: UserId
    email: str = Field(examples=["user1@example.com"])
    full_name: str | None = Field(examples=["Aisha Rahman"])
    phone: str | None = Field(examples=["+6591230001"])
    role: Role
    credit_balance: Money
    frozen_credits: Money
    is_flagged: bool
    created_at: datetime


class Login(BaseModel):
    """Whom tokens are issued to, under which login, and when (epoch seconds, database's clock)."""

    user: UserRecord
    sid: str
    issued_at: float


class Risk(Answer):
    """Whether this user must prove each purchase by a code."""

    is_flagged: bool


class UserQuery(BaseModel):
    """Whom to look for; the e-mail is compared without regard to case."""

    email: Email


class UserChange(Body):
    """What to change of a user, at least one of both, and the admin who does."""

    acting_user_id: UUID
    is_flagged: StrictBool | None = None
    role: Role | None = None

    model_config = with_example(acting_user_id=demo.ADMIN, is_flagged=False)

    @model_validator(mode="after")
    def _something_to_change(self) -> "UserChange":
        if self.is_flagged is None and self.role is None:
            raise ValueError("give is_flagged or role")
        return self


class TopupCall(Body):
    """Asks for a payment; the same `idempotency_key` gives the same payment."""

    user_id: UserId
    amount: TopupAmount
    idempotency_key: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Topup(Answer):
    """A payment that the user's browser completes with Stripe, by the `client_secret`."""

    client_secret: str = Field(repr=False, examples=["pi_1P2q3R_secret_4S5t6U"])
    payment_intent_id: str = Field(examples=["pi_1P2q3R"])
    amount: Money
    currency: str = "sgd"


class OtpContext(StrEnum):
    """What a code is asked for."""

    PURCHASE = "purchase"
    TRANSFER = "transfer"


class OtpParty(Body):
    """Who proves by a code that he means which order or transfer; his tries count by themselves."""

    user_id: UserId
    context: OtpContext
    reference_id: ReferenceId


class OtpSend(OtpParty):
    """Asks for a code; with `resend` for another one although the last one lives."""

    resend: StrictBool = False
    caused_by: UUID | None = None

    @property
    def is_caused_by_another(self) -> bool:
        """Whether somebody else than who is sent the code makes us send it."""
        return self.caused_by not in (None, self.user_id)


class OtpTry(OtpParty):
    """Gives the code back."""

    otp_code: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,16}$", repr=False, examples=["123456"])]
    given_by: UUID | None = None

    @property
    def giver(self) -> UUID:
        """Who typed the code: the party itself, unless `given_by` names somebody else."""
        return self.given_by or self.user_id


class OtpSent(Answer):
    """The code that lives, by the provider's name for it, and whether it was sent just now."""

    verification_sid: str = Field(examples=["VE7c1d0f3a"])
    sent: bool


class OtpVerified(Answer):
    """The code was right, or the party is verified already."""

    verified: bool = True


class RevokedQuery(BaseModel):
    """From when on (epoch seconds, the `as_of` of the answer before); all if missing."""

    since: float | None = Field(None, ge=0, le=1e10, allow_inf_nan=False)


class RevokedTokens(Answer):
    """Those of one login (`sid`), or all issued to a user until a moment; epoch seconds."""

    sid: str | None = Field(examples=["0f8fad5b-d9cb-469f-a165-70867728950e"])
    user_id: UserId | None
    issued_until: float = Field(examples=[1767225600.0])
    expires_at: float = Field(examples=[1767830400.0])


class RevocationList(Answer):
    """What was revoked, and the `since` to ask with next time."""

    revocations: list[RevokedTokens]
    as_of: float = Field(examples=[1767225600.0])
