from collections.abc import Mapping
from typing import Any

from wtforms import Form

class FlaskForm(Form):
    class Meta:
        csrf: bool
        csrf_class: type[Any]
        def wrap_formdata(self, form: Form, formdata: Any) -> Any: ...

    def __init__(
        self,
        formdata: Any = ...,
        *,
        obj: Any = ...,
        prefix: str = ...,
        data: Mapping[str, Any] | None = ...,
        meta: Mapping[str, Any] | None = ...,
        **kwargs: Any,
    ) -> None: ...
    def is_submitted(self) -> bool: ...
    def validate_on_submit(self, extra_validators: Any = ...) -> bool: ...
    def hidden_tag(self, *fields: Any) -> str: ...
