"""Who may do what to an order when: one table, from which pages draw their buttons. Pure."""

from enum import StrEnum

from .states import ORDER, STOPPED_BY_A_HOLD, UNSHIPPED, OrderEvent, OrderState


class Party(StrEnum):
    """What a person is to an order."""

    BUYER = "buyer"
    OPERATOR = "operator"
    BUYING_CLINIC = "buying_clinic"  # its owner and managers
    SECOND_PERSON = "second_person"  # of those, whoever did not place the order
    PRACTITIONER = "practitioner"  # of the buying clinic
    SELLER = "seller"  # owner and managers of the selling clinic
    FINANCE = "finance"


class Act(StrEnum):
    """What a person does to an order."""

    CONFIRM = "confirm"
    APPROVE = "approve"
    PAY = "pay"
    RETRY_CLEARANCE = "retry_clearance"
    RELEASE_TO_SHIP = "release_to_ship"
    DISPATCH = "dispatch"
    REPORT_ARRIVAL = "report_arrival"
    ACCEPT = "accept"
    CANCEL = "cancel"
    REFUND = "refund"
    ASK_AGAIN = "ask_again"
    ASK_PRACTITIONER = "ask_practitioner"
    PARTIAL_REFUND = "partial_refund"


_P, _E = Party, OrderEvent

ACTS: dict[Act, tuple[OrderEvent, frozenset[Party]]] = {
    Act.CONFIRM: (_E.CONFIRMED, frozenset({_P.PRACTITIONER})),
    Act.PAY: (_E.PAYMENT_STARTED, frozenset({_P.BUYER})),
    Act.RETRY_CLEARANCE: (_E.CLEARED, frozenset({_P.BUYER})),
    Act.RELEASE_TO_SHIP: (_E.SHIP_RELEASED, frozenset({_P.SELLER})),
    Act.DISPATCH: (_E.DISPATCHED, frozenset({_P.SELLER})),
    Act.REPORT_ARRIVAL: (_E.DELIVERED, frozenset({_P.BUYER, _P.FINANCE})),
    Act.ACCEPT: (_E.ACCEPTED, frozenset({_P.BUYER})),
    Act.CANCEL: (_E.CANCELLED, frozenset({_P.BUYER, _P.SELLER})),
    Act.REFUND: (_E.REFUND_STARTED, frozenset({_P.SELLER, _P.FINANCE})),
}
"""Each act that moves an order, the event that it brings about, and whose it is."""

ASKING_AGAIN = frozenset({_P.BUYER, _P.BUYING_CLINIC, _P.FINANCE})
"""Who may ask the gate again about an order on hold. That moves nothing by itself."""

ASKING_THE_PRACTITIONER = frozenset({_P.BUYER, _P.BUYING_CLINIC})
"""Who may mail a practitioner of the clinic a link to sign. That moves nothing by itself either."""

APPROVING = frozenset({_P.SECOND_PERSON})
"""Who may approve an order above the limit of its clinic. It can be paid then; by itself that moves nothing."""

GIVING_A_PART_BACK = frozenset({_P.BUYER, _P.SELLER, _P.FINANCE})
"""Who may see to it that a part of the price goes back: the sides by agreeing, finance by deciding."""

_MOVING_NOTHING = {
    Act.APPROVE: APPROVING,
    Act.ASK_AGAIN: ASKING_AGAIN,
    Act.ASK_PRACTITIONER: ASKING_THE_PRACTITIONER,
    Act.PARTIAL_REFUND: GIVING_A_PART_BACK,
}

_S = OrderState

_SELLER_KNOWS_THE_BUYER = frozenset(
    {_S.FUNDS_HELD, _S.RELEASED_TO_SHIP, _S.IN_TRANSIT, _S.UNDER_INSPECTION, _S.ACCEPTED, _S.SETTLED}
)
_BUYER_KNOWS_THE_SERIAL = _SELLER_KNOWS_THE_BUYER | {_S.HELD_NOT_CLEARED}


def acts_of(
    state: OrderState, parties: frozenset[Party], *, held: bool = False, unapproved: bool = False
) -> tuple[Act, ...]:
    """
    Return what a person can do now, in the order of the table; a hold closes some and opens the asking again.

    What is `unapproved` is not paid: the second person of the clinic approves it first.
    """
    acts = tuple(
        act
        for act, (event, whose) in ACTS.items()
        if ORDER.allows(state, event)
        and not whose.isdisjoint(parties)
        and not (held and stopped_by_a_hold(act))
        and not (unapproved and act is Act.PAY)
    )
    if unapproved and not held and can_be_approved(state) and may(Act.APPROVE, parties):
        acts = (Act.APPROVE, *acts)
    asks = held and state in UNSHIPPED and not ASKING_AGAIN.isdisjoint(parties)
    return (*acts, Act.ASK_AGAIN) if asks else acts


def can_be_approved(state: OrderState) -> bool:
    """Say whether this is the time for the second person's word: the practitioner has signed, nothing is paid."""
    return ORDER.allows(state, OrderEvent.PAYMENT_STARTED)


def stopped_by_a_hold(act: Act) -> bool:
    """Say whether the act waits until the order's holds are lifted. Nobody pays for what may not reach them."""
    return act is Act.PAY or event_of(act) in STOPPED_BY_A_HOLD


def event_of(act: Act) -> OrderEvent:
    """Return the event that the act brings about."""
    return ACTS[act][0]


def may(act: Act, parties: frozenset[Party]) -> bool:
    """Say whether the act is this person's at all, whenever its time is."""
    whose = _MOVING_NOTHING[act] if act in _MOVING_NOTHING else ACTS[act][1]
    return not whose.isdisjoint(parties)


def may_know_the_buyer(state: OrderState, parties: frozenset[Party]) -> bool:
    """Say whether a person may see which clinic buys, for which site: the seller only once the money is held."""
    return state in _SELLER_KNOWS_THE_BUYER or bool(parties - {Party.SELLER})


def may_know_the_serial(state: OrderState, parties: frozenset[Party]) -> bool:
    """Say whether a person may see the serial number: the buying side once it paid, its practitioner to order by it."""
    return state in _BUYER_KNOWS_THE_SERIAL or not parties.isdisjoint({Party.SELLER, Party.PRACTITIONER, Party.FINANCE})
