"""Every address with somebody's id in it, asked for by whom it is none of their business: there is nothing there."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from werkzeug.routing import UUIDConverter

from marketplace.accounts.access import GRANTED, Grant
from marketplace.accounts.models import User
from marketplace.clinics import service as clinics
from marketplace.credentials.models import CredentialDocument
from marketplace.eligibility import reviews
from marketplace.extensions import db
from marketplace.inspections import queries as inspection_queries
from marketplace.inspections import service as inspections
from marketplace.inspections.form import Found, lines_of
from marketplace.inspections.states import InspectionKind, Outcome
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.leads import service as leads
from marketplace.leads.service import HandedIn
from marketplace.leads.states import LeadKind
from marketplace.listings import queries as listings
from marketplace.listings import reports
from marketplace.listings.models import Paper
from marketplace.listings.search import Wanted
from marketplace.listings.terms import PaperKind
from marketplace.orders import freeing, offering, reserving, signing
from marketplace.orders import service as orders
from marketplace.partners import queries as partners
from marketplace.questions import service as questions
from marketplace.reviews import service as words
from marketplace.sheets import service as sheets
from marketplace.wants import matching
from marketplace.wants import service as wants
from marketplace.wants.service import Said
from marketplace.watching import service as watching
from marketplace.watching.models import Cadence
from marketplace.web.access import PUBLIC
from tests.factories.accounts import kept, make_session, make_staff, make_user, together
from tests.factories.clinics import make_clinic, make_invitation, make_member, make_site
from tests.factories.documents import make_document, picture
from tests.factories.listings import make_counter, make_handpiece, make_listing
from tests.factories.orders import make_order, place
from tests.factories.partners import make_partner, share
from tests.pages import browser_of

SAFE = {"HEAD", "OPTIONS"}
FOR_EVERYBODY = {
    "buying.place",
    "leads.finance",
    "inspections.ask",
    "offering.make",
    "questions.ask",
    "reserving.ask",
    "watching.unwatch",
    "watching.watch",
}
"""Pages of members about what is on the market: whoever may look at a device may ask for it."""

FILLED_IN = {
    "words": "Yes.",
    "amount": "6,000",
    "no-words": "No.",
    "days": "7",
    "cadence": "daily",
    "event": "paused",
    "reason": "It is wrong.",
}
"""What has to be said before some buttons are looked at at all: these forms are the same for every id."""


@pytest.fixture
def theirs(scene, now) -> dict[str, UUID]:
    """One of everything that belongs to somebody, by the name under which addresses carry its id."""
    with together():
        document = make_document(owner=scene.buyer, width=60, height=40)
        kept(CredentialDocument(credential_id=scene.licence.id, document_id=document.id, position=0))
        unit = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"], photos=1, counters=[make_counter()])
        title = make_document(owner=scene.seller)
        paper = kept(
            Paper(
                listing_id=unit.id, document_id=title.id, kind=PaperKind.SERVICE, words="Service of March", added_at=now
            )
        )
        learner = make_user(name="Ada Lamb")
        make_member(clinic=scene.clinic, user=learner)
        _, session = make_session(scene.buyer, at=now)
        _, invitation = make_invitation(clinic=scene.clinic, email="new@clinic.example", at=now)
    want = wants.post(
        user_id=scene.buyer.id,
        said=Said("Diode", "modality=DIODE_HR", Wanted(chosen={"modality": ("DIODE_HR",)}), "", now.date(), "TX"),
        at=now,
    )
    matching.match_want(want_id=want, at=now)
    question = questions.ask(listing_id=unit.id, asker_id=scene.buyer.id, words="Does it hum?", at=now)
    order = make_order("under_inspection", scene, at=now, listing_id=unit.id)
    waiting = place(scene, at=now)
    practitioner = {"practitioner_id": scene.practitioner.id, "actor_id": scene.buyer.id}
    link = signing.send_link(order_id=waiting, at=now, **practitioner)
    wished = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"])
    burning = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")])
    reservation = reserving.ask(
        listing_id=wished.id, buyer_id=learner.id, site_id=scene.site.id, message="My licence is in review.", at=now
    )
    lead = leads.hand_in(
        user_id=scene.buyer.id, said=HandedIn(LeadKind.TRADE_IN, scene.clinic.id, "Lumenis M22"), at=now
    )
    review = reviews.ask(
        actor_id=scene.buyer.id,
        sale=listings.sale_of(burning.id),
        site_id=scene.site.id,
        operator_id=scene.practitioner.id,
        procedure=ProcedureClass.ABLATIVE,
        question="A physician may.",
        at=now,
    )
    proposal = orders.propose(
        order_id=order.id, actor_id=scene.buyer.id, amount=Money(10_000), reason="A scratch on the console.", at=now
    )
    sheet = sheets.receive(
        clinic_id=scene.seller_clinic.id, actor_id=scene.seller.id, filename="stock.csv", form_key=uuid4(), at=now,
        content=b"line,maker,model,city,state\r\ndevice,Candela,GentleMax Pro,Austin,TX\r\n",
    )  # fmt: skip
    search = watching.save(
        user_id=scene.buyer.id, name="CO2", query="q=co2", wanted=Wanted(text="co2"), cadence=Cadence.DAILY, at=now
    )
    offer = offering.make(
        listing_id=make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"]).id, buyer_id=scene.buyer.id,
        site_id=scene.site.id, amount=Money(500_000), at=now,
    )  # fmt: skip
    gone = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"])
    accepted = make_order("accepted", scene, at=now, listing_id=gone.id)
    word = words.write(order_id=accepted.id, actor_id=scene.buyer.id, rating=4, words="As described.", at=now)
    owed = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"])
    owed.particulars = {**owed.particulars, "title": "financed", "lender": "First Equipment Finance"}
    db.session.commit()
    bound = make_order("funds_held", scene, at=now, listing_id=owed.id)
    release = freeing.hand_in(
        order_id=bound.id, actor_id=scene.seller.id, words="Release", filename="a.png", content=picture(), at=now
    )
    partner_id, _ = make_partner(at=now)
    share(scene, partner_id, at=now)
    inspector = make_user(name="Irma Looks")
    staff = make_staff("moderator")
    inspections.appoint(email=inspector.email, firm="Looks", skills="Lasers.", actor_id=staff.id, at=now)
    looked_at, seen = (_inspected(scene, inspector, staff, now) for _ in range(2))
    report = inspection_queries.one(seen, user_id=inspector.id).report_id
    found = [Found(Outcome.AS_STATED) for _ in lines_of(reports.report(report).document)]
    inspections.sign(inspection_id=seen, actor_id=inspector.id, found=found, remarks="", name=inspector.name, at=now)
    return {
        "sharing_id": partners.shared_by(scene.buyer.id)[0].id,
        "inspector": inspector.id,
        "signed inspection": seen,
        "inspection_id": looked_at,
        "order of liens": bound.id,
        "paper of liens": release,
        "word_id": word,
        "offer_id": offer,
        "order of word_id": accepted.id,
        "want_id": want,
        "lead_id": lead,
        "question_id": question,
        "session_id": session.id,
        "clinic_id": scene.clinic.id,
        "invitation_id": invitation.id,
        "user_id": scene.buyer.id,
        "site_id": scene.site.id,
        "credential_id": scene.licence.id,
        "document_id": document.id,
        "listing_id": unit.id,
        "handpiece_id": unit.handpieces[0].id,
        "counter_id": unit.counters[0].id,
        "part_id": unit.counters[0].id,
        "photo_id": unit.photos[0].id,
        "paper_id": paper.id,
        "order_id": order.id,
        "decision_id": order.decision_id,
        "link_id": link,
        "order of link_id": waiting,
        "paper of order_id": title.id,
        "proposal_id": proposal,
        "reservation_id": reservation,
        "review_id": review,
        "search_id": search,
        "import_id": sheet,
    }


def _inspected(scene, inspector, staff, now) -> UUID:
    """Let an inspector be sent to a unit of the scene's seller."""
    unit = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"])
    one = inspections.ask(
        listing_id=unit.id, asker_id=scene.buyer.id, kind=InspectionKind.OPERATING, words="Fire it.", at=now
    )
    inspections.let_in(inspection_id=one, actor_id=scene.seller.id, words="Tuesday.", at=now)
    inspections.assign(inspection_id=one, inspector_id=inspector.id, actor_id=staff.id, at=now)
    return one


