"""Settings: defaults that work, values that are checked, and no variable that is silently ignored."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from registry.base.settings import FOREIGN, PREFIX, Settings
from registry.core.errors import InvalidInput

HOME = {"VORBEHALT_HOME": "/srv/registry"}
DOCS = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_everything_lives_under_the_home_folder() -> None:
    """Unless it is placed elsewhere."""
    settings = Settings.load(HOME)
    assert settings.home == Path("/srv/registry")
    assert settings.database_url == "sqlite:////srv/registry/registry.sqlite"
    assert settings.files_url == "file:///srv/registry/files"
    assert Settings.load(HOME | {"VORBEHALT_FILES_URL": "file:///data"}).files_url == "file:///data"


def test_without_anything_there_is_a_home() -> None:
    """The user's data folder; other variables do not matter."""
    assert Settings.load({"PATH": "/bin", "HOME": "/root"}).home.is_absolute()


def test_the_command_line_wins(tmp_path: Path) -> None:
    """Over the environment."""
    assert Settings.load(HOME, tmp_path).home == tmp_path


def test_a_home_with_a_space_is_a_proper_address(tmp_path: Path) -> None:
    """A store opened by the address is in that folder."""
    assert Settings(tmp_path / "my files").files_url.endswith("/my%20files/files")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VORBEHALT_DATABSE_URL", "VORBEHALT_DATABASE_URL"),
        ("VORBEHALT_FILES", "VORBEHALT_FILES_URL"),
        ("VORBEHALT_APIKEY", "VORBEHALT_API_KEY"),
        ("VORBEHALT_home", "VORBEHALT_HOME"),
    ],
)
def test_an_unknown_variable_stops_the_start(name: str, meant: str) -> None:
    """And the closest known one is named."""
    with pytest.raises(InvalidInput, match=f"no option {name}; did you mean {meant}"):
        Settings.load({name: "x"})


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_others_variables_pass(name: str) -> None:
    """The lab's key and the tests' data have the same prefix."""
    Settings.load(HOME | {name: "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOME", ""),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "postgresql://x"),
        ("FILES_URL", "/srv/files"),
        ("FILES_URL", "http://x"),
        ("ORIGIN", "https://registry.example"),
        ("ORIGIN", "Registry.example"),
        ("ORIGIN", "a b"),
        ("ORIGIN", "a+b"),
        ("ORIGIN", "registry.example/"),
        ("ORIGIN", ""),
        ("MAX_UPLOAD_BYTES", "64 MB"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("MAX_JSON_BYTES", "-1"),
        ("MAX_JSON_BYTES", "٣"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    """With its variable."""
    with pytest.raises(InvalidInput, match=f"^{PREFIX}{name}="):
        Settings.load(HOME | {PREFIX + name: value})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("database_url", "postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("files_url", "s3://bucket/prefix", "s3://bucket/prefix"),
        ("origin", "registry.example:8080/art", "registry.example:8080/art"),
        ("max_upload_bytes", "1000", 1000),
        ("log_level", "DEBUG", "debug"),
    ],
)
def test_values_are_read(name: str, text: str, value: object) -> None:
    """As the type that the option has."""
    assert getattr(Settings.load(HOME | {PREFIX + name.upper(): text}), name) == value


def test_every_option_has_a_sentence_and_is_documented() -> None:
    """The page says exactly what the code says."""
    page = DOCS.read_text(encoding="utf-8")
    for option in fields(Settings):
        assert option.metadata["sentence"].endswith(".")
        row = f"| `{PREFIX}{option.name.upper()}` | {option.metadata['default']} | {option.metadata['sentence']} |"
        assert row in page
