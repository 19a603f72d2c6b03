"""Claim: refusals that the best-known libraries overlook are read, and those addressed to others are not mistaken.

    python benchmarks/signals_peers.py

Peers, each asked as its documentation says, in an environment of their own that is made for the purpose: datadiligence
0.1.7 (evaluators of headers, files and addresses), img2dataset 1.47.0 (`is_disallowed`, by which it drops pictures),
and for robots.txt protego 0.7.0, robotspy 0.13.0 and Python's `urllib.robotparser`. Every case is a published vector
(tests/conformance/signals) or made here from one. Printed are what each says, and how often it allows what its owner
refused. Needs the network once, for the peers' packages.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from registry.core.decisions import Purpose
from registry.core.fingerprints.model import Limits
from registry.core.signals import Answer, Media, Observation, Subject, combine, robots
from registry.core.signals.reading import Obtained, read
from tests.support.makers_key import makers_key, signed

VECTORS = Path(__file__).parent.parent / "tests" / "conformance" / "signals"
PEERS = ("datadiligence==0.1.7", "protego==0.7.0", "robotspy==0.13.0")
URL = "https://example.org/a.jpg"
USES = ("data_mining", "ai_inference", "ai_training", "ai_generative_training")

PROBE = """
import sys
out, sys.stdout = sys.stdout, sys.stderr  # peers print
import ast, base64, io, json, tempfile, traceback, email.message, urllib.robotparser
import datadiligence as dd, protego, robots
from pathlib import Path
source = Path(sys.argv[1]).read_text()
function = next(n for n in ast.parse(source).body if getattr(n, "name", "") == "is_disallowed")
space = {"traceback": traceback}
exec(compile(ast.Module([function], []), "img2dataset", "exec"), space)

