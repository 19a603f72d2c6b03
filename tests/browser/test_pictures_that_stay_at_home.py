"""Checking and registering pictures by fingerprints made in the browser: no byte of a picture leaves the device."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect
from sqlalchemy import func, select

from registry.works.models import Work
from tests.support.axe import objections
from tests.support.cutting import wire
from tests.support.pictures import TEXT, png
from tests.support.proxies import line_to

Visits = Callable[..., Any]

NOISE = """
const honest = OffscreenCanvasRenderingContext2D.prototype.getImageData;
OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...args) {
  const read = honest.apply(this, args);
  for (let i = 0; i < read.data.length; i += 97) read.data[i] ^= 1;
  return read;
};
"""


def saved(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def jpeg(seed: int) -> bytes:
    return saved(Image.open(io.BytesIO(png(seed))))


def middle(data: bytes) -> bytes:
    """Sixteen bytes by which a file is recognised."""
    at = len(data) // 2
    return data[at : at + 16]


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
        return any(middle(data) in body for body in self.bodies)


def written(folder: Path, contents: dict[str, bytes]) -> list[str]:
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in contents]


def register(page: Page, files: list[str]) -> None:
    page.goto(page.url.rsplit("/", 1)[0] + "/works/register")
    page.set_input_files("#files", files)
    page.get_by_role("button", name="Register", exact=True).click()


def photos(number: int) -> dict[str, bytes]:
    """So many small photographs, no two alike."""
    coarse = np.random.default_rng(number).integers(0, 256, (number, 8, 9, 3), dtype=np.uint8)
    return {f"{n:04}.jpg": saved(Image.fromarray(pixels).resize((72, 64))) for n, pixels in enumerate(coarse)}


def test_of_a_thousand_photos_no_byte_is_sent(visit: Visits, tmp_path: Path) -> None:
    contents = photos(1000)
    made = visit()
    page = made.sign_up("creator", "Hanna")
    sent = Sent(made)
    page.goto(made.server.address + "/en/works/register")
    page.set_input_files("#files", written(tmp_path, contents))
    expect(page.locator("#pages")).to_contain_text("1 to 25 of 1,000")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("1,000 of 1,000 done")).to_be_visible()

    expect(page.locator("#ledger")).to_contain_text("Of the files themselves: 0 byte")
    heard = b"".join(sent.bodies)
    assert len(sent.bodies) < 200  # a few at a time
    assert len(heard) < 2_500 * len(contents)
    assert not [name for name, data in contents.items() if middle(data) in heard]
    with made.server.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Work).where(Work.title.like("0%"))) == 1000

    # They are looked through a page at a time, by what became of them.
    expect(page.locator("#rows [data-state=reserved]")).to_have_count(25)
    expect(page.locator("#rows .badge-device")).to_have_count(25)
    expect(page.locator("#rows canvas")).to_have_count(25)
    page.get_by_role("button", name="Next files").click()
    expect(page.locator("#pages")).to_contain_text("26 to 50 of 1,000")
    expect(page.locator("#rows .name").first).to_have_text("0025")
    assert objections(page) == []


def test_whoever_checks_a_picture_does_not_send_it_either(visit: Visits, tmp_path: Path) -> None:
    (coast,) = written(tmp_path, {"coast.jpg": jpeg(50)})
    made = visit()
    page = made.sign_up("creator", "Hedda")
    register(page, [coast])
    expect(page.get_by_text("1 of 1 done")).to_be_visible()
    sent = Sent(made)

    # The server's own codes of the file meet those of the browser.
    made.open("/en/")
    page.set_input_files("#pick", coast)
    expect(page.get_by_role("heading", name="This picture is on record.")).to_be_visible()
    expect(page.get_by_text("This file did not leave your device")).to_be_visible()
    expect(page.get_by_text("A machine decided this")).to_be_visible()
    assert objections(page) == []
    assert not sent.holds(Path(coast).read_bytes())
    page.check("#send")
    page.set_input_files("#pick", coast)
    expect(page.get_by_text("Your file is the registered one, byte for byte.")).to_be_visible()
    expect(page.get_by_text("This file did not leave your device")).to_have_count(0)
    assert sent.holds(Path(coast).read_bytes())  # so this test would notice


def test_what_cannot_be_registered_is_said_at_once_and_not_sent(visit: Visits, tmp_path: Path) -> None:
    contents = {
        "IMG_1.HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        "diary.jpg": b"Dear diary, this is no picture at all.",
        "broken.png": png(3)[:300],
        "first.png": png(71),
        "again.png": png(71),
        "page.html": b"<p>" + TEXT.encode(),
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
    expect(
        page.get_by_text("are read by us, not by your browser. It is not sent unless you say so.")
    ).to_be_visible()
    expect(page.locator("#rows progress")).to_have_count(0)
    assert objections(page) == []

    # What needs no answer is registered; the rest waits for one.
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("6 of 7 done")).to_be_visible()
    expect(page.locator("#asks")).to_contain_text("your browser cannot read 1.")
    expect(page.locator("#asks")).to_be_focused()
    assert objections(page) == []
    assert [name for name, data in contents.items() if sent.holds(data)] == []
    page.get_by_role("button", name="Yes, send them").click()
    expect(page.get_by_text("7 of 7 done")).to_be_visible()
    expect(page.locator("#asks")).to_be_hidden()
    expect(page.locator("[data-state=reserved]")).to_have_count(2)
    assert objections(page) == []
    assert [name for name, data in contents.items() if sent.holds(data)] == ["page.html"]


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
    made = visit()
    page = made.sign_up("creator", "Nora")
    answers = iter(range(99))

    def answer_lost(route: Route) -> None:
        """The first request is carried out, but nobody hears of it; then there is no network."""
        if route.request.method != "POST" or next(answers):
            return route.continue_()
        route.fetch()
        made.context.set_offline(True)
        return route.abort()

    page.route("**/works/register", answer_lost)
    register(page, written(tmp_path, {f"{n}.png": png(90 + n) for n in range(8)}))
    expect(page.get_by_text("The connection was lost.")).to_be_visible()
    expect(page.locator("[data-state=reserved]")).to_have_count(0)
    made.context.set_offline(False)
    expect(page.get_by_text("8 of 8 done")).to_be_visible()
    expect(page.locator("[data-state=reserved]")).to_have_count(8)  # the lost answer was given again
    made.complaints.clear()  # the browser notes the request that was cut off

    made.open("/en/works")
    expect(page.locator(".plate")).to_have_count(8)


def test_200_files_survive_a_broken_line_and_a_reload(visit: Visits, tmp_path: Path) -> None:
    """A request is cut in its middle, an answer after the server has committed; then the page is reloaded."""
    files = written(tmp_path, photos(200))
    made = visit()
    with wire(made.server.address) as answers, line_to(answers.address) as line:
        made.server = replace(made.server, address=line.url)
        page = made.sign_up("creator", "Rosa")
        page.goto(line.url + "/en/works/register")
        page.set_input_files("#files", files)
        expect(page.locator("#making")).to_be_hidden()
        button = page.get_by_role("button", name="Register", exact=True)

        line.left = 80_000  # bytes until it breaks: within the third or fourth request
        button.click()
        expect(page.get_by_text("The connection was lost.")).to_be_visible()
        done = int(page.get_by_role("button", name="Reserved").inner_text().split()[-1])
        assert 20 <= done <= 80
        line.left, answers.after, answers.cuts = None, 100, 1
        button.click()
        while not answers.done:
            page.wait_for_timeout(20)
        expect(page.get_by_text("The connection was lost.")).to_be_visible()
        made.complaints.clear()  # the browser notes what was cut off

        page.reload()
        expect(page.get_by_text(f"{done + 20} of {done + 20} done")).to_be_visible()
        expect(page.locator("#rows [data-state=reserved]")).to_have_count(25)
        expect(page.locator("#unsent")).to_contain_text(f"{200 - done - 20} not yet")
        assert objections(page) == []
        page.set_input_files("#files", files)
        expect(page.locator("#count")).to_have_text(f"{done + 20} of 200 done")
        page.get_by_role("button", name="Register", exact=True).click()
        expect(page.get_by_text("200 of 200 done")).to_be_visible()
        expect(page.locator("#states [value=reserved] .count")).to_have_text("200")
        made.open("/en/works")
        expect(page.locator(".filters").first).to_contain_text("All 200")


def test_what_the_server_refused_can_be_sent_again(visit: Visits, tmp_path: Path) -> None:
    (file,) = written(tmp_path, {"coast.jpg": jpeg(51)})
    made = visit()
    page = made.sign_up("creator", "Vera")
    page.goto(made.server.address + "/en/works/register")
    page.set_input_files("#files", file)
    page.get_by_label("Title of coast.jpg").fill("Coast\u200bline")  # a letter that nobody sees
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.locator("[data-state=refused]")).to_contain_text("The title cannot be taken")
    page.set_input_files("#files", file)
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.locator("[data-state=reserved]")).to_have_count(1)
    expect(page.get_by_text("1 of 1 done")).to_be_visible()


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


def test_previews_are_made_on_the_device_and_the_file_is_shown_afterwards(
    visit: Visits, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.open(io.BytesIO(png(61, (1200, 800))))
    wide.save(tmp_path / "turned.jpg", exif=exif)
    wide.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "drawing.png")
    made = visit(viewport={"width": 360, "height": 800}, color_scheme="dark")
    page = made.sign_up("creator", "Ilse")
    sent = Sent(made)
    page.goto(made.server.address + "/en/works/register")
    page.get_by_label("Keep a small preview").check()
    assert objections(page) == []
    page.set_input_files("#files", [str(tmp_path / "turned.jpg"), str(tmp_path / "drawing.png")])
    page.get_by_label("Title of drawing.png").press_sequentially(", first state")  # while it is hashed
    expect(page.locator("#making")).to_be_hidden()
    expect(page.get_by_label("Title of drawing.png")).to_be_focused()
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("2 of 2 done")).to_be_visible()
    assert not sent.holds((tmp_path / "turned.jpg").read_bytes())
    page.reload()
    expect(page.locator("#rows img")).to_have_count(2)

    page = made.open("/en/works")
    page.wait_for_load_state("networkidle")
    assert page.locator(".plate img").evaluate_all(
        "all => all.map((i) => [i.naturalWidth, i.naturalHeight])"
    ) == [
        [320, 213],
        [213, 320],
    ]
    assert objections(page) == []
    page.get_by_role("link", name="turned").click()
    expect(page.get_by_role("img", name="Preview of your work")).to_be_visible()
    assert objections(page) == []
    page.get_by_role("link", name="Add the file to this work").click()
    page.set_input_files("#pick", str(tmp_path / "turned.jpg"))
    assert objections(page) == []
    page.get_by_role("button", name="Add the fingerprints").click()
    expect(page.get_by_text("Parts of this picture are recognised from the next edition on.")).to_be_visible()
    page.get_by_role("button", name="Delete the preview").click()
    expect(page.get_by_role("img", name="Fingerprint of the work")).to_be_visible()

    # The choice is remembered for the next time, and for nobody else who uses this browser.
    made.open("/en/works/register")
    expect(page.get_by_label("Keep a small preview")).to_be_checked()
    page.get_by_label("No preview").check()
    page.reload()
    expect(page.get_by_label("No preview")).to_be_checked()
    page.get_by_label("Keep a small preview").check()
    made.context.clear_cookies()
    made.sign_up("creator", "Jette")
    made.open("/en/works/register")
    expect(page.get_by_label("No preview")).to_be_checked()
