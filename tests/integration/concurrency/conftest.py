"""The application and its accounts, as the tests over HTTP have them."""

from tests.functional.conftest import account, app, client, settings, views

__all__ = ["account", "app", "client", "settings", "views"]
