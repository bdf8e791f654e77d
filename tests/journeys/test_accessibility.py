"""Every page, for whom it is: no violation axe can find, light and dark, on a desk and on a phone, and nothing sticks out."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from sqlalchemy import select

from marketplace.accounts import service as accounts
from marketplace.accounts.models import User
from marketplace.clinics import service as clinics
from marketplace.credentials import service as credentials
from marketplace.credentials.asking import Address
from marketplace.credentials.models import Credential
from marketplace.credentials.policy import AddressFrom, Asked
from marketplace.eligibility import editing, publishing, reviews
from marketplace.eligibility.models import GateReceipt
from marketplace.extensions import db, unit_of_work
from marketplace.inspections import service as inspections
from marketplace.inspections.states import InspectionKind
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.leads import service as leads
from marketplace.leads.service import HandedIn
from marketplace.leads.states import LeadKind
from marketplace.listings import counting
from marketplace.listings import queries as listing_queries
from marketplace.listings import service as listings
from marketplace.listings.models import ConsoleCounter, Handpiece, Listing
from marketplace.listings.possible import Counter
from marketplace.listings.search import Wanted
from marketplace.listings.terms import CounterDirection, CounterUnit
from marketplace.orders import offering
from marketplace.orders import service as orders
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from marketplace.partners import asking, sharing
from marketplace.partners import receipts as receipts_of_partners
from marketplace.partners import service as partners
from marketplace.partners.asked import Question
from marketplace.partners.models import SharingCode
from marketplace.questions import service as questions
from marketplace.registers.models import RegisterSnapshot
from marketplace.reviews import service as reviews_of_sellers
from marketplace.sheets import service as sheets
from marketplace.wants import matching
from marketplace.wants import service as wants
from marketplace.wants.service import Said
from marketplace.watching import service as watching
from marketplace.watching.models import Cadence, Watch
from tests.factories.catalog import real_model
from tests.factories.recalls import make_recall
from tests.factories.registers import make_finding, make_snapshot
from tests.journeys.axe import LOOKS, THOROUGH, looked_at
from tests.journeys.house import House

HAIR = ("Lumenis", "LightSheer Duet", "DIODE_HR")
HAIR_REMOVAL = ProcedureClass.HAIR_NONABLATIVE
NOT_PAGES = {
    "bootstrap.static": "a file",
    "browse.photo": "a picture",
    "account.sign_in_code": "only after a password, seen by the journey of the second factor",
    "account.disown": "seen by the journey of the second factor",
    "own_address.move": "its link is mailed, seen by the journey of the second factor",
    "own_address.object_to": "its link is mailed, seen by the journey of the second factor",
    "reports.paper": "a file",
    "reports.pdf": "a file",
    "inspections.pdf": "a file",
    "liens.paper": "a file",
    "staff_liens.paper": "a file",
    "selling.paper": "a file",
    "staff_listings.paper": "a file",
    "credentials.document": "a file",
    "health.alive": "for machines",
    "health.ready": "for machines",
    "receipts.pdf": "a file",
    "eligibility.contract": "a file",
    "eligibility.badge": "a picture",
    "payment_receipts.pdf": "a file",
    "payouts.pdf": "a file",
    "payouts.table": "a file",
    "rules.vectors_file": "a file",
    "browse.suggestions": "words for a script",
    "crawling.feed": "a file",
    "crawling.robots": "a file",
    "crawling.sitemap": "a file",
    "crawling.sitemap_pages": "a file",
    "crawling.sitemap_units": "a file",
    "guide.sold_file": "a file",
    "selling.export_csv": "a file",
    "selling.export_json": "a file",
    "selling.template": "a file",
    "selling.to_repair": "a file",
    "rules.vectors_table": "a file",
    "sales.account_answered": "leads on to the sales",
    "staff_audit.export": "a file",
    "staff_audit.whole": "a file",
    "staff_finance.days_csv": "a file",
    "staff_credentials.document": "a file",
    "staff_credentials.page": "a picture",
    "staff_figures.sheet": "a file",
    "staff_simulations.table": "a file",
    "staff_recall_releases.paper": "a file",
    "static": "a file",
}


@pytest.fixture(scope="module")
def lived(house: House) -> Iterator[dict[str, Any]]:
    """What the addresses need: something of everything."""
    people = house.stage.people
    ids: dict[str, Any] = {
        "listing": house.offer(*HAIR),
        "platform": house.offer("Lumenis", "M22", "IPL", "ER_GLASS_FRAC", price=39_000),
        "draft": house.draft(*HAIR),
        "in_review": house.draft(*HAIR),
        "clinic": house.stage.clinics["lone_star"],
        "seller_clinic": house.stage.clinics["sonoran"],
        "site": house.stage.sites["lone_star"],
        "member": people["Priya Nair"],
        "address": house.email("Dana Reyes"),
    }
    _talk(house, ids)
    for state in (
        OrderState.AWAITING_PRACTITIONER,
        OrderState.AWAITING_PAYMENT,
        OrderState.FUNDS_HELD,
        OrderState.RELEASED_TO_SHIP,
        OrderState.IN_TRANSIT,
        OrderState.UNDER_INSPECTION,
        OrderState.ACCEPTED,
    ):
        ids[str(state)] = house.order(house.offer(*HAIR), until=state)
    with house.inside():
        at = clock.now()
        listings.submit(listing_id=ids["in_review"], actor_id=people["Walter Finch"], at=at)
        clinics.invite(
            clinic_id=ids["clinic"], actor_id=people["Dana Reyes"], email=house.email("Tyler Brooks"),
            role=ClinicRole.TECHNICIAN, at=at,
        )  # fmt: skip
        accounts.request_password_reset(email=house.email("Irene Maddox"))
        accounts.register(name="Nell Newman", email="nell@new.example", password="four words nobody says", at=at)
    ids["invitation"] = house.link_mailed_to(house.email("Tyler Brooks"))
    ids["reset"] = house.link_mailed_to(house.email("Irene Maddox"))
    ids["confirmation"] = house.link_mailed_to("nell@new.example")
    ids["newcomer"] = house.query(select(User.id).where(User.email == "nell@new.example"))[0][0]
    ids["handpiece"] = house.query(select(Handpiece.id).where(Handpiece.listing_id == ids["draft"]))[0][0]
    with house.inside():
        counting.put(
            listing_id=ids["draft"], actor_id=people["Walter Finch"], counter_id=None, part="Lamp", serial="",
            counter=Counter(900, CounterUnit.HOURS, CounterDirection.UP, clock.now().date()), rated_life=None,
            rated_life_source="", at=clock.now(),
        )  # fmt: skip
    ids["counter"] = house.query(select(ConsoleCounter.id).where(ConsoleCounter.listing_id == ids["draft"]))[0][0]
    for name in ("Dana Reyes", "Priya Nair", "Elena Soto", "Theo Lang"):
        ids[name] = house.query(select(Credential.id).where(Credential.holder_id == people[name]))[0][0]
    ids["decision"] = house.query(select(Order.payment_decision_id).where(Order.id == ids["funds_held"]))[0][0]
    ids["code"] = house.query(select(GateReceipt.code).where(GateReceipt.decision_id == ids["decision"]))[0][0]
    with house.inside():
        at = clock.now()
        ids["policy"] = publishing.published_policy().version_id
        ids["policy_draft"] = editing.draft_from_published(actor_id=people["Ada Quist"], at=at)
        ids["review"] = reviews.ask(
            actor_id=people["Dana Reyes"], sale=listing_queries.sale_of(ids["platform"]), site_id=ids["site"],
            operator_id=people["Priya Nair"], procedure=ProcedureClass.FRACTIONAL_NONABLATIVE, question="Why not?",
            at=at,
        )  # fmt: skip
        ids["file"] = make_snapshot("TX:TDLR").id
        ids["recall"] = make_recall(real_model("Solta Thermage CPT").id).id
        ids["finding"] = make_finding(
            db.session.get_one(RegisterSnapshot, ids["file"]), credential_id=ids["Priya Nair"]
        ).id
        ids["import"] = sheets.receive(
            clinic_id=ids["seller_clinic"], actor_id=people["Walter Finch"], filename="stock.csv", form_key=uuid4(),
            content=b"maker,model,city,state,zip\nLumenis,M22,Austin,TX,78704\nLumenis,M99,Austin,TX,787\n", at=at,
        )  # fmt: skip
        for _ in range(2):  # It is taken apart, then tried.
            sheets.check(import_id=ids["import"], at=at)
        watching.watch(user_id=people["Dana Reyes"], listing_id=ids["platform"], at=at)
        watching.save(
            user_id=people["Dana Reyes"], name="All", query="", wanted=Wanted(), cadence=Cadence.DAILY, at=at
        )  # fmt: skip
        said = Said("Lumenis", "maker=Lumenis", Wanted(chosen={"maker": ("Lumenis",)}), "", at.date(), "TX")
        ids["want"] = wants.post(user_id=people["Dana Reyes"], said=said, at=at)
        matching.match_want(want_id=ids["want"], at=at)
        ids["stop"] = db.session.scalars(select(Watch.stop_key)).one()
        credentials.claim(credential_id=ids["Theo Lang"], actor_id=people["Vera Lind"], at=clock.now())
        for name in ("unread", "read"):
            whom = Address(Asked.ISSUER, "Board of Lasers", f"{name}@board.example", AddressFrom.CALL, "555-0100")
            credentials.ask_source(
                credential_id=ids["Theo Lang"], actor_id=people["Vera Lind"], whom=whom, at=clock.now()
            )
        orders.send_link(
            order_id=ids["awaiting_practitioner"], practitioner_id=people["Amir Khan"],
            actor_id=people["Dana Reyes"], at=clock.now(),
        )  # fmt: skip
    ids["unread"] = house.link_mailed_to("unread@board.example")
    ids["read"] = house.link_mailed_to("read@board.example")
    ids["signing"] = house.link_mailed_to(house.email("Amir Khan"), leading_to="/sign/")
    with house.inside():
        credentials.read_question(token=ids["read"].rpartition("/")[2], at=clock.now())
    yield ids
    with house.inside():
        credentials.unclaim(credential_id=ids["Theo Lang"], actor_id=people["Vera Lind"], at=clock.now())


def _talk(house: House, ids: dict[str, Any]) -> None:
    """Let something be asked of a unit, one question be answered, and a buyer have said how a sale went."""
    _review(house)
    _arrange(house, ids)
    people = house.stage.people
    with house.inside():
        offering.make(
            listing_id=ids["listing"], buyer_id=people["Dana Reyes"], site_id=ids["site"], amount=Money(500_000),
            at=clock.now(),
        )  # fmt: skip
        for name, words in (("answered", "Which pulse widths?"), ("question", "Call 512 555 0100: is it clean?")):
            ids[name] = questions.ask(
                listing_id=ids["listing"], asker_id=people["Dana Reyes"], words=words, at=clock.now()
            )
        questions.answer(
            question_id=ids["answered"], actor_id=people["Walter Finch"], words="3 to 100 ms.", at=clock.now()
        )


def _arrange(house: House, ids: dict[str, Any]) -> None:
    """Let somebody want to hand a device in, and a partner be proposed."""
    people = house.stage.people
    owed = house.offer(*HAIR)
    with house.inside(), unit_of_work() as session:
        listing = session.get_one(Listing, owed)
        listing.particulars = {**listing.particulars, "title": "financed", "lender": "A lender"}
    ids["financed"] = house.order(owed, until=OrderState.FUNDS_HELD)
    with house.inside():
        at = clock.now()
        inspector = inspections.appoint(
            email=house.email("Nora Castillo"), firm="An engineer", skills="Repairs lasers.",
            actor_id=people["Mona Petit"], at=at,
        )  # fmt: skip
        ids["inspection"] = inspections.ask(
            listing_id=ids["platform"], asker_id=people["Dana Reyes"], kind=InspectionKind.OPERATING,
            words="Fire every handpiece.", at=at,
        )  # fmt: skip
        inspections.let_in(
            inspection_id=ids["inspection"], actor_id=people["Walter Finch"], words="Tuesday at ten.", at=at
        )
        inspections.assign(
            inspection_id=ids["inspection"], inspector_id=inspector, actor_id=people["Mona Petit"], at=at
        )
    _share(house, ids)
    said = HandedIn(LeadKind.TRADE_IN, ids["clinic"], "Lumenis M22, 2012")
    with house.inside():
        at = clock.now()
        ids["lead"] = leads.hand_in(user_id=people["Dana Reyes"], said=said, at=at)
        leads.propose(
            lead_id=ids["lead"], actor_id=people["Mona Petit"], partner="A dealer", partner_email="desk@dealer.example",
            words="They take in platforms.", at=at,
        )  # fmt: skip


def _share(house: House, ids: dict[str, Any]) -> None:
    """Let somebody have let a reseller ask, who asked twice: a yes and a no."""
    with house.inside():
        at, dana = clock.now(), house.stage.people["Dana Reyes"]
        partner_id, key = partners.open_partner(name="A reseller", email="desk@reseller.example", at=at)
        code = sharing.give(person_id=dana, partner_id=partner_id, site_id=ids["site"], days=30, at=at)
        for model, handpieces in (("lumenis-m22", ("IPL", "ER_GLASS_FRAC")), ("candela-gentlemax-pro", None)):
            answer = asking.ask(
                holder=partners.holder_of(key, at=at),
                question=Question(code, model, handpieces, frozenset() if handpieces else frozenset({HAIR_REMOVAL})),
                at=at,
            )
        ids["told"] = receipts_of_partners.answered(answer).code
        ids["sharing"] = db.session.scalars(select(SharingCode.id)).one()


def _review(house: House) -> None:
    """Let a buyer have said how a sale went."""
    order = house.order(house.offer(*HAIR), until=OrderState.ACCEPTED)
    with house.inside():
        reviews_of_sellers.write(
            order_id=order, actor_id=house.stage.people["Dana Reyes"], rating=4, words="As described.", at=clock.now()
        )


# For whom each page is opened; {names} are filled in from `lived`. None: nobody is signed in.
PAGES: dict[str | None, dict[str, tuple[str, ...]]] = {
    None: {
        "account.ask_reset": ("/reset-password",),
        "account.confirm_email": ("{confirmation}",),
        "account.register": ("/register",),
        "account.registered": ("/register/sent",),
        "account.reset_password": ("{reset}",),
        "account.reset_sent": ("/reset-password/sent",),
        "account.sign_in": ("/sign-in",),
        "browse.device": ("/devices/{listing}", "/devices/{listing}?state=TX", "/devices/{platform}?state=MT"),
        "browse.devices": (
            "/devices",
            "/devices?q=nothing+of+the+kind",
            "/devices?maker=Lumenis&min=%245%2C000&year=x",
        ),
        "browse.home": ("/",),
        "comparing.compare": ("/compare", "/compare?d={listing}&d={platform}&cost_crate=100"),
        "guide.maker": ("/makers/lumenis",),
        "guide.modality": ("/modalities/IPL",),
        "guide.model": ("/models/lumenis-m22",),
        "guide.models": ("/models",),
        "guide.price_guide": ("/prices",),
        "sellers.seller": ("/sellers/{seller_clinic}",),
        "outside.answer": ("{unread}", "{read}"),
        "outside.answered": ("/answered",),
        "needs.ask": ("/what-would-i-need", "/what-would-i-need?listing={platform}&state=TX"),
        "receipts.check": ("/check",),
        "receipts.checked": ("/check/{code}", "/check/{told}"),
        "rules.index": ("/rules", "/rules?procedure=tattoo"),
        "rules.place": ("/rules/TX", "/rules/AZ", "/rules/MT"),
        "rules.missing": ("/rules/missing",),
        "rules.vectors": ("/rules/vectors", "/rules/vectors?state=TX"),
        "styleguide.show": ("/styleguide",),
        "wanted.board": ("/wanted",),
        "leads.about": ("/arrangements",),
        "partners.about": ("/partners",),
        "errors": (
            "/answer/never-sent",
            "/no-such-page",
            "/check/0000-0000-0000-0000",
            "/devices/00000000-0000-0000-0000-000000000000",
        ),
    },
    "Dana Reyes": {
        "sharing.mine": ("/sharing",),
        "sharing.one": ("/sharing/{sharing}",),
        "account.change_password": ("/account/password",),
        "account.confirm": ("/account/confirm",),
        "account.home": ("/account",),
        "own_data.page": ("/account/data",),
        "own_data.close": ("/account/close",),
        "own_address.change": ("/account/address",),
        "second_factor.page": ("/account/security",),
        "second_factor.turn_off": ("/account/security/second-factor/off",),
        "browse.device": ("/devices/{listing}", "/devices/{platform}"),
        "browse.devices": ("/devices", "/devices?verdict=today&verdict=missing"),
        "browse.home": ("/",),
        "receipts.receipt": ("/orders/{funds_held}/receipts/{decision}",),
        "payment_receipts.receipt": ("/orders/{funds_held}/payment-receipt",),
        "partial_refunds.page": ("/orders/{funds_held}/partial-refund", "/orders/{accepted}/partial-refund"),
        "signing.links": ("/orders/{awaiting_practitioner}/links", "/orders/{accepted}/links"),
        "offering.make": ("/devices/{listing}/offer",),
        "offering.mine": ("/offers",),
        "reserving.ask": ("/devices/{platform}/reserve",),
        "questions.ask": ("/devices/{listing}/ask",),
        "questions.mine": ("/questions",),
        "messages.thread": ("/orders/{awaiting_payment}/messages", "/orders/{funds_held}/messages"),
        "questions.report": ("/questions/{answered}/report",),
        "reserving.mine": ("/reservations",),
        "rule_reviews.ask": ("/rule-reviews/ask?listing={platform}&procedure=FRACTIONAL_NONABLATIVE&place=TX",),
        "rule_reviews.mine": ("/rule-reviews",),
        "rule_reviews.one": ("/rule-reviews/{review}",),
        "sellers.write": ("/orders/{accepted}/review",),
        "reports.report": ("/orders/{awaiting_payment}/report", "/orders/{funds_held}/report"),
        "buying.order": (
            "/orders/{awaiting_practitioner}",
            "/orders/{awaiting_payment}",
            "/orders/{awaiting_payment}?paid=1",
            "/orders/{funds_held}",
            "/orders/{under_inspection}",
            "/orders/{accepted}",
        ),
        "receiving.arrival": ("/orders/{in_transit}/arrival",),
        "buying.place": ("/devices/{listing}/order", "/devices/{platform}/order"),
        "buying.purchases": ("/orders",),
        "capacity.clinic": ("/clinics/{clinic}/capacity",),
        "capacity.mine": ("/what-may-i-buy",),
        "watching.mine": ("/watching",),
        "watching.save": ("/searches/new?maker=Lumenis",),
        "watching.stop": ("/stop/{stop}",),
        "liens.lien": ("/orders/{financed}/lien",),
        "inspections.ask": ("/devices/{listing}/inspection",),
        "inspections.mine": ("/inspections",),
        "inspections.one": ("/inspections/{inspection}",),
        "leads.finance": ("/devices/{listing}/finance",),
        "leads.mine": ("/arrangements/mine",),
        "leads.new": ("/arrangements/new",),
        "leads.one": ("/arrangements/{lead}",),
        "wanted.edit": ("/wanted/{want}/edit",),
        "wanted.mine": ("/wanted/mine",),
        "wanted.new": ("/wanted/new", "/wanted/new?maker=Lumenis"),
        "wanted.one": ("/wanted/{want}",),
        "watching.watch": ("/devices/{listing}/watch", "/devices/{platform}/watch"),
        "clinics.add_site": ("/clinics/{clinic}/sites/new",),
        "clinics.clinic": ("/clinics/{clinic}",),
        "clinics.correct_site": ("/sites/{site}",),
        "clinics.found": ("/clinics/new",),
        "clinics.index": ("/clinics",),
        "clinics.invite": ("/clinics/{clinic}/invite",),
        "clinics.member": ("/clinics/{clinic}/members/{member}",),
        "clinics.officer": ("/sites/{site}/officer",),
        "clinics.limit": ("/clinics/{clinic}/limit",),
        "clinics.sell": ("/clinics/{clinic}/sell",),
        "credentials.choose": ("/credentials/new", "/credentials/new?state=TX"),
        "credentials.mine": ("/credentials",),
        "npi.npi": ("/credentials/npi",),
        "credentials.one": ("/credentials/{Dana Reyes}",),
        "credentials.submit": (
            "/credentials/new/TX/US-TX:TDLR:LHR",
            "/credentials/new/TX/CLRT",
            "/credentials/new/AZ/US-AZ:ADHS:LASER_TECHNICIAN",
        ),
    },
    "Amir Khan": {
        "buying.confirm": ("/orders/{awaiting_practitioner}/confirm",),
        "signing.sign": ("{signing}",),
        "buying.order": ("/orders/{funds_held}",),
    },
    "Priya Nair": {
        "browse.device": ("/devices/{listing}",),
        "buying.place": ("/devices/{platform}/order",),
        "credentials.one": ("/credentials/{Priya Nair}",),
        "capacity.mine": ("/what-may-i-buy",),
        "errors": ("/staff/people",),
    },
    "Nora Castillo": {"inspections.report": ("/inspections/{inspection}/report",)},
    "Tyler Brooks": {"clinics.accept_invitation": ("{invitation}",)},
    "Walter Finch": {
        "buying.order": ("/orders/{funds_held}", "/orders/{accepted}", "/orders/{financed}"),
        "liens.lien": ("/orders/{financed}/lien",),
        "clinics.clinic": ("/clinics/{seller_clinic}",),
        "questions.asked": ("/sell/questions",),
        "messages.thread": ("/orders/{awaiting_payment}/messages",),
        "questions.answer": ("/sell/questions/{question}", "/sell/questions/{answered}"),
        "reserving.mine": ("/reservations",),
        "sales.dispatch": ("/orders/{released_to_ship}/dispatch",),
        "sales.refund": ("/orders/{funds_held}/refund",),
        "sales.sales": ("/sales",),
        "sellers.of_us": ("/sales/reviews",),
        "offering.mine": ("/offers",),
        "offering.terms": ("/sell/{listing}/offers",),
        "payouts.payouts": ("/sales/payouts/{seller_clinic}",),
        "selling.history": ("/sell/{draft}/history",),
        "wanted.for_listing": ("/sell/{listing}/wanted", "/sell/{draft}/wanted"),
        "wanted.for_seller": ("/sell/{listing}/wanted/{want}",),
        "selling.statements": ("/sell/{draft}/statements",),
        "selling.console": ("/sell/{draft}/console",),
        "selling.counter": ("/sell/{draft}/counters/{counter}",),
        "selling.new_counter": ("/sell/{draft}/counters/new",),
        "selling.condition": ("/sell/{draft}/condition",),
        "selling.device": ("/sell/{draft}/device",),
        "selling.handpiece": ("/sell/{draft}/handpieces/{handpiece}",),
        "selling.handpieces": ("/sell/{draft}/handpieces",),
        "selling.from_table": ("/sell/import",),
        "selling.one_import": ("/sell/imports/{import}",),
        "selling.home": ("/sell",),
        "selling.listing": ("/sell/{draft}", "/sell/{listing}", "/sell/{in_review}"),
        "selling.new": ("/sell/new",),
        "selling.new_handpiece": ("/sell/{draft}/handpieces/new",),
        "selling.pictures": ("/sell/{draft}/photos",),
        "selling.terms": ("/sell/{draft}/terms",),
    },
    "Vera Lind": {
        "staff_clinics.clinic": ("/staff/clinics/{seller_clinic}",),
        "staff_clinics.clinics": ("/staff/clinics", "/staff/clinics?standing=verified"),
        "staff_credentials.case": (
            "/staff/credentials/{Theo Lang}",
            "/staff/credentials/{Elena Soto}",
            "/staff/credentials/{Priya Nair}",
        ),
        "staff_recalls.recall": ("/staff/recalls/{recall}",),
        "staff_recalls.recalls": ("/staff/recalls",),
        "staff_questions.ask": ("/staff/credentials/{Theo Lang}/questions/new",),
        "staff_registers.file": ("/staff/registers/files/{file}",),
        "staff_findings.finding": ("/staff/registers/findings/{finding}",),
        "staff_findings.findings": ("/staff/registers/findings",),
        "staff_registers.register": ("/staff/registers/TX:TDLR",),
        "staff_registers.registers": ("/staff/registers",),
        "staff_credentials.queue": ("/staff/credentials", "/staff/credentials?show=mine"),
        "staff_figures.figures": ("/staff/credentials/figures",),
        "staff_monitoring.found": ("/staff/monitoring",),
        "staff_reach.reach": ("/staff/reach/people/{member}",),
    },
    "Mona Petit": {
        "staff_listings.listing": ("/staff/listings/{in_review}",),
        "staff_listings.listings": ("/staff/listings",),
        "staff_reviews.reviews": ("/staff/reviews",),
        "staff_stolen.stolen": ("/staff/stolen",),
        "staff_wants.wants": ("/staff/wanted",),
        "staff_leads.leads": ("/staff/arrangements",),
        "staff_inspections.inspections": ("/staff/inspections",),
        "staff_liens.filings": ("/staff/listings/{in_review}/filings",),
        "staff_asked.asked": ("/staff/asked",),
    },
    "Felix Grau": {
        "staff_orders.order": (
            "/staff/orders/{funds_held}",
            "/staff/orders/{accepted}",
            "/staff/orders/{under_inspection}",
        ),
        "staff_orders.orders": ("/staff/orders",),
        "staff_orders.report": ("/staff/orders/{funds_held}/report",),
        "staff_finance.finance": ("/staff/finance",),
        "staff_liens.waiting": ("/staff/liens",),
        "staff_finance.ledger": ("/staff/finance/ledger", "/staff/finance/ledger?account=held"),
    },
    "Ada Quist": {
        "staff_people.people": ("/staff/people",),
        "staff_people.person": ("/staff/people/{member}",),
        "staff_drafts.version": ("/staff/policy/{policy}", "/staff/policy/{policy_draft}"),
        "staff_drafts.rule": ("/staff/policy/{policy_draft}/rules/NV-ADV-EST-1",),
        "staff_drafts.new_rule": ("/staff/policy/{policy_draft}/rules/new",),
        "staff_history.past": ("/staff/history", "/staff/history?email={address}"),
        "staff_rule_reviews.queue": ("/staff/rule-reviews",),
        "staff_rule_reviews.one": ("/staff/rule-reviews/{review}",),
    },
    "Astrid Noor": {
        "staff_audit.trail": ("/staff/audit", "/staff/audit?kind=nothing"),
        "staff_policy.policy": ("/staff/policy", "/staff/policy?state=TX"),
        "staff_drafts.version": ("/staff/policy/{policy_draft}",),
        "staff_simulations.simulation": ("/staff/policy/{policy_draft}/simulation",),
    },
}


def test_every_page_is_walked_or_is_none(house: House):
    walked = {endpoint for pages in PAGES.values() for endpoint in pages}
    known = {rule.endpoint for rule in house.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    # A credential that its verifier asked about is not among the small cast; `answer` is the form of `submit` again.
    assert known - walked - set(NOT_PAGES) == {"credentials.answer"}


@pytest.mark.parametrize("person", PAGES, ids=lambda name: name or "nobody")
def test_nothing_stands_in_anybodys_way(enter, watch, lived, person):
    page = enter(person)
    page.add_init_script(AXE_SCRIPT)
    found: list[str] = []
    looks = cycle(LOOKS)
    for endpoint, addresses in PAGES[person].items():
        for address in addresses:
            answer = page.goto(address.format_map(lived))
            assert answer is not None
            assert answer.status == 200 or endpoint == "errors", (address, answer.status)
            with watch.looking_away():  # axe itself writes styles into the page to measure with.
                found += [f"{address}: {one}" for one in looked_at(page, next(looks))]
    assert found == [], "\n".join(found)


def test_what_the_search_box_suggests_stands_in_nobodys_way(enter, watch, lived):
    page = enter(None)
    page.add_init_script(AXE_SCRIPT)
    found: list[str] = []
    for width, theme in [look for pair in LOOKS for look in pair]:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/")
        page.locator("main input[data-suggest], input[data-suggest]").filter(visible=True).first.press_sequentially(
            "lum"
        )
        page.get_by_role("option").first.wait_for()
        with watch.looking_away():
            found += looked_at(page, [(width, theme)])
        assert page.get_by_role("option").first.is_visible()
    assert found == [], "\n".join(found)


def test_letters_that_cannot_be_read_are_found_once_and_others_beside_them(enter, watch):
    """Pale letters are none that a page of the house has, so nobody has weighed them before."""
    page = enter(None)
    page.goto("/check")
    found = []
    for selector in ("main p", "main p", "main h1"):
        with watch.looking_away():
            page.evaluate("(one) => { document.querySelector(one).style.color = 'rgb(181, 182, 184)' }", selector)
            found.append([one for one in looked_at(page, [(1280, "light")]) if "color-contrast" in one])
    assert [len(one) for one in found] == [1, int(THOROUGH), 1]
