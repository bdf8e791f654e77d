"""What can be refused about an order, each with what cures it."""

from datetime import datetime
from uuid import UUID

from ..eligibility.verdict import Verdict
from ..kernel.errors import Conflict, Refused
from . import wording
from .access import Act


class NotCleared(Refused):
    """The gate said no, for reasons that the reader may know: `verdict` lists every objection with its cure."""

    code = "not_cleared"
    cure = "Each thing that stands against it is listed below, with what cures it."

    def __init__(
        self,
        verdict: Verdict,
        *,
        state_code: str,
        clinic_id: UUID,
        listing_id: UUID,
        order_id: UUID | None = None,
        decision_id: UUID | None = None,
    ) -> None:
        super().__init__("The gate does not clear this purchase at the moment.")
        self.verdict = verdict
        self.state_code = state_code
        self.clinic_id = clinic_id
        self.listing_id = listing_id
        self.order_id = order_id
        self.decision_id = decision_id


class GateMoved(Conflict):
    """Between the gate's yes and its use something that the yes rests on changed."""

    code = "gate_moved"

    def __init__(self) -> None:
        super().__init__(
            "Something that your clearance rests on changed at this very moment.",
            cure="Look at what the gate says now, and try again.",
        )


class BuyerNotCleared(Refused):
    """The gate said no, and the reasons are the buyer's own: the seller learns only that it did."""

    code = "buyer_not_cleared"
    cure = "The device stays with you. We have told the buyer what is missing; ask again when we write to you."

    def __init__(self) -> None:
        super().__init__("The buyer is not cleared at the moment.")


class OrderOnHold(Conflict):
    """Something that the order rests on was lost. It goes no further before the gate has said yes again."""

    code = "order_on_hold"

    def __init__(self) -> None:
        super().__init__(
            "This order is on hold.",
            cure="Its page says why, and what cures it. Nothing is lost: a payment that arrives stays with us.",
        )


class ChangeSettles(OrderOnHold):
    """Where the device goes, or the account of its people, was changed; whoever it belongs to has time to object."""

    code = "change_settles"

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.sentence = (
            "Where this device goes, or an account of the buying side, was changed."
            f" For safety it is not released before {wording.moment_of(until)}."
        )
        self.cure = "If the change was right there is nothing to do: the gate is asked again then, by itself."
        self.args = (self.sentence,)


class NotYourAct(Refused):
    """The person may see the order, but this is for another to do."""

    code = "not_your_act"

    def __init__(self, act: Act) -> None:
        super().__init__(_WHOSE[act])


class OwnOrder(Refused):
    """Staff move no money and no device of an order in which they have a part themselves."""

    code = "own_order"

    def __init__(self) -> None:
        super().__init__(
            "You belong, or belonged, to a clinic that buys or sells here.", cure="Leave this order to a colleague."
        )


class NotApproved(Conflict):
    """The price lies above the limit of the buying clinic, and nobody else there has approved the order yet."""

    code = "not_approved"

    def __init__(self) -> None:
        super().__init__(
            "A second person of your clinic has to approve this order before it can be paid.",
            cure="Ask an owner or manager of your clinic, other than whoever placed it, to open the order and approve.",
        )


_WHOSE = {
    Act.CONFIRM: "Only a practitioner of the buying clinic can confirm this order.",
    Act.APPROVE: "Only an owner or manager of the buying clinic who did not place this order can approve it.",
    Act.PAY: "Only the person who placed this order can pay for it.",
    Act.RETRY_CLEARANCE: "Only the person who placed this order can ask for it to be cleared again.",
    Act.RELEASE_TO_SHIP: "Only the seller can ask for the release to ship.",
    Act.DISPATCH: "Only the seller can dispatch the device.",
    Act.REPORT_ARRIVAL: "Only the person who placed this order can report its arrival.",
    Act.ACCEPT: "Only the person who placed this order can accept the device.",
    Act.CANCEL: "Only the person who placed this order, or the seller, can cancel it.",
    Act.REFUND: "Only the seller can give this payment back.",
    Act.ASK_AGAIN: "Only the buying side can ask for this order to be looked at again.",
    Act.PARTIAL_REFUND: "Only the person who placed this order, or the seller, can agree on this.",
    Act.ASK_PRACTITIONER: "Only the buying side can ask its practitioner to sign.",
}
