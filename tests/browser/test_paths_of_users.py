"""Each user's path through the pages, as somebody would walk it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.factories import PASSWORD
from tests.support.pictures import TEXT, png

Visits = Callable[..., Any]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two pictures and a text."""
    contents = {"morning_clouds.png": png(11), "evening_clouds.png": png(12), "dunes.txt": TEXT.encode()}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return [str(tmp_path / name) for name in contents]


# -- check ----------------------------------------------------------------------------------------------------
def test_check_a_picture_without_account(visit: Visits, files: list[str]) -> None:
    page = visit().open("/en/")
    page.set_input_files("#pick", files[0])

    expect(page.get_by_role("heading", name="This picture is not on record.")).to_be_visible()


def test_check_a_picture_without_script(visit: Visits, files: list[str]) -> None:
    page = visit(java_script_enabled=False).open("/de/")
    page.set_input_files("#pick", files[0])
    page.get_by_role("button", name="Prüfen").click()

    expect(page.get_by_role("heading", name="Dieses Bild ist nicht eingetragen.")).to_be_visible()


# -- a maker --------------------------------------------------------------------------------------------------
def test_a_maker_registers_three_files_and_withdraws_one(
    visit: Visits, files: list[str], tmp_path: Path
) -> None:
    wanda = visit()
    page = wanda.sign_up("creator", "Wanda Federkiel")
    expect(page.get_by_text("Nothing hangs here yet.")).to_be_visible()

    page.get_by_role("link", name="Register works").click()
    page.wait_for_url("**/works/register")
    broken = tmp_path / "broken.png"
    broken.write_bytes(png(3)[:300])
    page.set_input_files("#files", [*files, str(broken)])
    page.get_by_label("Title of morning_clouds.png").fill("Clouds, before noon")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("4 of 4 done")).to_be_visible()
    expect(page.locator("[data-state=reserved]")).to_have_count(3)
    expect(page.locator("[data-state=refused]")).to_contain_text("damaged or incomplete")

    page.locator("#onward").click()
    expect(page.locator(".plate")).to_have_count(3)
    page.get_by_role("link", name="Clouds, before noon").click()
    expect(page.get_by_role("img", name="Fingerprint of the work")).to_be_visible()
    page.get_by_role("link", name="Withdraw the work").click()
    page.get_by_role("button", name="Withdraw it").click()
    expect(page.get_by_text("You have withdrawn this work.")).to_be_visible()
    page.goto(page.url.replace("/en/", "/de/"))
    expect(page.get_by_text("Sie haben dieses Werk zurückgezogen.")).to_be_visible()


def test_registering_works_without_script(visit: Visits, files: list[str]) -> None:
    page = visit(java_script_enabled=False).sign_up("creator", "Selma", "de")
    page.get_by_role("link", name="Werke eintragen").click()
    page.set_input_files("#files", files)
    page.get_by_role("button", name="Eintragen", exact=True).click()

    expect(page.locator("[data-state]")).to_have_count(3)
    expect(page.get_by_role("heading", name="3 Werke sind eingetragen")).to_be_visible()


def test_a_lost_connection_doubles_nothing(visit: Visits, files: list[str]) -> None:
    made = visit()
    page = made.sign_up("creator", "Olga")
    page.get_by_role("link", name="Register works").click()
    page.wait_for_url("**/works/register")
    page.set_input_files("#files", files)
    sent = iter(range(99))
    page.route("**/works/register", lambda route: route.abort() if next(sent) == 1 else route.continue_())
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("The connection was lost.")).to_be_visible()
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("3 of 3 done")).to_be_visible()
    made.complaints.clear()  # the browser notes the request that was cut off

    page.goto(made.server.address + "/en/works")
    expect(page.locator(".plate")).to_have_count(3)


