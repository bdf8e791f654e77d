"""Who was laser safety officer, who had which role until which day, and which account was closed, is kept when it changes."""

from collections import defaultdict
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

KEPT = ("clinic_sites_before", "clinic_members_before", "account_closures")

# A change that does not say when it happened, as one by hand does not, happens now.
FUNCTIONS = {
    "keep_site_before()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.changed_at IS NOT DISTINCT FROM OLD.changed_at THEN
            NEW.changed_at := greatest(OLD.changed_at, now());
        END IF;
        INSERT INTO clinic_sites_before (site_id, laser_safety_officer_id, state, time_zone, until)
            VALUES (OLD.id, OLD.laser_safety_officer_id, OLD.state, OLD.time_zone, NEW.changed_at);
        RETURN NEW;
    END $$
    """,
    "keep_member_before()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.changed_at IS NOT DISTINCT FROM OLD.changed_at THEN
            NEW.changed_at := greatest(OLD.changed_at, now());
        END IF;
        INSERT INTO clinic_members_before (member_id, role, starts_on, ends_on, until)
            VALUES (OLD.id, OLD.role, OLD.starts_on, OLD.ends_on, NEW.changed_at);
        RETURN NEW;
    END $$
    """,
    "keep_account_closure()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.reopened_at IS NOT DISTINCT FROM OLD.reopened_at THEN
            NEW.reopened_at := greatest(OLD.disabled_at, now());
        END IF;
        INSERT INTO account_closures (user_id, closed_at, reopened_at)
            VALUES (OLD.id, OLD.disabled_at, NEW.reopened_at);
        RETURN NEW;
    END $$
    """,
}
TRIGGERS = (
    (
        "CREATE TRIGGER clinic_sites_keep_what_was BEFORE UPDATE ON clinic_sites FOR EACH ROW"
        " WHEN ((OLD.laser_safety_officer_id, OLD.state, OLD.time_zone) IS DISTINCT FROM"
        " (NEW.laser_safety_officer_id, NEW.state, NEW.time_zone)) EXECUTE FUNCTION keep_site_before()"
    ),
    (
        "CREATE TRIGGER clinic_members_keep_what_was BEFORE UPDATE ON clinic_members FOR EACH ROW"
        " WHEN ((OLD.role, OLD.starts_on, OLD.ends_on) IS DISTINCT FROM (NEW.role, NEW.starts_on, NEW.ends_on))"
        " EXECUTE FUNCTION keep_member_before()"
    ),
    (
        "CREATE TRIGGER users_keep_closures BEFORE UPDATE ON users FOR EACH ROW"
        " WHEN (OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS NULL) EXECUTE FUNCTION keep_account_closure()"
    ),
    *(
        f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in KEPT
    ),
    *(
        f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in KEPT
    ),
)
ROLES = sa.Enum(
    "owner", "manager", "technician", "practitioner", name="clinicrole", native_enum=False, create_constraint=True,
    length=40,
)  # fmt: skip


def upgrade():
    _create_tables()
    _tell_from_the_trail(op.get_bind())
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade():
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature} CASCADE")
    for table in KEPT:
        op.drop_table(table)
    op.drop_column("clinic_sites", "changed_at")
    op.drop_column("clinic_members", "changed_at")
    op.drop_column("users", "reopened_at")


def _create_tables():
    what = "what they were before, the database keeps."
    for table, name, comment in (
        ("clinic_sites", "changed_at", f"When its officer, state or zone last changed; {what}"),
        ("clinic_members", "changed_at", f"When its role or days last changed; {what}"),
        ("users", "reopened_at", "When it was last opened again after being disabled."),
    ):
        op.add_column(table, sa.Column(name, sa.DateTime(timezone=True), comment=comment))
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "clinic_sites_before",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("site_id", sa.Uuid(), sa.ForeignKey("clinic_sites.id"), nullable=False),
        sa.Column("laser_safety_officer_id", sa.Uuid(), sa.ForeignKey("users.id")),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("until", moment, nullable=False),
    )
    op.create_index("ix_clinic_sites_before_site", "clinic_sites_before", ["site_id", "until", "number"])
    op.create_table(
        "clinic_members_before",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("member_id", sa.Uuid(), sa.ForeignKey("clinic_members.id"), nullable=False),
        sa.Column("role", ROLES, nullable=False),
        sa.Column("starts_on", sa.Date()),
        sa.Column("ends_on", sa.Date()),
        sa.Column("until", moment, nullable=False),
    )
    op.create_index("ix_clinic_members_before_member", "clinic_members_before", ["member_id", "until", "number"])
    op.create_table(
        "account_closures",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("closed_at", moment, nullable=False),
        sa.Column("reopened_at", moment, nullable=False),
        sa.CheckConstraint("reopened_at >= closed_at", name="reopening_follows_closing"),
    )
    op.create_index("ix_account_closures_user", "account_closures", ["user_id", "closed_at"])


def _tell_from_the_trail(connection):
    """Tell what was before from the audit trail, which kept every one of these changes."""
    about = defaultdict(list)
    for event in connection.execute(
        sa.text(
            "SELECT kind, actor_id, subject_id, at, data FROM audit_events WHERE kind IN ('clinic:site_added',"
            " 'clinic:site_corrected', 'clinic:safety_officer_named', 'clinic:member_joined', 'clinic:member_left',"
            " 'clinic:role_changed', 'clinic:membership_shortened', 'account:disabled', 'account:enabled')"
            " ORDER BY position"
        )
    ):
        about[event.subject_id].append(event)
    for site in connection.execute(sa.text("SELECT * FROM clinic_sites")).all():
        _tell_site(connection, site, about[site.clinic_id])
    for member in connection.execute(sa.text("SELECT * FROM clinic_members")).all():
        _tell_member(connection, member, about[member.clinic_id])
    for user in connection.execute(sa.text("SELECT id FROM users")).all():
        _tell_account(connection, user, about[user.id])


def _tell_site(connection, site, events):
    key, was, last = str(site.id), {"laser_safety_officer_id": None, "time_zone": site.time_zone}, None
    for event in events:
        now = dict(was)
        if event.data.get("site") == key:
            now["time_zone"] = event.data.get("time_zone", was["time_zone"])
            if "officer" in event.data:
                now["laser_safety_officer_id"] = event.data["officer"] and UUID(event.data["officer"])
        if key in event.data.get("without_officer", ()):
            now["laser_safety_officer_id"] = None
        if now != was and event.kind != "clinic:site_added":
            _write(connection, "clinic_sites_before", site_id=site.id, state=site.state, until=event.at, **was)
            last = event.at
        was = now
    _mark(connection, "clinic_sites", "changed_at", site.id, last)


def _tell_member(connection, member, events):
    changes = [
        event
        for event in events
        if event.kind in {"clinic:role_changed", "clinic:membership_shortened"}
        and event.data["member"] == str(member.user_id)
        and event.at >= member.joined_at
        and (member.left_at is None or event.at <= member.left_at)
    ]
    joined = [
        event
        for event in events
        if event.kind == "clinic:member_joined" and (event.actor_id, event.at) == (member.user_id, member.joined_at)
    ]
    roles = [event.data["before"] for event in changes if event.kind == "clinic:role_changed"]
    shortened = any(event.kind == "clinic:membership_shortened" for event in changes)
    agreed = joined[0].data.get("ends_on") if joined else None
    first_end = (agreed and date.fromisoformat(agreed)) if shortened else member.ends_on
    was, last = {"role": (roles or [member.role])[0], "ends_on": first_end}, None
    for event in changes:
        _write(connection, "clinic_members_before", member_id=member.id, starts_on=member.starts_on, until=event.at,
               **was)  # fmt: skip
        last = event.at
        if event.kind == "clinic:role_changed":
            was["role"] = event.data["role"]
        else:
            was["ends_on"] = date.fromisoformat(event.data["until"])
    _mark(connection, "clinic_members", "changed_at", member.id, last)


def _tell_account(connection, user, events):
    closed = last = None
    for event in events:
        if event.kind == "account:disabled":
            closed = event.at
        elif closed is not None:
            _write(connection, "account_closures", user_id=user.id, closed_at=closed, reopened_at=event.at)
            closed, last = None, event.at
    _mark(connection, "users", "reopened_at", user.id, last)


def _write(connection, table, **values):
    names = ", ".join(values)
    holders = ", ".join(f":{name}" for name in values)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({holders})"), values)


def _mark(connection, table, column, key, last):
    if last is not None:
        connection.execute(sa.text(f"UPDATE {table} SET {column} = :at WHERE id = :id"), {"at": last, "id": key})
