"""Checking and registering pictures by fingerprints made in the browser: no byte of a picture leaves the device."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.support.axe import objections
from tests.support.pictures import TEXT, png

Visits = Callable[..., Any]

NOISE = """
const honest = OffscreenCanvasRenderingContext2D.prototype.getImageData;
OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...args) {
  const read = honest.apply(this, args);
  for (let i = 0; i < read.data.length; i += 97) read.data[i] ^= 1;
  return read;
};
"""


def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(png(seed))).save(file, "JPEG")
    return file.getvalue()


class Sent:
    """What was sent from now on, looked through for the bytes of files."""

    def __init__(self, visit: Any) -> None:
        self._heard: list[bytes] = visit.server.heard
        self._from = len(self._heard)

    @property
    def bodies(self) -> list[bytes]:
        return [body for body in self._heard[self._from :] if body]

    def holds(self, data: bytes) -> bool:
        """Whether any request brought sixteen bytes from the middle of this file."""
        middle = len(data) // 2
        return any(data[middle : middle + 16] in body for body in self.bodies)


def written(folder: Path, contents: dict[str, bytes]) -> list[str]:
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in contents]


def register(page: Page, files: list[str]) -> None:
    page.goto(page.url.rsplit("/", 1)[0] + "/works/register")
    page.set_input_files("#files", files)
    page.get_by_role("button", name="Register", exact=True).click()


def test_only_fingerprints_of_pictures_are_sent(visit: Visits, tmp_path: Path) -> None:
    contents = {f"{n}.png": png(30 + n) for n in range(12)} | {"coast.jpg": jpeg(50)}
    made = visit()
    page = made.sign_up("creator", "Hanna")
    sent = Sent(made)
    register(page, written(tmp_path, contents))
    expect(page.get_by_text("13 of 13 done")).to_be_visible()

    expect(page.locator("[data-state=reserved]")).to_have_count(13)
    expect(page.locator("[data-state=reserved] .badge-device")).to_have_count(13)
    expect(page.locator("#ledger")).to_contain_text("Of the files themselves: 0 byte")
    assert len(sent.bodies) == 13
    assert not any(sent.holds(data) for data in contents.values())

    # Whoever asks is told so, again without sending the picture; the server's own codes of the file meet these.
    made.open("/en/")
    page.set_input_files("#pick", str(tmp_path / "coast.jpg"))
    expect(page.get_by_role("heading", name="This picture is on record.")).to_be_visible()
    expect(page.get_by_text("This file did not leave your device")).to_be_visible()
    expect(page.get_by_text("A machine decided this")).to_be_visible()
    assert objections(page) == []
    assert not sent.holds(contents["coast.jpg"])
    page.check("#send")
    page.set_input_files("#pick", str(tmp_path / "coast.jpg"))
    expect(page.get_by_text("Your file is the registered one, byte for byte.")).to_be_visible()
    expect(page.get_by_text("This file did not leave your device")).to_have_count(0)
    assert sent.holds(contents["coast.jpg"])  # so this test would notice


def test_what_cannot_be_registered_is_said_at_once_and_not_sent(visit: Visits, tmp_path: Path) -> None:
    contents = {
        "IMG_1.HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        "diary.jpg": b"Dear diary, this is no picture at all.",
        "broken.png": png(3)[:300],
        "first.png": png(71),
        "again.png": png(71),
        "poem.txt": TEXT.encode(),
    }
    files = written(tmp_path, contents)
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(500 * 2**20)  # takes no room on the disk
    made = visit()
    page = made.sign_up("creator", "Ada")
    sent = Sent(made)
    made.open("/en/works/register")
    page.set_input_files("#files", [*files, str(tmp_path / "huge.jpg")])

    for name, said in {
        "IMG_1.HEIC": "Please save it as JPEG",
        "diary.jpg": "there is none inside",
        "broken.png": "damaged or incomplete",
        "huge.jpg": "larger than 256 MB",
    }.items():
        row = page.locator("[data-state=refused]", has=page.get_by_text(name, exact=True))
        expect(row).to_contain_text(said)
    expect(page.locator("[data-state=twice]")).to_contain_text("byte for byte")
    expect(page.get_by_text("Texts are fingerprinted by us. This file will be sent.")).to_be_visible()
    expect(page.locator("#rows progress")).to_have_count(0)
    assert objections(page) == []
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("7 of 7 done")).to_be_visible()
    expect(page.locator("[data-state=reserved]")).to_have_count(2)
    assert objections(page) == []
    assert [name for name, data in contents.items() if sent.holds(data)] == ["poem.txt"]


def test_a_browser_that_alters_pixels_is_found_out(visit: Visits, tmp_path: Path) -> None:
    photo, drawing = written(tmp_path, {"photo.jpg": jpeg(81), "drawing.png": png(82)})
    made = visit()

    def with_noise(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=NOISE + answer.text())

    made.context.route("**/hash/pixels.js", with_noise)
    page = made.open("/en/")
    sent = Sent(made)
    page.set_input_files("#pick", photo)
    expect(page.get_by_text("Your browser alters the pixels that a page reads")).to_be_visible()
    expect(page.locator("#send")).to_be_focused()
    assert objections(page) == []
    assert not sent.bodies  # not without being asked

    page.locator("#send").check()
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("heading", name="This picture is not on record.")).to_be_visible()
    assert sent.holds(Path(photo).read_bytes())

    page.wait_for_load_state()
    page.set_input_files("#pick", drawing)  # needs no canvas
    expect(page.get_by_text("This file did not leave your device")).to_be_visible()
    assert not sent.holds(Path(drawing).read_bytes())


def test_it_goes_on_by_itself_after_a_lost_connection(visit: Visits, tmp_path: Path) -> None:
    names = {f"{n}.png": png(90 + n) for n in range(8)}
    made = visit()
    page = made.sign_up("creator", "Nora")
    posts = iter(range(99))

    def answer_lost(route: Route) -> None:
        """The fourth is registered, but nobody hears of it; then there is no network."""
        if next(posts) != 3:
            return route.continue_()
        route.fetch()
        made.context.set_offline(True)
        return route.abort()

    page.route(
        "**/works/register",
        lambda route: answer_lost(route) if route.request.method == "POST" else route.continue_(),
    )
    register(page, written(tmp_path, names))
    expect(page.get_by_text("The connection was lost.")).to_be_visible()
    expect(page.locator("[data-state=reserved]")).to_have_count(3)
    made.context.set_offline(False)
    expect(page.get_by_text("8 of 8 done")).to_be_visible()
    expect(page.locator("[data-state=yours]")).to_have_count(1)
    made.complaints.clear()  # the browser notes the request that was cut off

    made.open("/en/works")
    expect(page.locator(".plate")).to_have_count(8)


MD5_ALONE = {"algorithm": "digest.md5.v1", "kind": "whole", "code": "00"}
PICTURE = {"media_type": "image/png", "size": 1, "width": 1, "height": 1}


@pytest.mark.parametrize(
    "codes", ["[", {"codes": []}, PICTURE | {"codes": [MD5_ALONE]}, PICTURE | {"codes": [1]}]
)
def test_codes_that_are_none_are_refused(visit: Visits, codes: Any) -> None:
    made = visit()
    text = codes if isinstance(codes, str) else json.dumps(codes)
    answer = made.context.request.post(
        made.server.address + "/en/check", multipart={"name": "x.png", "codes": text}
    )

    assert answer.status == 400
    assert "could not be checked" in answer.text()
