from collections.abc import Callable
from typing import Any

from flask import Flask, Request

current_user: Any

class AnonymousUserMixin:
    is_authenticated: bool
    is_active: bool
    is_anonymous: bool
    def get_id(self) -> str | None: ...

class LoginManager:
    anonymous_user: type[Any]
    login_view: str | None
    session_protection: str | None
    def init_app(self, app: Flask) -> None: ...
    def user_loader(self, callback: Callable[[str], Any]) -> Callable[[str], Any]: ...
    def request_loader(self, callback: Callable[[Request], Any]) -> Callable[[Request], Any]: ...

def login_user(user: Any, remember: bool = ..., force: bool = ..., fresh: bool = ...) -> bool: ...
def logout_user() -> bool: ...
