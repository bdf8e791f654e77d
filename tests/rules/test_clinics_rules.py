"""Who handles whom in a clinic, what an address looks like, and how a seller's standing moves, without a database."""

from itertools import product

import pytest

from marketplace.clinics.access import MANAGERS, may_handle
from marketplace.clinics.policy import ZONES, site_problem
from marketplace.clinics.states import DECISIONS, SELLER, SellerBasis, SellerEvent, SellerStanding
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.terms import STATES, ClinicRole, time_zone_of

R = ClinicRole


@pytest.mark.parametrize(("own", "other"), list(product(R, R)))
def test_owners_handle_everybody_and_managers_those_who_treat(own, other):
    allowed = own is R.OWNER or (own is R.MANAGER and other in {R.TECHNICIAN, R.PRACTITIONER})

    assert may_handle(own, other) is allowed


def test_all_of_several_roles_must_be_in_hand():
    assert may_handle(R.MANAGER, R.TECHNICIAN, R.PRACTITIONER)
    assert not may_handle(R.MANAGER, R.TECHNICIAN, R.OWNER)


def test_owners_and_managers_run_a_clinic():
    assert {R.OWNER, R.MANAGER} == MANAGERS


class TestAddress:
    def test_every_state_has_a_zone_that_a_site_can_keep(self):
        assert {time_zone_of(state) for state in STATES} <= set(ZONES)

    @pytest.mark.parametrize("postal_code", ["78701", "78701-1234"])
    def test_takes_a_zip_code(self, postal_code):
        assert site_problem(state="TX", postal_code=postal_code, time_zone="America/Chicago") is None

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"state": "ZZ"}, "state"),
            ({"state": ""}, "state"),
            ({"postal_code": "7870"}, "postal_code"),
            ({"postal_code": "78701-123"}, "postal_code"),
            ({"postal_code": "78701\n"}, "postal_code"),
            ({"postal_code": "٧٨٧٠١"}, "postal_code"),
            ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ],
    )
    def test_names_the_field_that_will_not_do(self, change, field):
        address = {"state": "TX", "postal_code": "78701", "time_zone": "America/Chicago", **change}

        assert site_problem(**address)[0] == field


class TestSeller:
    S, E = SellerStanding, SellerEvent
    LISTED = {  # noqa: RUF012  Nobody changes it.
        (S.UNVERIFIED, E.ASKED): S.IN_REVIEW,
        (S.REFUSED, E.ASKED): S.IN_REVIEW,
        (S.IN_REVIEW, E.FIRST_APPROVED): S.AWAITING_SECOND,
        (S.IN_REVIEW, E.REFUSED): S.REFUSED,
        (S.AWAITING_SECOND, E.VERIFIED): S.VERIFIED,
        (S.AWAITING_SECOND, E.REFUSED): S.REFUSED,
        (S.VERIFIED, E.SUSPENDED): S.SUSPENDED,
        (S.SUSPENDED, E.FIRST_APPROVED): S.AWAITING_SECOND,
        (S.SUSPENDED, E.REFUSED): S.REFUSED,
    }

    @pytest.mark.parametrize(("standing", "event"), list(product(SellerStanding, SellerEvent)))
    def test_a_move_is_listed_or_refused(self, standing, event):
        if (standing, event) in self.LISTED:
            assert SELLER.after(standing, event) is self.LISTED[standing, event]
        else:
            with pytest.raises(IllegalMove):
                SELLER.after(standing, event)

    def test_nobody_is_verified_without_staff_having_decided(self):
        assert {event for (_, event), after in self.LISTED.items() if after is self.S.VERIFIED} <= set(
            DECISIONS.values()
        )

    def test_everything_has_words(self):
        assert len({standing.words for standing in SellerStanding}) == len(SellerStanding)
        assert len({basis.words for basis in SellerBasis}) == len(SellerBasis)
