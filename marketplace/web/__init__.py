"""Pages by audience: parse, call one use-case, show."""

from flask import Flask

from ..accounts.access import Permission, may
from ..config import Mode, Settings
from . import (
    access,
    account,
    browse,
    buying,
    capacity,
    clinics,
    comparing,
    crawling,
    credentials,
    delivery,
    eligibility,
    errors,
    filters,
    fragments,
    freshness,
    guide,
    health,
    inspections,
    language,
    leads,
    liens,
    messages,
    needs,
    npi,
    offering,
    outside,
    own_address,
    own_data,
    partial_refunds,
    partners,
    payment_receipts,
    payouts,
    questions,
    receipts,
    receiving,
    reports,
    reserving,
    rule_reviews,
    rules,
    sales,
    second_factor,
    sellers,
    selling,
    sharing,
    signing,
    styleguide,
    wanted,
    watching,
    webhooks,
)
from .staff import asked as staff_asked
from .staff import audit as staff_audit
from .staff import clinics as staff_clinics
from .staff import credentials as staff_credentials
from .staff import decisions as staff_decisions
from .staff import drafts as staff_drafts
from .staff import figures as staff_figures
from .staff import finance as staff_finance
from .staff import findings as staff_findings
from .staff import history as staff_history
from .staff import inspections as staff_inspections
from .staff import leads as staff_leads
from .staff import liens as staff_liens
from .staff import listings as staff_listings
from .staff import monitoring as staff_monitoring
from .staff import orders as staff_orders
from .staff import people as staff_people
from .staff import policy as staff_policy
from .staff import questions as staff_questions
from .staff import reach as staff_reach
from .staff import recall_releases as staff_recall_releases
from .staff import recalls as staff_recalls
from .staff import registers as staff_registers
from .staff import reviews as staff_reviews
from .staff import rule_reviews as staff_rule_reviews
from .staff import simulations as staff_simulations
from .staff import stolen as staff_stolen
from .staff import wants as staff_wants

BLUEPRINTS = (
    health.bp,
    account.bp,
    second_factor.bp,
    own_address.bp,
    own_data.bp,
    browse.bp,
    selling.bp,
    staff_listings.bp,
    staff_stolen.bp,
    clinics.bp,
    staff_people.bp,
    staff_clinics.bp,
    credentials.bp,
    npi.bp,
    staff_credentials.bp,
    staff_questions.bp,
    staff_figures.bp,
    buying.bp,
    receiving.bp,
    signing.bp,
    outside.bp,
    sales.bp,
    sellers.bp,
    staff_reviews.bp,
    payouts.bp,
    reserving.bp,
    offering.bp,
    partial_refunds.bp,
    payment_receipts.bp,
    receipts.bp,
    reports.bp,
    needs.bp,
    webhooks.bp,
    staff_decisions.bp,
    staff_orders.bp,
    staff_finance.bp,
    rules.bp,
    guide.bp,
    comparing.bp,
    watching.bp,
    wanted.bp,
    staff_wants.bp,
    leads.bp,
    partners.bp,
    eligibility.bp,
    sharing.bp,
    inspections.bp,
    staff_inspections.bp,
    staff_leads.bp,
    liens.bp,
    staff_liens.bp,
    questions.bp,
    messages.bp,
    staff_asked.bp,
    crawling.bp,
    capacity.bp,
    staff_audit.bp,
    staff_policy.bp,
    staff_reach.bp,
    staff_monitoring.bp,
    staff_drafts.bp,
    staff_history.bp,
    rule_reviews.bp,
    staff_rule_reviews.bp,
    staff_registers.bp,
    staff_findings.bp,
    staff_recalls.bp,
    staff_recall_releases.bp,
    staff_simulations.bp,
)


def register(app: Flask, settings: Settings) -> None:
    """Give the app its pages, each behind the access check. `app` has put up the shield in front."""
    language.register(app, settings)
    delivery.register(app)
    access.register(app)
    errors.register(app)
    filters.register(app)
    fragments.register(app, settings)
    freshness.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if settings.mode is not Mode.PRODUCTION:
        app.register_blueprint(styleguide.bp)
    app.jinja_env.globals.update(settings=settings, Permission=Permission, may=may)
