"""Policies as staff work on them: a draft of what is in force, edited rule by rule by several people, with history."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from .. import audit
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound
from ..kernel.shapes import Misshapen, write
from .models import PolicyEdit, PolicyState, PolicyVersion
from .publishing import digest_of, draft_policy, policy_of, published_policy
from .rulebook import Policy

RuleBody = dict[str, Any]


class DraftMoved(Conflict):
    """Somebody else has edited the draft since it was read."""

    code = "draft_moved"

    def __init__(self, by: UUID | None, rule_id: str) -> None:
        super().__init__(
            f"Somebody else has edited this draft since you opened it; their last edit was to {rule_id}.",
            cure="Nothing of yours was kept, and nothing of theirs was lost: open the rule again and repeat your edit.",
        )
        self.by = by


class NoDraft(Conflict):
    """The version is no draft that can still be edited."""

    code = "no_draft"

    def __init__(self) -> None:
        super().__init__(
            "Only a draft can be edited, and this one is published, retired or discarded.",
            cure="Make a new draft from what is in force.",
        )


def version(version_id: UUID) -> PolicyVersion:
    """
    Return one version, whole.

    :raises NotFound: there is none
    """
    found = db.session.get(PolicyVersion, version_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such policy.")
    return found


def edits_of(version_id: UUID) -> list[PolicyEdit]:
    """Return every edit of a version, the newest first."""
    return list(
        db.session.scalars(
            select(PolicyEdit).where(PolicyEdit.version_id == version_id).order_by(PolicyEdit.revision.desc())
        )
    )


def draft_from_published(*, actor_id: UUID, at: datetime) -> UUID:
    """
    Begin a draft as a copy of what is in force. It gates nothing.

    :raises NoPolicy: nothing is in force
    """
    published = published_policy()
    document = version(published.version_id).document
    return draft_policy(
        document=document,
        standing=published.standing,
        proposed_by=actor_id,
        based_on=published.version_id,
        at=at,
    )


def policy_in(found: PolicyVersion) -> Policy:
    """Return the rules of a version; those of a draft are read anew, because it changes."""
    return Policy.from_document(found.document) if found.state is PolicyState.DRAFT else policy_of(found.id)


def rule_in(found: PolicyVersion, rule_id: str) -> RuleBody:
    """
    Return one rule of a version as plain JSON.

    :raises NotFound: it has no such rule
    """
    for rule in policy_in(found).document.rules:
        if rule.id == rule_id:
            body: RuleBody = write(rule)
            return body
    raise NotFound("This policy has no such rule.")


def save_rule(*, version_id: UUID, revision: int, rule: RuleBody, actor_id: UUID, at: datetime) -> None:
    """
    Put a rule into a draft: in place of the one with its id, or as a new one at the end.

    `revision` is the draft's as the editor read it.

    :raises marketplace.kernel.shapes.Misshapen: the draft would be no policy; the path begins at the rule
    :raises DraftMoved: somebody else was faster
    :raises NoDraft: it cannot be edited any more
    :raises NotFound: there is no such version
    """

    def put(rules: list[RuleBody]) -> tuple[RuleBody | None, list[RuleBody]]:
        before = next((each for each in rules if each["id"] == rule["id"]), None)
        kept = [rule if each["id"] == rule["id"] else each for each in rules]
        return before, kept if before is not None else [*rules, rule]

    _edit(version_id, revision, rule["id"], put, after=rule, actor_id=actor_id, at=at)


def drop_rule(*, version_id: UUID, revision: int, rule_id: str, actor_id: UUID, at: datetime) -> None:
    """
    Leave a rule out of a draft. What was decided by it stays with the version it was decided by.

    :raises NotFound: there is no such version, or it has no such rule
    :raises DraftMoved: somebody else was faster
    :raises NoDraft: it cannot be edited any more
    """

    def leave_out(rules: list[RuleBody]) -> tuple[RuleBody | None, list[RuleBody]]:
        before = next((each for each in rules if each["id"] == rule_id), None)
        if before is None:
            raise NotFound("This policy has no such rule.")
        return before, [each for each in rules if each["id"] != rule_id]

    _edit(version_id, revision, rule_id, leave_out, after=None, actor_id=actor_id, at=at)


def discard(*, version_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Give a draft up. It is kept to be read, and can be neither edited nor published.

    :raises NotFound: there is no such version
    :raises NoDraft: it is no draft, or given up already
    """
    with unit_of_work():
        found = _locked(version_id)
        found.discarded_at, found.discarded_by = at, actor_id
        _record("policy:discarded", found, actor_id=actor_id, at=at)


def retire(*, version_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Take what is in force out of force with nothing in its place: the gate is shut until somebody publishes again.

    To shut the gate is always safe, so one person may do it.

    :raises Invalid: no reason was given
    :raises NotFound: there is no such version
    :raises Conflict: it is not in force
    """
    if not reason.strip():
        raise Invalid("Say why the gate is to be shut.", field="reason")
    with unit_of_work():
        found = db.session.get(PolicyVersion, version_id, with_for_update=True)
        if found is None:
            raise NotFound("There is no such policy.")
        if found.state is not PolicyState.PUBLISHED:
            raise Conflict("This policy is not in force.")
        found.state, found.retired_at = PolicyState.RETIRED, at
        _record("policy:retired", found, actor_id=actor_id, at=at, reason=reason.strip())


def _edit(
    version_id: UUID,
    revision: int,
    rule_id: str,
    change: Callable[[list[RuleBody]], tuple[RuleBody | None, list[RuleBody]]],
    *,
    after: RuleBody | None,
    actor_id: UUID,
    at: datetime,
) -> None:
    with unit_of_work():
        found = _locked(version_id)
        if found.revision != revision:
            last = edits_of(version_id)[0]
            raise DraftMoved(last.actor_id, last.rule_id)
        document = deepcopy(found.document)
        before, document["rules"] = change(document["rules"])
        _refuse_misshapen(document, rule_id)
        if before == after:
            return
        db.session.execute(
            update(PolicyVersion)
            .where(PolicyVersion.id == version_id)
            .values(document=document, digest=digest_of(document), revision=revision + 1)
        )
        db.session.add(
            PolicyEdit(
                version_id=version_id,
                revision=revision + 1,
                actor_id=actor_id,
                at=at,
                rule_id=rule_id,
                before=before,
                after=after,
            )
        )
        _record("policy:edited", found, actor_id=actor_id, at=at, rule=rule_id, digest=digest_of(document))


def _refuse_misshapen(document: dict[str, Any], rule_id: str) -> None:
    """Say of what is wrong in the rule where it is inside the rule, so that a form can point at the field."""
    position = next((n for n, rule in enumerate(document["rules"]) if rule["id"] == rule_id), None)
    try:
        Policy.from_document(document)
    except Misshapen as wrong:
        here = f"rules[{position}]."
        if wrong.path.startswith(here):
            raise Misshapen(wrong.path.removeprefix(here), wrong.sentence) from None
        raise


def _locked(version_id: UUID) -> PolicyVersion:
    found = db.session.get(PolicyVersion, version_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise NotFound("There is no such policy.")
    if found.state is not PolicyState.DRAFT or found.discarded_at is not None:
        raise NoDraft
    return found


def _record(kind: str, found: PolicyVersion, *, actor_id: UUID, at: datetime, **data: str) -> None:
    audit.record(
        kind, actor_id=actor_id, subject_type="policy", subject_id=found.id, at=at, number=found.number, **data
    )
