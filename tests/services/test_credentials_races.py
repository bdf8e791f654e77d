"""Two at the same instant, on real connections: one wins, the other is told so."""

from datetime import timedelta
from functools import partial
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select

from marketplace.credentials import service
from marketplace.credentials.models import Credential, CredentialMove, RiskSignal
from marketplace.credentials.policy import Claim
from marketplace.credentials.refusals import AlreadyClaimed, AlreadySubmitted, MovedMeanwhile, NumberStandsElsewhere
from marketplace.credentials.states import CredentialEvent
from marketplace.documents import contents, isolation
from marketplace.extensions import db
from marketplace.kernel.machine import IllegalMove
from tests.factories.accounts import make_staff, make_user
from tests.factories.credentials import make_check, make_credential, make_type
from tests.factories.documents import picture
from tests.patience import PATIENCE, let_end

pytestmark = pytest.mark.own_database
ROUNDS = 10


def together(app, *acts) -> list[Exception | None]:
    """Do every act in a thread and a connection of its own, at the same instant; return how each ended."""
    barrier, ends = Barrier(len(acts)), [None] * len(acts)

    def run(position, act):
        with app.app_context():
            barrier.wait(PATIENCE)
            try:
                act()
            except Exception as end:  # noqa: BLE001  Whatever it is, the test looks at it.
                ends[position] = end
            finally:
                db.session.remove()

    threads = [Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    let_end(*threads)
    return ends


def test_two_verifiers_take_one_case_and_one_has_it(own_app, now):
    with own_app.app_context():
        ann, ben = make_staff().id, make_staff().id
        cases = [make_credential(state="submitted").id for _ in range(ROUNDS)]
    for case in cases:
        ends = together(
            own_app,
            partial(service.claim, credential_id=case, actor_id=ann, at=now),
            partial(service.claim, credential_id=case, actor_id=ben, at=now),
        )
        assert ends.count(None) == 1
        [told] = [end for end in ends if end is not None]
        assert isinstance(told, (AlreadyClaimed, MovedMeanwhile))
        with own_app.app_context():
            assert db.session.get(Credential, case).claimed_by == (ann, ben)[ends.index(None)]
            assert moves(case, CredentialEvent.CLAIMED) == 1


def test_a_decision_and_a_withdrawal_at_once_leave_one_of_them(own_app, now):
    with own_app.app_context():
        dana, ann = make_user(), make_staff()
        cases = [
            make_credential(holder=dana, state="in_review", verifier=ann, at=now - timedelta(days=1))
            for _ in range(ROUNDS)
        ]
        for case in cases:
            make_check(case, verifier=ann, retrieved_at=now)
        dana, ann, cases = dana.id, ann.id, [case.id for case in cases]
    for case in cases:
        ends = together(
            own_app,
            partial(service.verify, credential_id=case, actor_id=ann, at=now),
            partial(service.withdraw, credential_id=case, actor_id=dana, at=now),
        )
        assert ends.count(None) == 1
        [told] = [end for end in ends if end is not None]
        assert isinstance(told, (MovedMeanwhile, IllegalMove)) or told.code == "credential_not_claimed"
        with own_app.app_context():
            assert moves(case, CredentialEvent.VERIFIED) + moves(case, CredentialEvent.WITHDRAWN) == 1


def test_two_people_submit_one_number_and_both_are_doubted(own_app, now, monkeypatch):
    monkeypatch.setattr(isolation, "cleaned", contents.cleaned)
    with own_app.app_context():
        make_type("RN")
        ann, ben = make_user(name="A Name").id, make_user(name="A Name").id

    def submit(actor_id, number):
        claim = Claim("RN", "TX", number, "A Name", expires_on=now.date())
        scan = (f"{number}.png", picture(size=(9, 1 + (actor_id == ann))))
        service.submit(actor_id=actor_id, claim=claim, files=[scan], at=now)

    for number in map(str, range(ROUNDS)):
        ends = together(own_app, partial(submit, ann, number), partial(submit, ben, number))
        assert ends == [None, None]
        with own_app.app_context():
            ids = set(db.session.scalars(select(Credential.id).where(Credential.number == number)))
            raised = select(RiskSignal.credential_id, RiskSignal.other_id).where(
                RiskSignal.kind == "number_elsewhere", RiskSignal.credential_id.in_(ids)
            )
            assert len(ids) == 2
            assert {frozenset(pair) for pair in db.session.execute(raised)} == {frozenset(ids)}
            assert {one for one, _ in db.session.execute(raised)} == ids


def test_two_verifiers_decide_on_one_number_and_one_entry_stands(own_app, now):
    with own_app.app_context():
        verifiers = [make_staff() for _ in range(2)]
        pairs = [
            [make_credential(number=f"N{number}", state="in_review", verifier=verifier) for verifier in verifiers]
            for number in range(ROUNDS)
        ]
        for pair in pairs:
            for case, verifier in zip(pair, verifiers, strict=True):
                make_check(case, verifier=verifier, retrieved_at=now)
        ids = [verifier.id for verifier in verifiers]
        pairs = [[case.id for case in pair] for pair in pairs]
    for pair in pairs:
        ends = together(
            own_app,
            *(
                partial(service.verify, credential_id=case, actor_id=verifier, at=now)
                for case, verifier in zip(pair, ids, strict=True)
            ),
        )
        assert [type(end) for end in ends if isinstance(end, Exception)] == [NumberStandsElsewhere]
        with own_app.app_context():
            assert sum(moves(case, CredentialEvent.VERIFIED) for case in pair) == 1


def test_one_person_presses_twice_and_submits_once(own_app, now, monkeypatch):
    monkeypatch.setattr(isolation, "cleaned", contents.cleaned)
    with own_app.app_context():
        make_type("RN")
        ann = make_user().id

    def submit():
        claim = Claim("RN", "TX", "77", "A Name", expires_on=now.date())
        service.submit(actor_id=ann, claim=claim, files=[("a.png", picture())], at=now)

    ends = together(own_app, submit, submit)

    assert sorted(type(end).__name__ for end in ends) == [AlreadySubmitted.__name__, "NoneType"]
    with own_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Credential)) == 1


def moves(credential_id, event) -> int:
    return db.session.scalar(
        select(func.count())
        .select_from(CredentialMove)
        .where(CredentialMove.credential_id == credential_id, CredentialMove.event == event)
    )
