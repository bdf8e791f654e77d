"""What is asked of whoever proposes something about an order's money, and in which words it is shown."""

from collections.abc import Iterable

from wtforms import RadioField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...payments.states import DecisionKind, DecisionState, DeviceIs
from ..forms import Form
from ..options import options

KINDS = {
    DecisionKind.LIFT: "Let the payment go on",
    DecisionKind.GIVE_BACK: "Give it back, although the device has left",
    DecisionKind.RELEASE: "Pay the seller, although the buyer has not accepted",
}
STATES = {
    DecisionState.OPEN: ("not_yet", "waits for a second person"),
    DecisionState.APPROVED: ("yes", "approved"),
    DecisionState.DECLINED: ("quiet", "declined"),
    DecisionState.WITHDRAWN: ("quiet", "withdrawn"),
}
DEVICES = {DeviceIs.WITH_SELLER: "Back with the seller", DeviceIs.WITH_BUYER: "Not back with the seller"}


class ProposalForm(Form):
    """Why, and what was looked at."""

    reason = TextAreaField("Why", validators=[InputRequired("Write a sentence."), Length(max=1000)])
    evidence = TextAreaField(
        "What you looked at", validators=[InputRequired("Write what you looked at, and where."), Length(max=1000)]
    )


class GiveBackForm(ProposalForm):
    """The same, and where the device is."""

    device = RadioField(
        "Where is the device?",
        choices=options(DEVICES.items()),
        validators=[InputRequired("Say where the device is.")],
    )


def empty_forms(kinds: Iterable[DecisionKind]) -> dict[DecisionKind, ProposalForm]:
    """Return an empty form for each thing that can be proposed."""
    return {kind: form_of(kind)(prefix=kind.value, formdata=None) for kind in kinds}


def form_of(kind: DecisionKind) -> type[ProposalForm]:
    """Return what is asked of whoever proposes this."""
    return GiveBackForm if kind is DecisionKind.GIVE_BACK else ProposalForm
