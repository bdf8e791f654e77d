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

    @property
    def words(self) -> str:
        """Say it in general, of nobody and no device in particular."""
        return _WORDS[self]


_WORDS = {
    ReasonCode.MODEL_UNKNOWN: "The model is not in our catalogue",
    ReasonCode.OTC_DEVICE: "A device for use at home",
    ReasonCode.RX_LABEL_NOT_SEEN: "The prescription legend was not seen on the device",
    ReasonCode.ID_LABEL_NOT_SEEN: "The maker’s identification label was not seen on the device",
    ReasonCode.REMANUFACTURED: "The device was changed beyond service",
    ReasonCode.MODIFICATION_UNKNOWN: "Whether the device was changed beyond service is not known",
    ReasonCode.RECALL_OPEN: "An open recall concerns the device",
    ReasonCode.RECALL_NOT_CHECKED: "The device was not checked against the recalls",
    ReasonCode.NO_HANDPIECE: "The listing names no handpiece",
    ReasonCode.MODALITY_UNDETERMINED: "What a handpiece does is not known",
    ReasonCode.NOTHING_ENABLED: "Nothing in the sale treats anybody",
    ReasonCode.SELLER_NOT_VERIFIED: "The seller was not verified yet",
    ReasonCode.SELLER_REFUSED: "The seller was refused",
    ReasonCode.SELLER_SUSPENDED: "The seller was suspended",
    ReasonCode.NO_RULE: "No rule for this procedure at the place of use",
    ReasonCode.ROUTE_CLOSED: "The way that the rule names cannot be shown here",
    ReasonCode.USE_NOT_ENABLED: "A declared use that the device does not have",
    ReasonCode.HANDPIECE_WITHOUT_USE: "A handpiece for which no use was declared",
    ReasonCode.RESTRICTION_NOT_SIGNED: "The restriction of uses was not signed",
    ReasonCode.NO_CREDENTIAL: "A credential that is asked for was not handed in",
    ReasonCode.STALE: "The last look at the source is too old",
    ReasonCode.IN_REVIEW: "The credential waits for a verifier",
    ReasonCode.NEEDS_INFO: "The verifier waits for an answer",
    ReasonCode.EXPIRED: "The credential expired",
    ReasonCode.NOT_YET_VALID: "The credential is not valid yet",
    ReasonCode.ENDORSEMENT_MISSING: "An endorsement is missing",
    ReasonCode.LEVEL_NOT_COVERED: "The credential’s level does not cover it",
    ReasonCode.OTHER_MODEL: "Trained on another model",
    ReasonCode.WRONG_STATE: "A credential of another state",
    ReasonCode.SUSPENDED: "The credential is suspended",
    ReasonCode.REJECTED: "The credential was rejected",
    ReasonCode.REVOKED: "The credential was revoked",
    ReasonCode.NOT_ACCEPTED: "A credential that the rule does not accept",
    ReasonCode.NOT_AN_OPERATOR_CERTIFICATE: "A certificate that makes nobody an operator",
    ReasonCode.NO_OPERATOR: "Nobody was named who operates the device",
    ReasonCode.OPERATOR_NOT_MEMBER: "The operator is not a member of the clinic",
    ReasonCode.NO_PRACTITIONER: "The clinic has nobody who may order the device",
    ReasonCode.PRACTITIONER_NOT_MEMBER: "The ordering practitioner is not a member of the clinic",
    ReasonCode.ORDER_NOT_CONFIRMED: "The ordering practitioner has not confirmed the order",
    ReasonCode.CONFIRMATION_STALE: "The ordering practitioner’s confirmation is too old",
    ReasonCode.STATEMENT_MISSING: "A statement that the rule asks for was not signed",
    ReasonCode.SAFETY_OFFICER_NOT_NAMED: "The site has named no laser safety officer",
    ReasonCode.EXCLUSION_OPEN: "An exclusion finding is open",
    ReasonCode.EXCLUSION_NOT_CHECKED: "Somebody was not checked against the exclusion list in time",
    ReasonCode.BUYER_SUSPENDED: "The buyer may not buy at present",
}


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
