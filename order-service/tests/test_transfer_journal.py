"""The journal of transfers: claimed for confirm, driven by one at a time, ended either way."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from common.database import violated_constraint

from desk import Desk, Record, assert_refused, at_once, path_of


def details_of(transfer: Record) -> dict[str, str]:
    return {"transfer_id": transfer["transfer_id"], "status": transfer["status"]}


def claimed_for(desk: Desk, saga: str) -> Record:
    """A transfer on which that saga has begun."""
    before = {"confirm": desk.verified, "dispute": desk.completed}.get(saga, desk.disputed)
    return desk.claimed(before(desk.sold()), saga)


def test_a_claim_begins_the_first_step_under_a_new_version(desk: Desk) -> None:
    transfer = desk.verified(desk.sold())
    claimed = desk.claimed(transfer, "confirm")
    assert (claimed["saga"], claimed["saga_step"]) == ("confirm", "confirm.move_credits")
    assert claimed["saga_version"] == transfer["saga_version"] + 1
    assert (claimed["status"], claimed["saga_undoing"]) == ("PENDING_OTP", False)


def test_the_same_driver_has_its_claim_already_and_another_is_told_of_the_saga(
    desk: Desk,
) -> None:
    transfer, driver = desk.verified(desk.sold()), str(uuid4())
    claimed = desk.claimed(transfer, "confirm", driver=driver)
    assert desk.claim(transfer, "confirm", driver=driver) == (200, claimed)
    answer = desk.claim(transfer, "confirm")
    assert_refused(answer, "TRANSFER_INVALID_STATE", saga="confirm", **details_of(transfer))


@pytest.mark.parametrize(
    ("verified", "missing"),
    [([], ["seller", "buyer"]), (["buyer"], ["seller"]), (["seller"], ["buyer"])],
)
def test_confirming_needs_both_codes_and_says_whose_is_missing(
    desk: Desk, verified: list[str], missing: list[str]
) -> None:
    transfer = desk.pending(desk.sold())
    for party in verified:
        desk.call("PATCH", path_of(transfer), **{f"{party}_otp_verified": True})
    status, error = answer = desk.claim(transfer, "confirm")
    assert status == 428
    named = {"transfer_id": transfer["transfer_id"], "missing": missing}
    assert_refused(answer, "OTP_REQUIRED", **named)
    assert all(party in error["message"] for party in missing)
    assert not any(party in error["message"] for party in verified)


def test_only_a_transfer_that_waits_for_its_codes_is_confirmed(desk: Desk) -> None:
    failed = desk.verified(desk.sold())
    desk.call("PATCH", path_of(failed), status="FAILED", reason="CANCELLED")
    made = desk.initiated, desk.completed, desk.disputed
    for transfer in (desk.now(failed), *(make(desk.sold()) for make in made)):
        answer = desk.claim(transfer, "confirm")
        assert_refused(answer, "TRANSFER_INVALID_STATE", **details_of(transfer))
        assert desk.now(transfer) == transfer


def test_a_transfer_untouched_for_30_minutes_is_failed_instead_of_confirmed(desk: Desk) -> None:
    transfer = desk.verified(desk.sold())
    desk.leave_untouched(transfer, 31)
    failed = {**details_of(transfer), "status": "FAILED"}
    assert_refused(desk.claim(transfer, "confirm"), "TRANSFER_INVALID_STATE", **failed)
    assert desk.now(transfer)["failure_reason"] == "EXPIRED"
    in_time = desk.verified(desk.sold())
    desk.leave_untouched(in_time, 29)
    desk.claimed(in_time, "confirm")


def test_a_confirmed_transfer_is_completed_and_a_repeat_changes_nothing(desk: Desk) -> None:
    claimed = claimed_for(desk, "confirm")
    completed = desk.ended(claimed, "COMPLETED")
    assert (completed["status"], completed["saga"]) == ("COMPLETED", None)
    assert completed["completed_at"]
    assert desk.ended(claimed, "COMPLETED") == completed


def test_a_confirm_that_is_undone_fails_with_its_reason(desk: Desk) -> None:
    claimed = claimed_for(desk, "confirm")
    path, version = path_of(claimed), claimed["saga_version"]
    assert desk.call("PATCH", f"{path}/saga", saga_version=version, undoing=True)[0] == 200
    failed = desk.ended(claimed, "FAILED", reason="SEAT_UNAVAILABLE")
    assert (failed["status"], failed["failure_reason"]) == ("FAILED", "SEAT_UNAVAILABLE")
    assert (failed["saga"], failed["completed_at"]) == (None, None)
    assert desk.ended(claimed, "FAILED", reason="SEAT_UNAVAILABLE") == failed


def test_a_confirm_given_back_leaves_the_transfer_to_be_confirmed(desk: Desk) -> None:
    claimed = claimed_for(desk, "confirm")
    end = f"{path_of(claimed)}/saga/end"
    status, free = desk.call("POST", end, saga_version=claimed["saga_version"])
    assert (status, free["saga"], free["status"]) == (200, None, "PENDING_OTP")
    assert desk.call("POST", end, saga_version=claimed["saga_version"]) == (200, free)
    desk.claimed(free, "confirm")


def test_a_driver_writes_its_steps_and_another_takes_over_once(desk: Desk) -> None:
    claimed = claimed_for(desk, "confirm")
    path, version = f"{path_of(claimed)}/saga", claimed["saga_version"]
    status, moved = desk.call("PATCH", path, saga_version=version, step="confirm.update_owner")
    assert (status, moved["saga_step"]) == (200, "confirm.update_owner")
    drivers = [{"driver": str(uuid4()), "saga_version": version} for _ in range(8)]
    answers = at_once(
        *(lambda body=body: desk.call("POST", f"{path}/take-over", **body) for body in drivers)
    )
    assert sorted(status for status, _ in answers) == [200] + [409] * 7
    winner = next(body for body, answer in zip(drivers, answers) if answer[0] == 200)
    status, again = desk.call("POST", f"{path}/take-over", **winner)
    assert (status, again["saga_version"]) == (200, version + 1)


LAST_WRITES: dict[str, list[dict[str, Any]]] = {
    "confirm": [{"status": "COMPLETED"}, {"status": "FAILED", "reason": "X"}],
    "dispute": [{"status": "DISPUTED"}, {"status": "COMPLETED"}],
    "reverse": [{"status": "DISPUTED"}, {}],
    "dismiss": [{"status": "COMPLETED"}],
}


@pytest.mark.parametrize("saga", LAST_WRITES)
def test_an_overtaken_driver_can_write_nothing_more(desk: Desk, saga: str) -> None:
    claimed = claimed_for(desk, saga)
    path, old = path_of(claimed), claimed["saga_version"]
    body = {"driver": str(uuid4()), "saga_version": old}
    _, taken = desk.call("POST", f"{path}/saga/take-over", **body)
    last = [
        ("PATCH", path, write) if write else ("POST", f"{path}/reverse", {})
        for write in LAST_WRITES[saga]
    ]
    for method, where, write in (
        *last,
        ("PATCH", f"{path}/saga", {"step": f"{saga}.next"}),
        ("PATCH", f"{path}/saga", {"undoing": True}),
        ("POST", f"{path}/saga/end", {}),
        ("POST", f"{path}/saga/take-over", {"driver": str(uuid4())}),
    ):
        status, error = desk.call(method, where, saga_version=old, **write)
        assert (status, error["error_code"]) == (409, "TRANSFER_INVALID_STATE"), where
    assert desk.now(claimed) == taken


@pytest.mark.parametrize("saga", LAST_WRITES)
def test_a_saga_ends_in_its_own_states_only(desk: Desk, saga: str) -> None:
    claimed = claimed_for(desk, saga)
    path, version = path_of(claimed), claimed["saga_version"]
    everything = [write for writes in LAST_WRITES.values() for write in writes]
    for write in everything:
        if write in LAST_WRITES[saga]:
            continue
        where = ("PATCH", path) if write else ("POST", f"{path}/reverse")
        answer = desk.call(*where, saga_version=version, **write)
        details = {"saga": saga, **details_of(claimed)}
        assert_refused(answer, "TRANSFER_INVALID_STATE", **details)
    assert desk.now(claimed) == claimed


FORWARD = {"confirm": "COMPLETED", "dispute": "DISPUTED", "reverse": None, "dismiss": "COMPLETED"}


@pytest.mark.parametrize("saga", FORWARD)
def test_undoing_is_never_taken_back(desk: Desk, saga: str) -> None:
    claimed = claimed_for(desk, saga)
    path, version = path_of(claimed), claimed["saga_version"]
    _, undoing = desk.call("PATCH", f"{path}/saga", saga_version=version, undoing=True)
    for method, where, body in (
        ("PATCH", f"{path}/saga", {"step": f"{saga}.next"}),
        ("POST", f"{path}/saga/end", {}),
    ):
        assert desk.call(method, where, saga_version=version, **body)[0] == 409, where
    if saga in ("dispute", "dismiss"):
        done = {"status": FORWARD[saga], "saga_version": version}
        assert desk.call("PATCH", path, **done)[0] == 409
    assert desk.now(claimed) == undoing


@pytest.mark.parametrize(("saga", "status"), [("confirm", "COMPLETED"), ("reverse", "REVERSED")])
def test_where_the_seat_has_moved_for_good_what_was_being_undone_goes_forward(
    desk: Desk, saga: str, status: str
) -> None:
    claimed = claimed_for(desk, saga)
    path, version = path_of(claimed), {"saga_version": claimed["saga_version"]}
    desk.call("PATCH", f"{path}/saga", undoing=True, **version)
    if saga == "reverse":
        answer = desk.call("POST", f"{path}/reverse", **version)
    else:
        answer = desk.call("PATCH", path, status=status, **version)
    assert (answer[0], desk.now(claimed)["status"]) == (200, status)
    assert desk.now(claimed)["saga_undoing"] is False


@pytest.mark.parametrize("cleared", ["FALSE", "TRUE"])
@pytest.mark.parametrize(
    ("saga", "done"),
    [
        ("dispute", "status = 'DISPUTED'"),
        ("dismiss", "status = 'COMPLETED'"),
    ],
)
def test_the_database_itself_refuses_to_complete_what_is_being_undone(
    desk: Desk, saga: str, done: str, cleared: str
) -> None:
    claimed = claimed_for(desk, saga)
    body = {"saga_version": claimed["saga_version"], "undoing": True}
    desk.call("PATCH", f"{path_of(claimed)}/saga", **body)
    with pytest.raises(IntegrityError) as refused:
        desk.sql(
            f"UPDATE transfers SET {done}, saga_undoing = {cleared}, saga = NULL, saga_step = NULL"
            " WHERE transfer_id = :id",
            id=claimed["transfer_id"],
        )
    assert violated_constraint(refused.value) == "transfer_not_done_while_undoing"


@pytest.mark.parametrize(
    ("state", "change", "constraint"),
    [
        ("initiated", "status = 'FAILED'", "transfer_failure_reason"),
        ("initiated", "failure_reason = 'X'", "transfer_failure_reason"),
        ("verified", "status = 'COMPLETED'", "transfer_completed_at"),
        ("pending", "status = 'COMPLETED', completed_at = now()", "transfer_completed_by_both"),
        ("pending", "seller_otp_verified = TRUE", "transfer_verified_codes_cleared"),
        ("completed", "completed_at = NULL", "transfer_completed_at"),
        ("completed", "status = 'DISPUTED'", "transfer_disputed"),
        ("completed", "dispute_reason = 'X'", "transfer_dispute"),
        ("completed", "saga = 'confirm', saga_step = 'confirm.x'", "transfer_saga_status"),
        ("pending", "saga = 'confirm', saga_step = 'confirm.x'", "transfer_saga_status"),
        ("disputed", "status = 'REVERSED'", "transfer_reversed"),
        ("disputed", "dismiss_reason = 'X'", "transfer_dismissed"),
    ],
)
def test_the_database_itself_refuses_a_transfer_that_cannot_be(
    desk: Desk, state: str, change: str, constraint: str
) -> None:
    transfer = getattr(desk, state)(desk.sold())
    with pytest.raises(IntegrityError) as refused:
        desk.sql(
            f"UPDATE transfers SET {change} WHERE transfer_id = :id", id=transfer["transfer_id"]
        )
    assert violated_constraint(refused.value) == constraint


def test_untouched_sagas_are_listed_oldest_first(desk: Desk) -> None:
    stale, older, fresh = [claimed_for(desk, saga) for saga in ("confirm", "dispute", "reverse")]
    idle = desk.completed(desk.sold())
    for transfer, minutes in ((stale, 6000), (older, 7000), (idle, 8000)):
        desk.leave_untouched(transfer, minutes)
    _, listed = desk.call("GET", f"/transfers/sagas?untouched_seconds={5000 * 60}")
    assert [one["transfer_id"] for one in listed] == [older["transfer_id"], stale["transfer_id"]]
    _, listed = desk.call("GET", f"/transfers/sagas?untouched_seconds={5000 * 60}&limit=1")
    assert listed == [desk.now(older)]
    assert fresh["transfer_id"] not in {one["transfer_id"] for one in listed}
