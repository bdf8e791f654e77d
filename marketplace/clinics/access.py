"""Who in a clinic may do what to whom: one table. Pure."""

from ..kernel.terms import ClinicRole

_R = ClinicRole

EVERY_ROLE = frozenset(ClinicRole)
MANAGERS = frozenset({_R.OWNER, _R.MANAGER})
"""Those who run the clinic: sites, invitations, what it buys and sells."""
OWNERS = frozenset({_R.OWNER})
"""Those who decide what the people who run the clinic may do alone."""

IN_THE_HANDS_OF: dict[ClinicRole, frozenset[ClinicRole]] = {
    _R.OWNER: EVERY_ROLE,
    _R.MANAGER: frozenset({_R.TECHNICIAN, _R.PRACTITIONER}),
    _R.TECHNICIAN: frozenset(),
    _R.PRACTITIONER: frozenset(),
}
"""Which roles a role may give to people, and take from them."""


def may_handle(own: ClinicRole, *roles: ClinicRole) -> bool:
    """Say whether somebody with the role `own` may give or take every one of `roles`."""
    return IN_THE_HANDS_OF[own].issuperset(roles)