@pytest.fixture
def stranger(now):
    """Somebody who runs a clinic of their own, which buys and sells here."""
    person = make_user(name="Sam Strange")
    make_site(clinic=make_clinic(owner=person, seller=True, name="Elsewhere"))
    return person


@pytest.fixture
def former(scene, now):
    """Somebody who helped to run both clinics of the sale, and was shown the door."""
    person = make_user(name="Fay Former")
    for clinic, owner in ((scene.clinic, scene.owner), (scene.seller_clinic, scene.seller)):
        make_member(clinic=clinic, user=person, role=ClinicRole.MANAGER)
        clinics.remove_member(clinic_id=clinic.id, actor_id=owner.id, user_id=person.id, at=now)
    return person


def doors(app):
    """Every view for members, but not for all of them, whose address carries an id, with the methods that it takes."""
    for rule in sorted(app.url_map.iter_rules(), key=str):
        kinds = {type(converter) for converter in rule._converters.values()}
        sign = getattr(app.view_functions[rule.endpoint], "access", PUBLIC)
        if rule.endpoint in FOR_EVERYBODY or UUIDConverter not in kinds or sign == PUBLIC:
            continue
        if GRANTED[sign] & {Grant.MEMBER, Grant.SIGNED_IN}:
            yield rule, rule.methods - SAFE


