"""Disputes: of the latest transfer of a sale, reversed or dismissed, undone without a trace."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from common.database import violated_constraint

from desk import Desk, Record, assert_refused, path_of

DISPUTE = ("dispute_id", "dispute_reason", "disputed_by")


def details_of(transfer: Record) -> dict[str, str]:
    return {"transfer_id": transfer["transfer_id"], "status": transfer["status"]}


def passed_on(desk: Desk, order: Record, transfer: Record, make: str = "completed") -> Record:
    """The next transfer of the seat, by the buyer of that one."""
    return getattr(desk, make)(order, seller_user_id=transfer["buyer_user_id"])


def give_back(desk: Desk, claimed: Record) -> Record:
    end = f"{path_of(claimed)}/saga/end"
    status, free = desk.call("POST", end, saga_version=claimed["saga_version"])
    assert (status, free["saga"]) == (200, None)
    return free


def test_a_dispute_is_written_as_begun(desk: Desk) -> None:
    transfer = desk.completed(desk.sold())
    claimed = desk.claimed(transfer, "dispute", reason="Not as agreed.", disputed_by="SELLER")
    assert (claimed["status"], claimed["saga"]) == ("DISPUTED", "dispute")
    assert claimed["saga_step"] == "dispute.freeze"
    assert (claimed["dispute_reason"], claimed["disputed_by"]) == ("Not as agreed.", "SELLER")
    assert UUID(claimed["dispute_id"]) and claimed["completed_at"] == transfer["completed_at"]
    disputed = desk.ended(claimed, "DISPUTED")
    assert (disputed["status"], disputed["saga"]) == ("DISPUTED", None)
    assert desk.ended(claimed, "DISPUTED") == disputed


def test_the_same_driver_has_its_dispute_already(desk: Desk) -> None:
    transfer, driver = desk.completed(desk.sold()), str(uuid4())
    claimed = desk.claimed(transfer, "dispute", driver=driver)
    assert desk.claim(transfer, "dispute", driver=driver) == (200, claimed)
    details = {**details_of(claimed), "saga": "dispute"}
    assert_refused(desk.claim(transfer, "dispute"), "TRANSFER_INVALID_STATE", **details)


@pytest.mark.parametrize("how", ["undone", "given back"])
def test_a_dispute_that_came_to_nothing_leaves_nothing(desk: Desk, how: str) -> None:
    claimed = desk.claimed(desk.completed(desk.sold()), "dispute")
    after = desk.ended(claimed, "COMPLETED") if how == "undone" else give_back(desk, claimed)
    assert (after["status"], after["saga"]) == ("COMPLETED", None)
    assert [after[name] for name in DISPUTE] == [None] * 3
    again = desk.claimed(after, "dispute")
    assert again["dispute_id"] != claimed["dispute_id"]


def test_only_a_completed_transfer_is_disputed(desk: Desk) -> None:
    for make in (desk.initiated, desk.verified, desk.disputed):
        transfer = make(desk.sold())
        answer = desk.claim(transfer, "dispute")
        assert_refused(answer, "TRANSFER_INVALID_STATE", **details_of(transfer))
        assert desk.now(transfer) == transfer


def test_only_the_latest_transfer_of_a_sale_is_disputed(desk: Desk) -> None:
    order = desk.sold()
    first = desk.completed(order)
    second = passed_on(desk, order, first)
    answer = desk.claim(first, "dispute")
    assert_refused(answer, "TRANSFER_INVALID_STATE", **details_of(first))
    reversing = desk.claimed(desk.ended(desk.claimed(second, "dispute"), "DISPUTED"), "reverse")
    assert_refused(desk.claim(first, "dispute"), "TRANSFER_INVALID_STATE", **details_of(first))
    desk.ended(reversing, "REVERSED")
    desk.claimed(first, "dispute")


def test_no_transfer_of_a_refunded_sale_is_disputed(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.completed(order)
    refund = desk.claimed(order, "refund")
    for _ in ("at work", "done"):
        answer = desk.claim(transfer, "dispute")
        assert_refused(answer, "TRANSFER_INVALID_STATE", **details_of(transfer))
        desk.ended(refund, "REFUNDED")


def test_a_dispute_ends_the_transfer_that_waits_for_its_codes(desk: Desk) -> None:
    order = desk.sold()
    first = desk.completed(order)
    waiting = passed_on(desk, order, first, "verified")
    desk.claimed(first, "dispute")
    waiting = desk.now(waiting)
    assert (waiting["status"], waiting["failure_reason"]) == ("FAILED", "DISPUTED")


def test_a_seat_that_is_just_being_passed_on_is_not_disputed(desk: Desk) -> None:
    order = desk.sold()
    first = desk.completed(order)
    confirming = desk.claimed(passed_on(desk, order, first, "verified"), "confirm")
    answer = desk.claim(first, "dispute")
    assert_refused(answer, "TRANSFER_INVALID_STATE", **details_of(first))
    assert desk.now(confirming) == confirming


def test_a_reversal_gives_the_seat_back_to_the_seller(desk: Desk) -> None:
    order = desk.sold()
    claimed = desk.claimed(desk.disputed(order), "reverse")
    assert (claimed["status"], claimed["saga"]) == ("DISPUTED", "reverse")
    assert UUID(claimed["reversal_id"])
    reversed_ = desk.ended(claimed, "REVERSED")
    assert (reversed_["status"], reversed_["saga"]) == ("REVERSED", None)
    assert desk.ended(claimed, "REVERSED") == reversed_
    desk.initiated(order)


def test_a_reversal_that_is_undone_is_disputed_again_and_the_next_has_a_new_key(
    desk: Desk,
) -> None:
    claimed = desk.claimed(desk.disputed(desk.sold()), "reverse")
    disputed = desk.ended(claimed, "DISPUTED")
    assert (disputed["status"], disputed["saga"]) == ("DISPUTED", None)
    assert [disputed[name] for name in DISPUTE] == [claimed[name] for name in DISPUTE]
    again = desk.claimed(disputed, "reverse")
    assert again["reversal_id"] != claimed["reversal_id"]
    free = give_back(desk, again)
    assert (free["status"], free["dispute_id"]) == ("DISPUTED", claimed["dispute_id"])


def test_a_dismissed_dispute_is_over_and_its_history_stays(desk: Desk) -> None:
    order = desk.sold()
    disputed = desk.disputed(order)
    claimed = desk.claimed(disputed, "dismiss", reason="No ground.")
    assert (claimed["status"], claimed["dismiss_reason"]) == ("DISPUTED", "No ground.")
    dismissed = desk.ended(claimed, "COMPLETED")
    assert (dismissed["status"], dismissed["dismiss_reason"]) == ("COMPLETED", "No ground.")
    assert dismissed["completed_at"] == disputed["completed_at"]
    assert [dismissed[name] for name in DISPUTE] == [disputed[name] for name in DISPUTE]
    passed_on(desk, order, dismissed)


def test_a_dismissed_transfer_can_be_disputed_anew(desk: Desk) -> None:
    disputed = desk.disputed(desk.sold())
    dismissed = desk.ended(desk.claimed(disputed, "dismiss"), "COMPLETED")
    again = desk.claimed(dismissed, "dispute", reason="Once more.")
    assert again["dispute_id"] != disputed["dispute_id"]
    assert (again["dispute_reason"], again["dismiss_reason"]) == ("Once more.", None)


def test_a_dismissal_given_back_leaves_the_dispute(desk: Desk) -> None:
    claimed = desk.claimed(desk.disputed(desk.sold()), "dismiss")
    free = give_back(desk, claimed)
    assert (free["status"], free["dismiss_reason"]) == ("DISPUTED", None)
    assert free["dispute_id"] == claimed["dispute_id"]


@pytest.mark.parametrize("saga", ["reverse", "dismiss"])
def test_only_a_disputed_transfer_is_reversed_or_dismissed(desk: Desk, saga: str) -> None:
    for make in (desk.verified, desk.completed):
        transfer = make(desk.sold())
        answer = desk.claim(transfer, saga)
        assert_refused(answer, "TRANSFER_INVALID_STATE", **details_of(transfer))
    freezing = desk.claimed(transfer, "dispute")
    answer = desk.claim(freezing, saga)
    assert_refused(answer, "TRANSFER_INVALID_STATE", saga="dispute", **details_of(freezing))


def test_who_raised_the_dispute_does_not_reverse_it(desk: Desk) -> None:
    transfer = desk.disputed(desk.sold())
    disputer = transfer["disputed_by"]
    other = "SELLER" if disputer == "BUYER" else "BUYER"
    status, error = desk.claim(transfer, "reverse", by=disputer)
    assert (status, error["error_code"]) == (403, "FORBIDDEN")
    assert desk.now(transfer) == transfer
    assert desk.claim(transfer, "reverse", by=other)[0] == 200


@pytest.mark.parametrize(
    ("saga", "given"),
    [
        ("dismiss", {"reason": None}),
        ("dismiss", {"reason": ""}),
        ("reverse", {"reason": "X"}),
        ("dispute", {"reason": " "}),
        ("dispute", {"reason": "x" * 501}),
        ("dispute", {"disputed_by": "STAFF"}),
    ],
)
def test_what_is_no_claim_is_refused(desk: Desk, saga: str, given: dict) -> None:
    transfer = desk.completed(desk.sold())
    status, error = desk.claim(transfer, saga, **given)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("make", "saga", "change", "index"),
    [
        ("completed", "dispute", "", "idx_one_disputed_transfer_per_order"),
        (
            "verified",
            "confirm",
            ", saga = 'dispute', saga_step = 'dispute.freeze'",
            "idx_one_transfer_at_work_per_order",
        ),
    ],
)
def test_the_database_itself_knows_one_dispute_of_a_sale_and_one_saga(
    desk: Desk, make: str, saga: str, change: str, index: str
) -> None:
    order = desk.sold()
    first = desk.completed(order)
    desk.claimed(passed_on(desk, order, first, make), saga)
    with pytest.raises(IntegrityError) as refused:
        desk.sql(
            "UPDATE transfers SET status = 'DISPUTED', dispute_id = gen_random_uuid(),"
            f" dispute_reason = 'x', disputed_by = 'BUYER'{change} WHERE transfer_id = :id",
            id=first["transfer_id"],
        )
    assert violated_constraint(refused.value) == index
