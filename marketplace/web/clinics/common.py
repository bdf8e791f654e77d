"""What the pages of a clinic share."""

from flask import Blueprint
from wtforms.validators import Length

from ...clinics.policy import LONGEST_LINE

bp = Blueprint("clinics", __name__)

LINE = Length(max=LONGEST_LINE)
