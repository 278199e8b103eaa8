"""Transfers, disputes and refunds of one seat at the same moment, with negative controls."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from desk import Answer, Desk, Record, assert_refused, at_once

ROUNDS = 25
ROUNDS_OF_CONTROL = 400
LOCKS = r" FOR UPDATE$"
GUARD = r"AND transfers\.saga IS NULL"
BUYERS_LOCK = r"pg_advisory_xact_lock"
VERSION = r"transfers\.saga_version = (\$\d+::INTEGER)"

TakeOut = Callable[..., None]


def transfers_of(desk: Desk, **wanted: str) -> list[Record]:
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    return desk.call("GET", f"/transfers?{query}")[1]


def active(transfers: list[Record]) -> list[Record]:
    return [one for one in transfers if one["status"] in ("INITIATED", "PENDING_OTP")]


def winners_of(answers: list[Answer]) -> list[Record]:
    return [record for status, record in answers if status < 400]


def two_buyers_of_one_seat(desk: Desk, rounds: int = ROUNDS) -> None:
    for _ in range(rounds):
        order = desk.sold()
        answers = at_once(*[lambda: desk.initiate(order, initiated_by="BUYER")] * 2)
        winners = winners_of(answers)
        assert len(winners) == 1, f"{len(winners)} winners"
        [loser] = [answer for answer in answers if answer[0] >= 400]
        assert_refused(loser, "TRANSFER_IN_PROGRESS")
        assert active(transfers_of(desk, order_id=order["order_id"])) == winners


def test_of_two_initiates_of_one_seat_at_once_one_wins(desk: Desk) -> None:
    two_buyers_of_one_seat(desk)


def no_locks(desk: Desk, take_out: TakeOut) -> None:
    take_out(LOCKS)


def no_index(desk: Desk, take_out: TakeOut) -> None:
    desk.sql("DROP INDEX idx_one_active_transfer_per_seat")


@pytest.mark.parametrize("without", [no_locks, no_index])
def test_the_sales_lock_or_the_index_alone_lets_one_initiate_win(
    own_desk: Desk, take_out: TakeOut, without: Callable[[Desk, TakeOut], None]
) -> None:
    without(own_desk, take_out)
    two_buyers_of_one_seat(own_desk)


def test_without_lock_and_index_two_initiates_win(own_desk: Desk, take_out: TakeOut) -> None:
    no_locks(own_desk, take_out)
    no_index(own_desk, take_out)
    with pytest.raises(AssertionError, match="^2 winners"):
        two_buyers_of_one_seat(own_desk, ROUNDS_OF_CONTROL)


def test_of_a_sellers_own_initiates_at_once_one_stands(desk: Desk) -> None:
    for _ in range(ROUNDS):
        order = desk.sold()
        answers = at_once(*[lambda: desk.initiate(order)] * 4)
        assert [status for status, _ in answers] == [201] * 4
        transfers = transfers_of(desk, order_id=order["order_id"])
        assert len(active(transfers)) == 1
        assert [one["failure_reason"] for one in transfers].count("REPLACED") == 3


def test_one_initiate_sent_twice_at_once_is_one_transfer(desk: Desk) -> None:
    for _ in range(ROUNDS):
        order = desk.sold()
        same = {"transfer_id": str(uuid4()), "buyer_user_id": str(uuid4())}
        first, second = at_once(*[lambda: desk.initiate(order, **same)] * 2)
        assert first == second and first[0] == 201
        assert len(transfers_of(desk, order_id=order["order_id"])) == 1


def one_buyer_of_many_seats(desk: Desk, rounds: int = ROUNDS) -> None:
    for _ in range(rounds):
        own = {"initiated_by": "BUYER", "buyer_user_id": str(uuid4())}
        orders = [desk.sold() for _ in range(5)]
        answers = at_once(*(lambda order=order: desk.initiate(order, **own) for order in orders))
        winners = winners_of(answers)
        assert len(winners) == 3, f"{len(winners)} winners"
        assert len(active(transfers_of(desk, user_id=own["buyer_user_id"]))) == 3


def test_a_buyer_gets_no_further_than_his_limit_however_many_he_asks_at_once(desk: Desk) -> None:
    one_buyer_of_many_seats(desk, 10)


def test_without_the_buyers_lock_he_gets_past_his_limit(own_desk: Desk, take_out: TakeOut) -> None:
    take_out(BUYERS_LOCK)
    with pytest.raises(AssertionError, match="^[45] winners"):
        one_buyer_of_many_seats(own_desk, ROUNDS_OF_CONTROL)


def confirm_against_refund(desk: Desk, rounds: int = ROUNDS) -> None:
    for _ in range(rounds):
        order = desk.sold()
        transfer = desk.verified(order)
        answers = at_once(
            lambda: desk.claim(transfer, "confirm"), lambda: desk.claim(order, "refund")
        )
        winners = winners_of(answers)
        assert len(winners) == 1, f"{len(winners)} winners"
        order, transfer = desk.now(order), desk.now(transfer)
        ends = (order["saga"], transfer["saga"], transfer["status"], transfer["failure_reason"])
        assert ends in (
            (None, "confirm", "PENDING_OTP", None),
            ("refund", None, "FAILED", "ORDER_REFUNDED"),
        )


def test_a_sale_is_confirmed_to_its_next_owner_or_refunded_never_both(desk: Desk) -> None:
    confirm_against_refund(desk)


def test_without_the_sales_lock_it_is_both(own_desk: Desk, take_out: TakeOut) -> None:
    take_out(LOCKS)
    with pytest.raises(AssertionError, match="^2 winners"):
        confirm_against_refund(own_desk, ROUNDS_OF_CONTROL)


def confirm_against_dispute(desk: Desk, rounds: int = ROUNDS) -> None:
    for _ in range(rounds):
        order = desk.sold()
        first = desk.completed(order)
        second = desk.verified(order, seller_user_id=first["buyer_user_id"])
        answers = at_once(
            lambda: desk.claim(second, "confirm"), lambda: desk.claim(first, "dispute")
        )
        winners = winners_of(answers)
        assert len(winners) == 1, f"{len(winners)} winners"
        first, second = desk.now(first), desk.now(second)
        ends = (first["status"], second["status"], second["saga"], second["failure_reason"])
        assert ends in (
            ("COMPLETED", "PENDING_OTP", "confirm", None),
            ("DISPUTED", "FAILED", None, "DISPUTED"),
        )


def test_a_seat_is_passed_on_or_its_last_transfer_disputed_never_both(desk: Desk) -> None:
    confirm_against_dispute(desk, 60)


def test_the_index_alone_keeps_a_dispute_off_a_seat_that_is_passed_on(
    own_desk: Desk, take_out: TakeOut
) -> None:
    take_out(LOCKS)
    confirm_against_dispute(own_desk)


def test_without_lock_and_index_a_seat_is_passed_on_and_disputed(
    own_desk: Desk, take_out: TakeOut
) -> None:
    take_out(LOCKS)
    own_desk.sql("DROP INDEX idx_one_transfer_at_work_per_order")
    with pytest.raises(AssertionError, match="^2 winners"):
        confirm_against_dispute(own_desk, ROUNDS_OF_CONTROL)


def initiate_against_refund(desk: Desk, rounds: int = ROUNDS) -> None:
    for _ in range(rounds):
        order = desk.sold()
        initiated, claimed = at_once(
            lambda: desk.initiate(order), lambda: desk.claim(order, "refund")
        )
        assert claimed[0] == 200 and initiated[0] in (201, 409)
        left = active(transfers_of(desk, order_id=order["order_id"]))
        assert not left, f"{len(left)} active transfer of a sale that is refunded"
        assert desk.now(order)["saga"] == "refund"


def test_no_transfer_is_active_of_a_sale_that_is_refunded(desk: Desk) -> None:
    initiate_against_refund(desk)


def test_without_the_sales_lock_one_may_be(own_desk: Desk, take_out: TakeOut) -> None:
    take_out(LOCKS)
    with pytest.raises(AssertionError, match="^1 active transfer"):
        initiate_against_refund(own_desk, ROUNDS_OF_CONTROL)


def two_drivers(desk: Desk, saga: str, rounds: int = ROUNDS) -> None:
    before = {"confirm": desk.verified, "dispute": desk.completed}.get(saga, desk.disputed)
    for _ in range(rounds):
        transfer = before(desk.sold())
        winners = winners_of(at_once(*[lambda: desk.claim(transfer, saga)] * 2))
        assert len(winners) == 1, f"{len(winners)} winners"
        assert winners == [desk.now(transfer)]
        assert winners[0]["saga_version"] == transfer["saga_version"] + 1


@pytest.mark.parametrize("saga", ["confirm", "dispute", "reverse", "dismiss"])
def test_of_two_claims_at_once_one_succeeds(desk: Desk, saga: str) -> None:
    two_drivers(desk, saga, 10)


@pytest.mark.parametrize("piece", [LOCKS, GUARD])
def test_the_lock_or_the_guard_alone_lets_one_claim_succeed(
    own_desk: Desk, take_out: TakeOut, piece: str
) -> None:
    take_out(piece)
    two_drivers(own_desk, "confirm")


def test_without_lock_and_guard_two_claims_succeed(own_desk: Desk, take_out: TakeOut) -> None:
    take_out(LOCKS)
    take_out(GUARD)
    with pytest.raises(AssertionError, match="^2 winners"):
        two_drivers(own_desk, "confirm", ROUNDS_OF_CONTROL)


def several_recoveries(desk: Desk) -> None:
    transfer = desk.claim(desk.verified(desk.sold()), "confirm")[1]
    path = f"/transfers/{transfer['transfer_id']}/saga/take-over"

    def take_over() -> Answer:
        seen = transfer["saga_version"]
        return desk.call("POST", path, saga_version=seen, driver=str(uuid4()))

    winners = winners_of(at_once(*[take_over] * 5))
    assert len(winners) == 1, f"{len(winners)} winners"
    assert winners == [desk.now(transfer)]


def test_of_several_recoveries_that_take_a_saga_over_at_once_one_succeeds(desk: Desk) -> None:
    for _ in range(10):
        several_recoveries(desk)


def test_without_the_version_that_they_have_seen_all_of_them_do(
    own_desk: Desk, take_out: TakeOut
) -> None:
    take_out(VERSION, r"\1 IS NOT NULL")
    with pytest.raises(AssertionError, match="^5 winners"):
        several_recoveries(own_desk)
