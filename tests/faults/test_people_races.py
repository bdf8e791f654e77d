"""Two at the same instant, on real connections: one wins, the other is told, nothing is done twice."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.accounts import addresses, confirming, factors, staffing
from marketplace.accounts import service as accounts
from marketplace.accounts.models import User, UserSession
from marketplace.accounts.tokens import LinkIsDead
from marketplace.clinics import queries, service
from marketplace.clinics.models import ClinicMember
from marketplace.clinics.queries import InvitationIsDead
from marketplace.clinics.states import SellerBasis, SellerStanding
from marketplace.extensions import db
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.terms import ClinicRole
from marketplace.notifications.models import Mail
from tests.conftest import NOON
from tests.factories.accounts import PASSWORD, make_session, make_staff, make_user
from tests.factories.clinics import make_clinic, make_invitation, make_member
from tests.factories.factors import code_of, with_second_factor
from tests.support import promised_mails

pytestmark = pytest.mark.own_database


def kinds(answers) -> list[str]:
    return sorted(type(answer).__name__ for answer in answers)


def test_one_address_registered_twice_is_one_account(own_app, at_once):
    def register():
        accounts.register(name="Dana", email="dana@clinic.example", password="nine copper kettles", at=NOON)

    assert at_once(register, register, register) == [None] * 3

    with own_app.app_context():
        assert len(db.session.scalars(select(User)).all()) == 1
        assert sorted(db.session.scalars(select(Mail.template))) == ["address_taken", "address_taken", "confirm_email"]


def test_one_link_used_twice_serves_once(own_app, at_once):
    with own_app.app_context():
        user_id = make_user(confirmed=False).id
        accounts.request_email_confirmation(user_id=user_id, at=NOON)
        token = db.session.scalars(select(Mail)).one().context["token"]

    answers = at_once(*[lambda: accounts.confirm_email(token=token, at=NOON)] * 4)

    assert kinds(answers) == ["LinkIsDead"] * 3 + ["UUID"]
    assert any(isinstance(answer, LinkIsDead) for answer in answers)


def test_one_code_at_the_same_instant_opens_one_session(own_app, at_once):
    with own_app.app_context():
        user = make_user()
        telephone = with_second_factor(user, at=NOON - timedelta(minutes=10))
        token = accounts.sign_in(email=user.email, password=PASSWORD, at=NOON).token
        _, one = make_session(user, at=NOON)
        _, other = make_session(user, at=NOON)
        user_id, ids = user.id, (one.id, other.id)
    code, recovery = code_of(telephone.secret, NOON), telephone.codes[0]

    def confirm(session_id, with_code):
        return lambda: confirming.confirm(
            user_id=user_id, session_id=session_id, password=PASSWORD, code=with_code, at=NOON + timedelta(seconds=1)
        )

    def finish():
        accounts.finish_sign_in(token=token, code=code, at=NOON)

    for one_code in (code, recovery):
        answers = at_once(confirm(ids[0], one_code), confirm(ids[1], one_code), confirm(ids[1], one_code), finish)
        assert [answer for answer in answers if answer is None] == [None]

    with own_app.app_context():
        assert factors.recovery_codes_left(user_id) == 9


def test_signing_in_and_being_disabled_at_once_leaves_no_living_session(own_app, at_once):
    for _ in range(5):
        with own_app.app_context():
            admin, user = make_staff("admin"), make_user()
            admin_id, user_id, email = admin.id, user.id, user.email

        at_once(
            lambda: accounts.sign_in(email=email, password="seven ruby lanterns", at=NOON),  # noqa: B023  Done with before the next turn.
            lambda: staffing.disable(user_id=user_id, actor_id=admin_id, reason="Fraud.", at=NOON),  # noqa: B023  Done with before the next turn.
        )

        with own_app.app_context():
            living = select(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
            assert db.session.scalars(living).all() == []


def test_ending_a_session_while_it_is_seen_ends_it(own_app, at_once):
    later = NOON + timedelta(minutes=5)
    for _ in range(5):
        with own_app.app_context():
            token, session = make_session(make_user(), at=NOON)
            user_id, session_id = session.user_id, session.id

        at_once(
            *[lambda: accounts.identity_of(token=token, at=later)] * 3,  # noqa: B023  Done with before the next turn.
            lambda: accounts.end_session(user_id=user_id, session_id=session_id, at=later),  # noqa: B023  Done with before the next turn.
        )

        with own_app.app_context():
            assert accounts.identity_of(token=token, at=later) is None


def test_two_who_change_to_one_address_and_one_who_registers_it_are_one_who_has_it(own_app, at_once):
    with own_app.app_context():
        people = [make_user().id for _ in range(2)]
        links = []
        for user_id in people:
            addresses.ask(user_id=user_id, email="wanted@clinic.example", at=NOON)
            links.append(promised_mails(Mail.template == "email_change_link")[-1].context["token"])

    def move(one):
        addresses.move(token=links[one], user_id=people[one], session_id=people[one], at=NOON)

    def register():
        accounts.register(name="Dana", email="wanted@clinic.example", password="nine copper kettles", at=NOON)

    answers = at_once(lambda: move(0), lambda: move(0), lambda: move(1), register)

    with own_app.app_context():
        assert len(db.session.scalars(select(User).where(User.email == "wanted@clinic.example")).all()) == 1
    assert set(kinds(answers)) <= {"AddressTaken", "LinkIsDead", "NoneType"}


def test_an_address_that_is_left_and_registered_at_one_instant_is_kept_for_who_left(own_app, at_once):
    with own_app.app_context():
        user_id = make_user(email="left@clinic.example").id
        addresses.ask(user_id=user_id, email="new@clinic.example", at=NOON)
        link = promised_mails(Mail.template == "email_change_link")[-1].context["token"]

    def register():
        accounts.register(name="Squatter", email="left@clinic.example", password="nine copper kettles", at=NOON)

    assert (
        at_once(
            register,
            lambda: addresses.move(token=link, user_id=user_id, session_id=user_id, at=NOON),
            register,
        )
        == [None] * 3
    )

    with own_app.app_context():
        assert db.session.scalars(select(User.email)).all() == ["new@clinic.example"]


def test_two_owners_removing_each_other_leave_one(own_app, at_once):
    for _ in range(5):
        with own_app.app_context():
            one, two = make_user(), make_user()
            clinic = make_clinic(owner=one)
            make_member(clinic=clinic, user=two, role=ClinicRole.OWNER)
            clinic_id, one_id, two_id = clinic.id, one.id, two.id

        at_once(
            lambda: service.remove_member(clinic_id=clinic_id, actor_id=one_id, user_id=two_id, at=NOON),  # noqa: B023  Done with before the next turn.
            lambda: service.remove_member(clinic_id=clinic_id, actor_id=two_id, user_id=one_id, at=NOON),  # noqa: B023  Done with before the next turn.
        )

        with own_app.app_context():
            assert [member.role for member in queries.members_of(clinic_id)] == [ClinicRole.OWNER]


def test_one_invitation_accepted_twice_is_one_membership(own_app, at_once):
    with own_app.app_context():
        user = make_user()
        token, _ = make_invitation(clinic=make_clinic(), email=user.email, at=NOON)
        user_id = user.id

    answers = at_once(*[lambda: service.accept_invitation(token=token, user_id=user_id, at=NOON)] * 4)

    assert kinds(answers) == ["InvitationIsDead"] * 3 + ["UUID"]
    assert any(isinstance(answer, InvitationIsDead) for answer in answers)
    with own_app.app_context():
        assert len(db.session.scalars(select(ClinicMember).where(ClinicMember.user_id == user_id)).all()) == 1


def test_two_verifiers_deciding_at_once_decide_once(own_app, at_once):
    with own_app.app_context():
        clinic_id = make_clinic(
            seller_standing=SellerStanding.IN_REVIEW, seller_basis=SellerBasis.PRACTICE, seller_statement="x",
            seller_asked_at=NOON,
        ).id  # fmt: skip
        verifiers = [make_staff().id, make_staff().id]

    def decide(actor_id, standing):
        return lambda: service.decide_seller_standing(
            clinic_id=clinic_id, actor_id=actor_id, standing=standing, evidence="Seen.", reason="So.", at=NOON
        )

    answers = at_once(decide(verifiers[0], SellerStanding.VERIFIED), decide(verifiers[1], SellerStanding.REFUSED))

    assert kinds(answers) == ["IllegalMove", "NoneType"]
    assert any(isinstance(answer, IllegalMove) for answer in answers)
    with own_app.app_context():
        assert len(db.session.scalars(select(Mail)).all()) == 1