def address(app, rule, theirs) -> str:
    values = {name: theirs.get(name) for name in rule.arguments}
    if "link_id" in values:
        values["order_id"] = theirs["order of link_id"]
    if rule.endpoint == "sellers.write":
        values["order_id"] = theirs["order of word_id"]
    if {"order_id", "document_id"} <= values.keys():
        values["document_id"] = theirs["paper of order_id"]
    if rule.endpoint == "inspections.pdf":
        values["inspection_id"] = theirs["signed inspection"]
    if rule.endpoint.startswith("liens."):
        values["order_id"] = theirs["order of liens"]
        values |= {"document_id": theirs["paper of liens"]} if "document_id" in values else {}
    if "way" in values:
        values["way"] = "agree" if rule.endpoint in {"leads.answer", "inspections.answer"} else "later"
    assert None not in values.values(), f"{rule}: let `theirs` make one of what this address names"
    with app.test_request_context():
        return rule.build(values)[1]


def answers(app, person, theirs) -> dict[tuple[str, str], int]:
    """What the person is told at every such address, where it is anything but 404."""
    browser, found = browser_of(app, person), {}
    for rule, methods in doors(app):
        for method in sorted(methods):
            status = browser.open(address(app, rule, theirs), method=method, data=FILLED_IN).status_code
            if status != 404:
                found[rule.endpoint, method] = status
    return found


def everything() -> dict[str, str]:
    """A digest of all rows of each table, but of those in which signing in leaves its trace."""
    tables = db.session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).all()
    return {
        table: db.session.scalar(text(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"))
        for table in tables
        if table not in {"user_sessions", "known_browsers", "audit_events"}
    }


class TestIds:
    @pytest.mark.parametrize("who", ["stranger", "former"])
    def test_of_others_open_nothing_and_move_nothing(self, app, request, theirs, who):
        person = request.getfixturevalue(who)
        before = everything()

        assert answers(app, person, theirs) == {}
        assert everything() == before

    def test_open_what_they_name_to_those_whose_it_is(self, app, scene, theirs):
        """What the other claim is worth: these are the right addresses of things that are there."""
        inspector = db.session.get_one(User, theirs["inspector"])
        browsers = [browser_of(app, one) for one in (scene.buyer, scene.owner, scene.seller, inspector)]
        shut = [
            rule.endpoint
            for rule, methods in doors(app)
            if "GET" in methods
            and not any(browser.get(address(app, rule, theirs)).status_code == 200 for browser in browsers)
        ]

        # For practitioners before they have signed; for what is on its way; and one that asks the payment provider.
        assert sorted(shut) == ["buying.confirm", "receiving.arrival", "sales.account_answered"]
