"""Sellers' accounts with the payment provider: opened once, asked again whenever it matters."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from .. import audit, queue
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import NotFound
from . import ports
from .models import IntentKind, IntentState, MoneyIntent, Payment, SellerAccount
from .ports import PaymentGateway


class NoSellerAccount(NotFound):
    """The clinic has yet to open an account to be paid on."""

    code = "no_seller_account"
    cure = "Open the account first: it takes a few minutes with the payment provider."

    def __init__(self) -> None:
        super().__init__("This clinic has no account to be paid on yet.")


def open_seller_account(*, clinic_id: UUID, email: str, name: str, actor_id: UUID, at: datetime) -> None:
    """
    Open the clinic's account with the payment provider, if it has none.

    :raises GatewayError: the provider said no or nothing; a second call is harmless
    """
    with unit_of_work() as session:
        session.execute(
            insert(SellerAccount)
            .values(clinic_id=clinic_id, payable=False, created_at=at)
            .on_conflict_do_nothing(index_elements=[SellerAccount.clinic_id])
        )
        account = session.scalars(select(SellerAccount).where(SellerAccount.clinic_id == clinic_id)).one()
        if account.reference is not None:
            return
        account_id = account.id
    # Who opens it is part of the key: a colleague's second try is another question to the provider.
    asked_by = sha256(f"{email}|{name}".encode()).hexdigest()[:16]
    seen = adapter_of(PaymentGateway).create_seller_account(
        clinic_id=clinic_id, email=email, name=name, country="US", key=f"seller:{account_id}:{asked_by}"
    )
    with unit_of_work() as session:
        account = session.get_one(SellerAccount, account_id, with_for_update=True)
        if account.reference is None:
            account.reference = seen.account_id
            _note(account, seen, at=at)
            audit.record(
                "seller_account:opened",
                actor_id=actor_id,
                subject_type="clinic",
                subject_id=clinic_id,
                at=at,
                reference=seen.account_id,
            )


def onboarding_link(*, clinic_id: UUID, return_url: str, refresh_url: str) -> str:
    """
    Return an address where the seller answers the provider's questions: it works once, and not for long.

    :raises NoSellerAccount: the account has to be opened first
    :raises GatewayError: the provider could not be asked
    """
    reference = _reference_of(clinic_id)
    link = adapter_of(PaymentGateway).onboarding_link(
        account_id=reference, return_url=return_url, refresh_url=refresh_url
    )
    return link.url


def refresh_seller_account(*, clinic_id: UUID, at: datetime) -> bool:
    """
    Ask the provider about the clinic's account and return whether it can be paid.

    :raises NoSellerAccount: there is none
    :raises GatewayError: the provider could not be asked
    """
    return refresh_by_reference(reference=_reference_of(clinic_id), at=at)


def refresh_by_reference(*, reference: str, at: datetime) -> bool:
    """
    Ask the provider about one of its accounts and return whether it can be paid; what waited for that goes on.

    :raises NoSellerAccount: the account is not one of ours
    :raises GatewayError: the provider could not be asked
    """
    seen = adapter_of(PaymentGateway).get_seller_account(reference)
    with unit_of_work() as session:
        account = session.scalars(
            select(SellerAccount).where(SellerAccount.reference == reference).with_for_update()
        ).one_or_none()
        if account is None:
            raise NoSellerAccount
        _note(account, seen, at=at)
    return seen.payable


def _reference_of(clinic_id: UUID) -> str:
    with unit_of_work() as session:
        reference = session.scalar(select(SellerAccount.reference).where(SellerAccount.clinic_id == clinic_id))
    if reference is None:
        raise NoSellerAccount
    return reference


def _note(account: SellerAccount, seen: ports.SellerAccount, *, at: datetime) -> None:
    changed = account.payable is not seen.payable
    account.payable, account.reason, account.checked_at = seen.payable, seen.reason, at
    if changed and seen.payable:
        _resume_releases_of(account.clinic_id, at=at)
    if changed:
        # The audit trail's lock comes last everywhere, or two of us could wait for each other.
        audit.record(
            f"seller_account:{'payable' if seen.payable else 'not_payable'}",
            actor_id=None,
            subject_type="clinic",
            subject_id=account.clinic_id,
            at=at,
            reason=seen.reason,
        )


def _resume_releases_of(clinic_id: UUID, *, at: datetime) -> None:
    blocked = db.session.scalars(
        select(MoneyIntent)
        .join(Payment, Payment.id == MoneyIntent.payment_id)
        .where(
            Payment.payee_clinic_id == clinic_id,
            MoneyIntent.kind == IntentKind.RELEASE,
            MoneyIntent.state == IntentState.BLOCKED,
        )
        .with_for_update(of=MoneyIntent)
    )
    for intent in blocked:
        intent.state, intent.next_try_at = IntentState.PENDING, at
        queue.promise("run_money_intent", lock=f"intent:{intent.id}", intent_id=str(intent.id))
