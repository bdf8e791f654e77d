"""Policies as staff write them: a draft of what is in force, its rules, what it would change, and who signs it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

import wtforms
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import (
    DateField,
    FieldList,
    FormField,
    HiddenField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional, Regexp

from ...accounts import queries as accounts
from ...accounts.access import Permission, Weighty
from ...eligibility import editing, publishing
from ...eligibility.comparing import compare
from ...eligibility.models import PolicyState, PolicyVersion
from ...eligibility.rules import RuleOutcome
from ...eligibility.verdict import Evidence
from ...kernel import clock
from ...kernel.shapes import Misshapen
from ...kernel.terms import STATES, ProcedureClass
from .. import gate, rule_changes, rule_words
from ..access import me, requires
from ..forms import Form, applied

bp = Blueprint("staff_drafts", __name__, url_prefix="/staff/policy")

LONGEST = 60_000
_REVISION = r"^\d{1,9}$"
EVIDENCE = {level.value: f"{level.value}: {gate.EVIDENCE_WORDS[level]}" for level in Evidence}
FIELDS = {"procedure_classes": "procedures", "jurisdiction": "state", "id": "rule_id"}
"""Where a key of the document is a field of another name; every other is its own."""


class CitationForm(wtforms.Form):
    """Where a rule is written."""

    ref = StringField("Text", validators=[Length(max=500)])
    url = StringField("Address", validators=[Length(max=500)])
    text_version = StringField("Version that was read", validators=[Length(max=500)])
    evidence = SelectField("Known from", choices={"": "not stated", **EVIDENCE})


class RuleForm(Form):
    """One rule. What a lawyer reads in lists stands in fields, what is a tree stands as the JSON of the document."""

    revision = HiddenField(validators=[InputRequired(), Regexp(_REVISION)])
    rule_id = StringField(
        "Name of the rule",
        validators=[
            InputRequired("Give it a name: NV-ADV-EST-2."),
            Regexp(r"^[A-Z0-9-]{3,40}$", message="Capital letters, digits and hyphens."),
        ],
    )
    state = SelectField("Place", choices=STATES)
    procedures = SelectMultipleField("Procedures", choices={each.value: each.words for each in ProcedureClass})
    outcome = SelectField("It", choices={each.value: rule_words.OUTCOMES[each] for each in RuleOutcome})
    evidence = SelectField("Known from", choices=EVIDENCE)
    eligible = SelectField(
        "May it open once counsel has confirmed it?", choices={"": "not said", "yes": "yes", "no": "no, never"}
    )
    in_force_from = DateField("In force from", validators=[Optional()])
    in_force_to = DateField("Last day in force", validators=[Optional()])
    options = TextAreaField("Who may operate: any one of these", validators=[Length(max=LONGEST)])
    requires = TextAreaField("Asked beside every option", validators=[Length(max=LONGEST)])
    coverage = TextAreaField("Which handpieces its words reach", validators=[Length(max=LONGEST)])
    not_accepted = TextAreaField("Turned away", validators=[Length(max=LONGEST)])
    excluded = TextAreaField("The rule's own limits", validators=[Length(max=LONGEST)])
    citations = FieldList(FormField(CitationForm), min_entries=1, max_entries=40)


class ReasonForm(Form):
    """Why the gate is to be shut."""

    reason = TextAreaField("Why", validators=[InputRequired("Say why, for the record."), Length(max=4000)])


@bp.post("/drafts")
@requires(Permission.POLICY_WRITE)
def begin() -> ResponseReturnValue:
    """Begin a draft as a copy of what is in force."""
    version_id = editing.draft_from_published(actor_id=me().id, at=clock.now())
    flash("A draft was begun. It gates nothing until somebody else publishes it.", "success")
    return redirect(url_for("staff_drafts.version", version_id=version_id), code=303)


@bp.get("/<uuid:version_id>")
@requires(Permission.POLICY_READ)
def version(version_id: UUID) -> ResponseReturnValue:
    """Show a version: what it changes, who edited it, and its rules."""
    return _version(version_id, ReasonForm())


@bp.route("/<uuid:version_id>/rules/<rule_id>", methods=["GET", "POST"])
@requires(Permission.POLICY_WRITE)
def rule(version_id: UUID, rule_id: str) -> ResponseReturnValue:
    """Edit one rule of a draft."""
    found = editing.version(version_id)
    before = editing.rule_in(found, rule_id)
    form = RuleForm(data=_as_form(before, found.revision))
    del form.rule_id
    return _edited(found, form, before)


@bp.route("/<uuid:version_id>/rules/new", methods=["GET", "POST"])
@requires(Permission.POLICY_WRITE)
def new_rule(version_id: UUID) -> ResponseReturnValue:
    """Write a rule that the draft does not have yet."""
    found = editing.version(version_id)
    return _edited(found, RuleForm(data=_as_form(_NOTHING, found.revision)), None)


@bp.post("/<uuid:version_id>/rules/<rule_id>/drop")
@requires(Permission.POLICY_WRITE)
def drop_rule(version_id: UUID, rule_id: str) -> ResponseReturnValue:
    """Leave a rule out of a draft."""
    form = RevisionForm()
    if form.validate_on_submit():
        editing.drop_rule(
            version_id=version_id, revision=_number(form), rule_id=rule_id, actor_id=me().id, at=clock.now()
        )
        flash(f"{rule_id} is left out of this draft.", "success")
    return redirect(url_for("staff_drafts.version", version_id=version_id), code=303)


@bp.post("/<uuid:version_id>/publish")
@requires(Permission.POLICY_SIGN, weighty=Weighty.PUT_RULES_IN_FORCE)
def publish(version_id: UUID) -> ResponseReturnValue:
    """Put a draft into force, as the second person."""
    read = request.form.get("read", "")
    publishing.publish_policy(version_id=version_id, published_by=me().id, at=clock.now(), read=read)
    flash("It is in force. What was in force before it is kept.", "success")
    return redirect(url_for("staff_drafts.version", version_id=version_id), code=303)


@bp.post("/<uuid:version_id>/discard")
@requires(Permission.POLICY_WRITE)
def discard(version_id: UUID) -> ResponseReturnValue:
    """Give a draft up."""
    editing.discard(version_id=version_id, actor_id=me().id, at=clock.now())
    flash("The draft is given up. It is kept to be read.", "success")
    return redirect(url_for("staff_policy.policy"), code=303)


@bp.post("/<uuid:version_id>/retire")
@requires(Permission.POLICY_WRITE, weighty=Weighty.PUT_RULES_IN_FORCE)
def retire(version_id: UUID) -> ResponseReturnValue:
    """Take what is in force out of force: the gate is shut."""
    form = ReasonForm()
    if form.validate_on_submit():
        with applied(form):
            editing.retire(version_id=version_id, actor_id=me().id, reason=form.reason.data or "", at=clock.now())
            flash("No rules are in force: the gate is shut.", "success")
            return redirect(url_for("staff_drafts.version", version_id=version_id), code=303)
    return _version(version_id, form)


class RevisionForm(Form):
    """Which revision of the draft the reader saw."""

    revision = HiddenField(validators=[InputRequired(), Regexp(_REVISION)])


_NOTHING: dict[str, Any] = {
    "id": "",
    "jurisdiction": "US-AL",
    "procedure_classes": [],
    "outcome": "operators",
    "evidence": "P",
    "needs_confirmation": True,
    "citations": [],
    "options": [{"name": "", "requires": {"credential": {"name": "", "types": ["MD_DO"]}}}],
}


def _version(version_id: UUID, form: ReasonForm) -> ResponseReturnValue:
    found = editing.version(version_id)
    policy, edits = editing.policy_in(found), editing.edits_of(version_id)
    base = editing.version(found.based_on_id) if found.based_on_id else None
    before = editing.policy_in(base).document if base else None
    comparison = compare(before, policy.document) if before else None
    people = {edit.actor_id for edit in edits} | {
        who for who in (found.proposed_by, found.published_by, found.discarded_by) if who
    }
    return render_template(
        "staff/policy_version.html",
        version=found,
        base=base,
        comparison=comparison,
        changes=rule_changes.changes(comparison, before, policy.document) if comparison and before else [],
        edits=edits,
        people=accounts.people(people),
        living=found.state is PolicyState.DRAFT and found.discarded_at is None,
        concerned=me().id in {found.proposed_by, *(edit.actor_id for edit in edits)},
        rules=policy.document.rules,
        states=STATES,
        known_from=gate.EVIDENCE_WORDS,
        form=form,
        revision=RevisionForm(data={"revision": str(found.revision)}),
    ), form.http_status


def _edited(found: PolicyVersion, form: RuleForm, before: dict[str, Any] | None) -> ResponseReturnValue:
    if form.validate_on_submit():
        with _pointed_at(form):
            body = _as_rule(form, before)
            editing.save_rule(version_id=found.id, revision=_number(form), rule=body, actor_id=me().id, at=clock.now())
            flash(f"{body['id']} is saved in this draft.", "success")
            return redirect(url_for("staff_drafts.version", version_id=found.id), code=303)
    return render_template(
        "staff/policy_rule.html", version=found, rule_id=before["id"] if before else None, form=form
    ), form.http_status


@contextmanager
def _pointed_at(form: RuleForm) -> Iterator[None]:
    """Show what is wrong with the rule beside its field, with the path inside it."""
    try:
        yield
    except Misshapen as wrong:
        key = wrong.path.partition(".")[0].partition("[")[0]
        name = FIELDS.get(key, key)
        sentence = f"{wrong.path}: {wrong.sentence}"
        if name in form and name != "citations":
            form[name].errors = [*form[name].errors, sentence]
        else:
            form.form_errors = [*form.form_errors, sentence]


def _number(form: Form) -> int:
    return int(form["revision"].data)


def _as_form(body: dict[str, Any], revision: int) -> dict[str, Any]:
    return {
        "revision": str(revision),
        "rule_id": body["id"],
        "state": body["jurisdiction"][3:],
        "procedures": body["procedure_classes"],
        "outcome": body["outcome"],
        "evidence": body["evidence"],
        "eligible": {None: "", True: "yes", False: "no"}[body.get("eligible_after_confirmation")],
        "in_force_from": _day(body.get("in_force_from")),
        "in_force_to": _day(body.get("in_force_to")),
        "excluded": "\n".join(body.get("excluded", ())),
        "citations": [{key: value or "" for key, value in cited.items()} for cited in body["citations"]],
        **{name: _json(body.get(name)) for name in ("options", "requires", "coverage", "not_accepted")},
    }


def _as_rule(form: RuleForm, before: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the form says as the document writes it; what the form does not speak of stays as it was."""
    return {
        **(before or {"needs_confirmation": True}),
        "id": before["id"] if before else form.rule_id.data,
        "jurisdiction": f"US-{form.state.data}",
        "procedure_classes": form.procedures.data,
        "outcome": form.outcome.data,
        "evidence": form.evidence.data,
        "eligible_after_confirmation": {"": None, "yes": True, "no": False}[form.eligible.data],
        "in_force_from": form.in_force_from.data.isoformat() if form.in_force_from.data else None,
        "in_force_to": form.in_force_to.data.isoformat() if form.in_force_to.data else None,
        "excluded": [line.strip() for line in (form.excluded.data or "").splitlines() if line.strip()],
        "citations": [
            {key: value or None for key, value in cited.items()} for cited in form.citations.data if cited["ref"]
        ],
        "options": _tree(form, "options", []),
        "requires": _tree(form, "requires", []),
        "coverage": _tree(form, "coverage", None),
        "not_accepted": _tree(form, "not_accepted", []),
    }


def _tree(form: RuleForm, name: str, empty: Any) -> Any:
    text = (form[name].data or "").strip()
    if not text:
        return empty
    try:
        return json.loads(text)
    except ValueError as wrong:
        raise Misshapen(name, f"this is not JSON: {wrong}") from None


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
