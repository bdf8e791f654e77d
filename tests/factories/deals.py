"""A sale on its way through the local Stripe: its payment page opened, paid by card, delivered, accepted."""

from datetime import datetime
from uuid import UUID

from marketplace.orders import service as orders
from tests.factories.orders import Scene, place_and_confirm
from tests.factories.payments import hear, onboarded, pay_page, the_payment


def opened(scene: Scene, stripe, *, at: datetime) -> UUID:
    """Order the unit of a seller who can be paid, and open the order's payment page."""
    onboarded(stripe, scene.seller_clinic.id, at=at)
    order_id = place_and_confirm(scene, at=at)
    pay_page(order_id, scene.buyer.id, at=at)
    return order_id


def paid(scene: Scene, stripe, *, at: datetime) -> UUID:
    """Order the unit and pay for it by card: its money is held."""
    order_id = opened(scene, stripe, at=at)
    stripe.pay_by_card(the_payment(order_id).checkout_id)
    hear(stripe)
    return order_id


def delivered(order_id: UUID, scene: Scene, *, at: datetime) -> None:
    """Let the unit leave its seller and arrive at its buyer."""
    orders.release_to_ship(order_id=order_id, actor_id=scene.seller.id, at=at)
    orders.dispatch(order_id=order_id, actor_id=scene.seller.id, carrier="ArcBest", tracking="1", at=at)
    signer = orders.Signer(member_id=scene.buyer.id)
    orders.report_arrival(order_id=order_id, actor_id=scene.buyer.id, signer=signer, at=at)


def accepted(order_id: UUID, scene: Scene, *, at: datetime) -> None:
    """Let the unit arrive, and its buyer accept it."""
    delivered(order_id, scene, at=at)
    orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=at)
