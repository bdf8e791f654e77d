"""Loads the demo into an empty house."""

import json
from importlib.resources import files

from flask import Flask
from sqlalchemy import select, text

from ...accounts.models import User
from ...catalog import service as catalog
from ...credentials import service as credentials
from ...documents.isolation import nursery
from ...eligibility import publishing
from ...eligibility.models import PolicyStanding
from ...extensions import db, unit_of_work
from ...kernel import clock
from . import links, talk
from .arranged import ask_for_arrangements
from .financed import owe
from .habits import keep_an_eye, look_for
from .history import live_through
from .inspected import look_at_devices
from .people import BEGAN, Stage, populate, prove
from .rolls import confirm_recall, load_registers
from .sales import PLANS, Market, do_jobs
from .shared import let_ask
from .shelves import Studio, fill, known_models, units
from .then import Calendar
from .under_way import begin_draft, keep_devices, make_offers


def load(app: Flask) -> bool:
    """Load everything, unless somebody lives here already; say whether it was loaded."""
    with app.app_context():
        if db.session.scalar(select(User.id).limit(1)) is not None:
            return False
        # A demo that is lost in a power cut is loaded again.
        db.session.execute(text("SET synchronous_commit = off"))
        now = clock.now()
        catalog.load(sources=catalog.shipped(), at=now)
        credentials.load_types()
        studio = Studio(known_models())
        stage = populate(now=now)
        publish_reference_rules(stage)
        settings = app.extensions["second_light_settings"]
        calendar = Calendar(settings)
        market = Market(stage, settings, calendar)
        with nursery():
            prove(stage, early=True, now=now)
            for_sale, sold = units()
            shots = studio.shots()
            live_through(stage, market, calendar, sold, shots, now=now)
            prove(stage, early=False, now=now)
        load_registers(stage, now=now)
        fill(stage, for_sale, shots, now=now)
        market.play(PLANS)
        confirm_recall(stage, now=clock.now())
        do_jobs()
        begin_draft(stage, now=now)
        keep_devices(stage, now=now)
        make_offers(stage, now=now)
        links.answer_question(stage, now=now)
        keep_an_eye(stage, now=now)
        look_for(stage, now=now)
        ask_for_arrangements(stage, now=now)
        owe(stage, now=now)
        let_ask(stage, now=now)
        look_at_devices(stage, now=now)
        talk.ask_and_answer(stage, now=now)
        talk.write_to_each_other(stage, now=now)
        do_jobs()  # What was promised is done: the house waits for nothing but people.
        forget_old_post()
        links.leave_waiting(stage, now=clock.now())
        return True


def publish_reference_rules(stage: Stage) -> None:
    """Put the drafted rules into force as what they are: for reference, confirmed by no counsel."""
    document = json.loads((files("marketplace.eligibility") / "data" / "policy.json").read_text(encoding="utf-8"))
    at = clock.now() - BEGAN
    version = publishing.draft_policy(
        document=document, standing=PolicyStanding.REFERENCE, proposed_by=stage.people["Ada Quist"], at=at
    )
    publishing.publish_policy(version_id=version, published_by=stage.people["Astrid Noor"], at=at)


def forget_old_post() -> None:
    """Take back the mails that the loading promised: they are about days before the demo began."""
    with unit_of_work() as session:
        session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'send_mail'"))
        session.execute(text("DELETE FROM mails WHERE state = 'promised'"))
