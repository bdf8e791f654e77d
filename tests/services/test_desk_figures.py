"""The figures of the desk and of the way from a refusal to its cure, counted exactly."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from marketplace.credentials import service
from marketplace.credentials.figures import PERIOD, desk_figures
from marketplace.credentials.states import CredentialState
from marketplace.eligibility import figures
from marketplace.eligibility.figures import Answer, Funnel, counted, funnel
from marketplace.eligibility.models import EligibilityDecision
from marketplace.extensions import db
from marketplace.orders.placing import NotCleared
from tests.factories.accounts import make_staff
from tests.factories.credentials import make_credential
from tests.factories.orders import make_scene, place
from tests.support import count_statements

_S = CredentialState
FRIDAY = datetime(2026, 6, 5, 15, tzinfo=UTC)
MONDAY = FRIDAY + timedelta(days=3)
ANN, BEN, ONE, TWO, THREE = (UUID(int=number) for number in range(5))
HOUR = timedelta(hours=1)


class TestTheDesk:
    def test_knows_nothing_of_an_empty_house(self):
        found = desk_figures(at=MONDAY)
        assert (found.waiting, found.late, found.decided, found.in_time, found.median_days) == (0, 0, 0, 0, None)
        assert len(found.days) == PERIOD.days + 1
        assert found.refusals == ()

    def test_counts_what_waits_by_working_days(self):
        for hours, state in ((1, "submitted"), (70, "in_review"), (71, "needs_info"), (24 * 14, "awaiting_second")):
            make_credential(type_code="RN", state=state, at=MONDAY - hours * HOUR)
        found = desk_figures(at=MONDAY)
        assert [number for _, number in found.ages] == [2, 0, 0, 1]
        assert (found.waiting, found.late) == (3, 1)

    def test_counts_decisions_by_day_reason_and_speed(self):
        make_credential(at=FRIDAY)  # verified an hour later
        make_credential(state="rejected", at=FRIDAY)
        make_credential(state="needs_info", at=FRIDAY)
        make_credential(at=MONDAY - PERIOD - timedelta(days=1))
        found = desk_figures(at=MONDAY)
        [day] = [day for day in found.days if (day.verified, day.rejected, day.asked) != (0, 0, 0)]
        assert (day.day, day.verified, day.rejected, day.asked) == (FRIDAY.date(), 1, 1, 1)
        assert found.refusals == (("Decided before reasons were kept as codes.", 1),)
        assert (found.decided, found.in_time) == (2, 2)
        assert found.median_days == pytest.approx(1 / 24)

    def test_asks_two_statements(self):
        with count_statements() as sent:
            desk_figures(at=MONDAY)
        assert len(sent) == 2


def answer(who, device, *codes, hours=0, uses=()) -> Answer:
    return Answer(who, device, tuple(uses), not codes, FRIDAY + hours * HOUR, codes)


class TestTheFunnel:
    def test_counts_a_purchase_once_with_its_first_reasons(self):
        answers = [answer(ANN, ONE, "EXPIRED", "EXPIRED"), answer(ANN, ONE, "IN_REVIEW", hours=1)]
        assert counted(answers, []) == Funnel(1, 0, 0, 0, (("EXPIRED", 1, 0),))

    def test_is_cured_by_the_same_person_for_the_same_device_or_use_later(self):
        refused = [answer(ANN, ONE, "EXPIRED", uses=("HAIR",)), answer(BEN, ONE, "NO_CREDENTIAL")]
        assert counted([answer(ANN, ONE), *refused], []).cleared == 0
        assert counted([*refused, answer(ANN, TWO, uses=("TATTOO",))], []).cleared == 0
        assert counted([*refused, answer(ANN, TWO)], []).cleared == 0
        for cure in (answer(ANN, ONE, hours=2), answer(ANN, TWO, hours=2, uses=("HAIR",))):
            assert counted([*refused, cure], []) == Funnel(2, 0, 0, 1, (("EXPIRED", 1, 1), ("NO_CREDENTIAL", 1, 0)))

    def test_follows_what_was_handed_in_after_the_refusal(self):
        refused = [answer(ANN, ONE, "EXPIRED"), answer(BEN, ONE, "NO_CREDENTIAL")]
        papers = [(ANN, FRIDAY + HOUR, _S.VERIFIED), (BEN, FRIDAY + HOUR, _S.REJECTED)]
        found = counted(refused, papers)
        assert (found.handed_in, found.verified) == (2, 1)
        assert counted(refused, [(who, FRIDAY, state) for who, _, state in papers]).handed_in == 0

    def test_a_refusal_after_the_cure_is_not_cured_by_it(self):
        answers = [
            answer(ANN, ONE, "EXPIRED", uses=("HAIR",)),
            answer(ANN, TWO, hours=1, uses=("HAIR",)),
            answer(ANN, THREE, "EXPIRED", hours=2, uses=("HAIR",)),
            answer(ANN, ONE, hours=3),
        ]
        assert counted(answers, []).cleared == 1
        assert counted([*answers, answer(ANN, ONE, hours=4, uses=("HAIR",))], []).cleared == 2

    def test_the_last_that_came_counts(self):
        papers = [(ANN, FRIDAY + HOUR, _S.VERIFIED), (ANN, FRIDAY - HOUR, _S.VERIFIED), (ANN, FRIDAY, _S.REJECTED)]
        found = counted([answer(ANN, ONE, "EXPIRED")], papers)
        assert (found.handed_in, found.verified) == (1, 1)

    def test_looks_at_each_answer_once(self):
        """Else every yes looks at every refusal again, and the page takes minutes in a house of some size."""
        looked = Counter()

        class Seen(Answer):
            def __getattribute__(self, name):
                looked[name] += 1
                return super().__getattribute__(name)

        def answers(number):
            people = [UUID(int=100 + one) for one in range(number)]
            return [
                *(Seen(who, ONE, ("HAIR",), False, FRIDAY, ("EXPIRED",)) for who in people),
                *(Seen(who, TWO, ("HAIR",), True, FRIDAY + HOUR, ()) for who in people),
            ]

        counts = []
        for number in (10, 100):
            looked.clear()
            assert counted(answers(number), []).cleared == number
            counts.append(looked["buyer_id"])
        assert counts[1] == 10 * counts[0]

    def test_reads_the_answers_that_were_kept(self, now):
        scene = make_scene(now)
        buyer, listing = scene.buyer.id, scene.listing.id
        service.suspend(credential_id=scene.licence.id, actor_id=make_staff().id, words="Lapsed.", at=now)
        with pytest.raises(NotCleared):
            place(scene, at=now)
        make_credential(holder=scene.buyer, number="LHR-2", at=now + HOUR, verified_at=now + HOUR)

        found = funnel(at=now)

        assert (found.refused, found.handed_in, found.verified, found.cleared) == (1, 1, 1, 0)
        assert found.reasons == (("SUSPENDED", 1, 0),)
        assert [(kept.buyer_id, kept.listing_id) for kept in db.session.scalars(select(EligibilityDecision))] == [
            (buyer, listing)
        ]
        assert funnel(at=now + figures.PERIOD + HOUR) == Funnel(0, 0, 0, 0, ())
