"""Commands for the people who run the house, a module for each noun."""

from flask import Flask

from . import audit, catalog, database, demo, documents, partners, payments, policy, registers, staff, worker


def register(app: Flask) -> None:
    """Give the app its commands."""
    app.cli.add_command(payments.payments_group)
    app.cli.add_command(policy.policy_group)
    app.cli.add_command(registers.register_group)
    app.cli.add_command(audit.audit_group)
    app.cli.add_command(documents.documents_group)
    app.cli.add_command(demo.demo_group)
    app.cli.add_command(catalog.reference_group)
    app.cli.add_command(catalog.catalog_group)
    app.cli.add_command(database.database_group)
    app.cli.add_command(worker.worker)
    app.cli.add_command(staff.staff_group)
    app.cli.add_command(partners.partners_group)