def test_what_is_wrong_with_the_form_is_shown_without_losing_the_files(
    visit: Visits, files: list[str]
) -> None:
    made = visit()
    page = made.sign_up("creator", "Petra")
    page.get_by_role("link", name="Register works").click()
    page.wait_for_url("**/works/register")
    page.set_input_files("#files", files[:1])
    page.get_by_label("How did they come about?").select_option("ai_assisted")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("Name the program, such as Blender 5.")).to_be_visible()
    made.complaints.clear()  # the browser notes every answer that is not 2xx

    page.get_by_label("Program").fill("Blender 5")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("1 of 1 done")).to_be_visible()


def test_a_maker_registers_by_keyboard_alone(visit: Visits, files: list[str]) -> None:
    made = visit()
    page = made.open("/en/sign-up")
    page.on(
        "filechooser", lambda _: None
    )  # from now on: else a quick press comes before the browser knows of it
    _tab_to(page, "input[name=role]")
    _tab_to(page, "#name")
    page.keyboard.type("Kira")
    page.keyboard.press("Tab")
    page.keyboard.type("kira@example.org")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/works")
    _tab_to(page, "main a.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/works/register")
    _tab_to(page, "#files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(files[0])
    _tab_to(page, "button[type=submit]")
    page.keyboard.press("Enter")

    expect(page.get_by_text("1 of 1 done")).to_be_visible()


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until this has the focus, which can be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by keyboard")


# -- passkeys -------------------------------------------------------------------------------------------------
def test_signing_in_by_passkey(visit: Visits) -> None:
    made = visit()
    page = made.sign_up("creator", "Ida")
    devices = made.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})

    made.open("/en/account")
    page.get_by_label("Name of the new passkey").fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("rowheader", name="My phone")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/en/works")
    made.open("/en/account")
    expect(page.get_by_text("by passkey")).to_be_visible()

    page.get_by_role("button", name="Remove My phone").click()
    expect(page.get_by_text("You have no passkeys yet.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("This passkey was not accepted.")).to_be_visible()
    made.complaints.clear()  # the browser notes every answer that is not 2xx


# -- a lab, a society -----------------------------------------------------------------------------------------
def test_a_lab_makes_a_key_and_names_a_model(visit: Visits) -> None:
    page = visit().sign_up("lab", "Nordlicht Labs")
    expect(page.get_by_text("No run yet.")).to_be_visible()
    page.get_by_role("link", name="Make a key", exact=True).click()
    page.get_by_label("What is it for?").fill("cluster")
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#new-key")).to_have_text(re.compile(r"vbk_[\w-]{47}"))

    page.get_by_role("link", name="Models").click()
    page.get_by_label("Model", exact=True).fill("nordlicht")
    page.get_by_label("Version").fill("1")
    page.get_by_role("button", name="Name it").click()
    expect(page.get_by_role("rowheader", name="nordlicht")).to_be_visible()


def test_a_society_sees_what_its_member_entrusts_to_it(visit: Visits, files: list[str]) -> None:
    society, member = visit(), visit()
    page = society.sign_up("society", "Musterkunst")
    society.open("/en/account")
    number = page.locator(".facts .mono").first.inner_text()
    his = member.sign_up("creator", "Jonas")
    member.open("/en/works/register")
    his.set_input_files("#files", files[:1])
    his.get_by_role("button", name="Register", exact=True).click()
    expect(his.get_by_text("1 of 1 done")).to_be_visible()
    his.get_by_role("link", name="Mandates").click()
    his.get_by_label("To whom?").fill(number)
    his.get_by_label("register works and change what is on record").check()
    his.get_by_label("read statements and collect money").check()
    his.get_by_role("button", name="Give the mandate").click()
    expect(his.get_by_text("Musterkunst")).to_be_visible()

    society.open("/en/mandates")
    page.get_by_role("link", name="works Jonas").click()
    expect(page.locator(".plate")).to_have_count(1)
    society.open("/en/mandates")
    page.get_by_role("link", name="statements Jonas").click()
    expect(page.get_by_text("Nobody has reported these works.")).to_be_visible()