def ask(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__

def headers(case):
    pairs, shape = case["headers"], case["shape"]
    if shape == "dict":
        return dict(pairs)
    if shape == "pairs":
        return [tuple(p) for p in pairs]
    message = email.message.Message()
    for name, value in pairs:
        message[name] = value
    return message

def datadiligence(case):
    word = lambda allowed: "allow" if allowed else "deny"
    if case["kind"] == "headers":
        return word(dd.is_allowed(headers=headers(case), user_agent=case.get("agent")))
    if case["kind"] == "file":
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            file.write(base64.b64decode(case["base64"])); file.flush()
            return word(dd.is_allowed(path=file.name))
    if case["kind"] == "html":
        return word(dd.is_allowed(body=case["text"]))
    return word(all(dd.is_allowed(urls=[case["url"]])))

def img2dataset(case):
    message = email.message.Message()
    for name, value in case["headers"]:
        message[name] = value
    refused = space["is_disallowed"](message, case.get("agent"), ["noai", "noimageai", "noindex", "noimageindex"])
    return "deny" if refused else "allow"

def by_robots(case):
    body = base64.b64decode(case["base64"])
    text, agent, url = body.decode("utf-8", "replace"), case["agent"], case["url"]
    plain = urllib.robotparser.RobotFileParser(); plain.parse(text.splitlines())
    word = lambda allowed: "allow" if allowed else "deny"
    return {
        "protego": ask(lambda: word(protego.Protego.parse(text).can_fetch(url, agent))),
        "robotspy": ask(lambda: word(robots.RobotsParser.from_string(text).can_fetch(agent, url))),
        "urllib": ask(lambda: word(plain.can_fetch(agent, url))),
    }

answers = []
for case in json.load(sys.stdin):
    if case["kind"] == "robots":
        answers.append(by_robots(case))
    else:
        said = {"datadiligence": ask(lambda: datadiligence(case))}
        if case["kind"] == "headers":
            said["img2dataset"] = ask(lambda: img2dataset(case))
        answers.append(said)
json.dump(answers, out)
"""


@dataclass(frozen=True)
class Case:
    """One question, what is right, and what we say."""

    name: str
    right: str
    ours: str
    asked: dict[str, Any]


def main() -> None:
    """Ask everybody and print the table."""
    cases = [*header_cases(), *file_cases(), *robots_cases()]
    with tempfile.TemporaryDirectory() as folder:
        answers = ask_peers(Path(folder), [case.asked for case in cases])
    peers = sorted({peer for said in answers for peer in said})
    print(f"{'case':<58}{'right':<9}{'ours':<9}" + "".join(f"{peer:<15}" for peer in peers))
    for case, said in zip(cases, answers, strict=True):
        cells = "".join(f"{said.get(peer, '-')[:14]:<15}" for peer in peers)
        print(f"{case.name[:57]:<58}{case.right:<9}{case.ours:<9}{cells}")
    print()
    for name in ("ours", *peers):
        given = [
            (c.right, c.ours if name == "ours" else said.get(name))
            for c, said in zip(cases, answers, strict=True)
        ]
        asked = [(right, answer) for right, answer in given if answer is not None]
        refused = [answer for right, answer in asked if right == "deny"]
        lost = sum(answer == "allow" for answer in refused)
        wrong = sum(answer != right for right, answer in asked)
        print(f"{name:<15}allowed {lost} of {len(refused)} refusals; wrong in {wrong} of {len(asked)} cases")


def ask_peers(folder: Path, cases: list[dict[str, Any]]) -> list[dict[str, str]]:
    """What the peers answer in an environment of their own."""
    venv.create(folder / "env", with_pip=True)
    python = str(folder / "env" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PEERS], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(
        [*pip, "--no-deps", "--target", str(folder / "i2d"), "img2dataset==1.47.0"],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    (folder / "probe.py").write_text(PROBE)
    command = [python, str(folder / "probe.py"), str(folder / "i2d" / "img2dataset" / "downloader.py")]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the peers could not be asked:\n{done.stderr[-2000:]}")
    answered: list[dict[str, str]] = json.loads(done.stdout)
    return answered


def ours(
    headers: list[list[str]], body: bytes = b"", agent: str | None = None, kind: str = "image/jpeg"
) -> str:
    """What we say about training on an answer with these headers and this body."""
    pairs = [*((name, value) for name, value in headers), ("Content-Type", kind)]
    subject = Subject(URL, Media.IMAGE, agent, any_ai_agent=agent is None)
    item = Observation(URL, 200, tuple(pairs), body)
    finding = combine(read(Obtained(item), subject, Limits()), Purpose.TRAIN_AI)
    if finding.answer is Answer.DENY:
        return "deny"
    return "unknown" if finding.gap else "allow"  # peers know no other word for what nobody refuses


def header_cases() -> list[Case]:
    """Headers in the shapes in which programs hold them, and pages."""
    rows: list[tuple[str, str, list[list[str]], str, str | None]] = [
        ("X-Robots-Tag: noai", "deny", [["X-Robots-Tag", "noai"]], "dict", None),
        ("X-Robots-Tag: NoAI", "deny", [["X-Robots-Tag", "NoAI"]], "dict", None),
        ("x-robots-tag: noai, as HTTP/2 writes it", "deny", [["x-robots-tag", "noai"]], "dict", None),
        (
            "two X-Robots-Tag, the second noai",
            "deny",
            [["X-Robots-Tag", "noindex"], ["X-Robots-Tag", "noai"]],
            "pairs",
            None,
        ),
        (
            "the same as a message",
            "deny",
            [["X-Robots-Tag", "max-snippet:0"], ["X-Robots-Tag", "noai"]],
            "message",
            None,
        ),
        ("X-Robots-Tag: noml", "deny", [["X-Robots-Tag", "noml"]], "dict", None),
        (
            "otherbot: noindex, noai, asked by mybot",
            "allow",
            [["X-Robots-Tag", "otherbot: noindex, noai"]],
            "dict",
            "mybot",
        ),
        ("max-snippet:0, noai", "deny", [["X-Robots-Tag", "max-snippet:0, noai"]], "dict", None),
        (
            "max-image-preview:none, noai",
            "deny",
            [["X-Robots-Tag", "max-image-preview:none, noai"]],
            "dict",
            None,
        ),
        (
            "unavailable_after: <date>, noai",
            "deny",
            [["X-Robots-Tag", "unavailable_after: 25 Jun 2030 15:00:00 PST, noai"]],
            "dict",
            None,
        ),
        ("TDM-Reservation: 1", "deny", [["TDM-Reservation", "1"]], "dict", None),
        ("tdm-reservation: 1, 1", "deny", [["tdm-reservation", "1, 1"]], "dict", None),
        ("Content-Usage: train-ai=n", "deny", [["Content-Usage", "train-ai=n"]], "dict", None),
        ("no header at all", "allow", [], "dict", None),
    ]
    cases = [
        Case(
            name,
            right,
            ours(headers, agent=agent),
            {"kind": "headers", "headers": headers, "shape": shape, "agent": agent},
        )
        for name, right, headers, shape, agent in rows
    ]
    page = '<html><head><meta name="tdm-reservation" content="1"></head></html>'
    said = ours([], page.encode(), kind="text/html")
    cases.append(Case("<meta name=tdm-reservation content=1>", "deny", said, {"kind": "html", "text": page}))
    return cases


def file_cases() -> list[Case]:
    """Pictures with content credentials that refuse, with IPTC's word, and a damaged one."""
    out = BytesIO()
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
        b'plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"/></rdf:RDF></x:xmpmeta>'
    )
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(out, "JPEG")
    plain = out.getvalue()
    files = {
        f"JPEG signed with {family}.training-mining notAllowed": signed(
            plain,
            "image/jpeg",
            f"{family}.training-mining",
            {f"{family}.{use}": {"use": "notAllowed"} for use in USES},
            makers_key(),
        )
        for family in ("cawg", "c2pa")
    } | {
        "JPEG with IPTC DMI-PROHIBITED": plain[:2]
        + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)
        + plain[2:],
    }
    cut = "the first of these, cut off in its credentials"
    files[cut] = next(iter(files.values()))[:1200]
    return [
        Case(
            name,
            "unknown" if name == cut else "deny",
            ours([], data),
            {"kind": "file", "base64": base64.b64encode(data).decode()},
        )
        for name, data in files.items()
    ]


def segment(marker: int, content: bytes) -> bytes:
    """A JPEG segment."""
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def robots_cases() -> list[Case]:
    """The vectors of robots.txt about fetching."""
    cases = []
    for vector in json.loads((VECTORS / "robots.json").read_text()):
        subject, right = vector["subject"], vector["expect"].get("acquire")
        if (
            vector["read"] != "robots"
            or right is None
            or "agent" not in subject
            or subject.get("any_ai_agent", True)
        ):
            continue
        given = vector["input"]
        body = base64.b64decode(given["base64"]) if "base64" in given else given["text"].encode()
        said = "allow" if robots.Robots.parse(body).allows(subject["url"], subject["agent"]) else "deny"
        asked = {
            "kind": "robots",
            "base64": base64.b64encode(body).decode(),
            "agent": subject["agent"],
            "url": subject["url"],
        }
        cases.append(Case(f"robots.txt {vector['id']}: {vector['why']}", right, said, asked))
    return cases


if __name__ == "__main__":
    main()
