"""Every reason the gate can give, and every cure it can name. Codes never change; sentences may."""

from enum import StrEnum


class Key(StrEnum):
    """What must turn before a device may go to a buyer; each is asked on its own."""

    DEVICE = "device"
    SELLER = "seller"
    RULE = "rule"
    OPERATOR = "operator"
    PRACTITIONER = "practitioner"
    SITE = "site"
    SUPERVISION = "supervision"
    STANDING = "standing"


class ReasonCode(StrEnum):
    """Why a key does not turn."""

    # The device
    MODEL_UNKNOWN = "MODEL_UNKNOWN"
    OTC_DEVICE = "OTC_DEVICE"
    RX_LABEL_NOT_SEEN = "RX_LABEL_NOT_SEEN"
    ID_LABEL_NOT_SEEN = "ID_LABEL_NOT_SEEN"
    REMANUFACTURED = "REMANUFACTURED"
    MODIFICATION_UNKNOWN = "MODIFICATION_UNKNOWN"
    RECALL_OPEN = "RECALL_OPEN"
    RECALL_NOT_CHECKED = "RECALL_NOT_CHECKED"
    NO_HANDPIECE = "NO_HANDPIECE"
    MODALITY_UNDETERMINED = "MODALITY_UNDETERMINED"
    NOTHING_ENABLED = "NOTHING_ENABLED"
    # The seller
    SELLER_NOT_VERIFIED = "SELLER_NOT_VERIFIED"
    SELLER_REFUSED = "SELLER_REFUSED"
    SELLER_SUSPENDED = "SELLER_SUSPENDED"
    # The rule at the place of use, and the uses declared under it
    NO_RULE = "NO_RULE_FOR_JURISDICTION_PROCEDURE"
    ROUTE_CLOSED = "ROUTE_CLOSED"
    USE_NOT_ENABLED = "USE_NOT_ENABLED"
    HANDPIECE_WITHOUT_USE = "HANDPIECE_WITHOUT_USE"
    RESTRICTION_NOT_SIGNED = "RESTRICTION_NOT_SIGNED"
    # A credential that is asked for, of an operator, a practitioner, a colleague or a site
    NO_CREDENTIAL = "NO_CREDENTIAL"
    STALE = "STALE"
    IN_REVIEW = "IN_REVIEW"
    NEEDS_INFO = "NEEDS_INFO"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    ENDORSEMENT_MISSING = "ENDORSEMENT_MISSING"
    LEVEL_NOT_COVERED = "LEVEL_NOT_COVERED"
    OTHER_MODEL = "OTHER_MODEL"
    WRONG_STATE = "WRONG_STATE"
    SUSPENDED = "SUSPENDED"
    REJECTED = "REJECTED"
    REVOKED = "REVOKED"
    NOT_ACCEPTED = "NOT_ACCEPTED"
    NOT_AN_OPERATOR_CERTIFICATE = "NOT_AN_OPERATOR_CERTIFICATE"
    # The people and the site
    NO_OPERATOR = "NO_OPERATOR"
    OPERATOR_NOT_MEMBER = "OPERATOR_NOT_MEMBER"
    NO_PRACTITIONER = "NO_PRACTITIONER"
    PRACTITIONER_NOT_MEMBER = "PRACTITIONER_NOT_MEMBER"
    ORDER_NOT_CONFIRMED = "ORDER_NOT_CONFIRMED"
    CONFIRMATION_STALE = "CONFIRMATION_STALE"
    STATEMENT_MISSING = "STATEMENT_MISSING"
    SAFETY_OFFICER_NOT_NAMED = "SAFETY_OFFICER_NOT_NAMED"
    # Standing
    EXCLUSION_OPEN = "EXCLUSION_OPEN"
    EXCLUSION_NOT_CHECKED = "EXCLUSION_NOT_CHECKED"
    BUYER_SUSPENDED = "BUYER_SUSPENDED"


class CureCode(StrEnum):
    """What can be done about an objection; pages turn it into a link."""

    SUBMIT_CREDENTIAL = "submit_credential"
    RENEW_CREDENTIAL = "renew_credential"
    ADD_TO_CREDENTIAL = "add_to_credential"
    ANSWER_REVIEWER = "answer_reviewer"
    AWAIT_REVIEW = "await_review"
    AWAIT_RECHECK = "await_recheck"
    AWAIT_START = "await_start"
    CHOOSE_OPERATOR = "choose_operator"
    INVITE_OPERATOR = "invite_operator"
    INVITE_PRACTITIONER = "invite_practitioner"
    INVITE_COLLEAGUE = "invite_colleague"
    CONFIRM_ORDER = "confirm_order"
    SIGN_RESTRICTION = "sign_restriction"
    NARROW_USES = "narrow_uses"
    CORRECT_USES = "correct_uses"
    REMOVE_HANDPIECE = "remove_handpiece"
    NAME_SAFETY_OFFICER = "name_safety_officer"
    ASK_SELLER = "ask_seller"
    CHOOSE_ANOTHER_DEVICE = "choose_another_device"
    ASK_FOR_REVIEW = "ask_for_review"
    CONTACT_STAFF = "contact_staff"
