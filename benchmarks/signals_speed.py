"""Claim: robots.txt is evaluated, and files are searched for what they say, at a cost that no run notices.

    python benchmarks/signals_speed.py [--rounds 5]

Evaluations of one parsed robots.txt (20 rules, groups for 40 AI agents) with all its signals, beside protego's
`can_fetch`, which answers for one agent and one question only. JPEG files searched for XMP and content credentials
without decoding, beside Pillow opening the file and reading its XMP, and beside decoding it. Peers that are not
installed are left out. Processor time, best of some rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
from io import BytesIO

import numpy as np
from PIL import Image

from benchmarks._measuring import best_of, machine
from registry.core.fingerprints.model import Limits
from registry.core.signals import Media, Subject, agents, content_signal, content_usage, embedded, robots
from registry.core.signals.emit import Declaration
from registry.core.signals.emit.stamp import stamp

EVALUATIONS = 5_000
GOAL_EVALUATIONS, GOAL_BYTES = 20_000, 200e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(machine())
    evaluate(rounds)
    scan(rounds)


def evaluate(rounds: int) -> None:
    """One site's file asked about many addresses."""
    rules = "".join(f"Disallow: /private{i}/*.x\n" for i in range(20))
    groups = "".join(f"User-agent: {token}\nDisallow: /\n\n" for token in agents.TOKENS[:40])
    text = f"User-agent: *\n{rules}Content-Usage: train-ai=n\nContent-Signal: ai-train=no\n\n{groups}"
    parsed = robots.Robots.parse(text.encode())
    urls = [f"https://example.org/a/b{i}.jpg" for i in range(EVALUATIONS)]

    def fetching(any_agent: bool) -> int:
        return sum(len(robots.read(parsed, Subject(url, any_ai_agent=any_agent))) for url in urls)

    def everything() -> int:
        found = 0
        for url in urls:
            subject = Subject(url, agent="mybot", any_ai_agent=False)
            found += len(robots.read(parsed, subject))
            found += len(content_usage.read_robots(parsed, subject))
            found += len(content_signal.read_robots(parsed, subject))
        return found

    print(
        f"\nrobots.txt of {len(text):,} bytes, {EVALUATIONS:,} addresses; goal {GOAL_EVALUATIONS:,} evaluations/s"
    )
    ours = report("own group", best_of(rounds, lambda: fetching(False))[0])
    report("own group and 40 AI agents", best_of(rounds, lambda: fetching(True))[0])
    report("own group, with Content-Usage and Content-Signal", best_of(rounds, everything)[0])
    if importlib.util.find_spec("protego") is None:
        print("  protego is not installed")
        return
    from protego import Protego  # type: ignore[import-not-found,unused-ignore]

    peer = Protego.parse(text)
    theirs = report("protego", best_of(rounds, lambda: sum(peer.can_fetch(url, "mybot") for url in urls))[0])
    print(f"  ratio, own group against protego: {ours / theirs:.1f}x")


def report(name: str, seconds: float) -> float:
    """One line; evaluations a second."""
    rate = EVALUATIONS / seconds
    print(f"  {name:<50}{rate:>12,.0f}/s")
    return rate


def scan(rounds: int) -> None:
    """Pictures of some sizes, with and without XMP."""
    print(f"\nJPEG files searched for XMP and content credentials; goal {GOAL_BYTES / 1e6:.0f} MB/s")
    print(f"  {'file':<28}{'ours':>16}{'Pillow, open':>16}{'decoding':>16}{'to Pillow':>12}")
    rng = np.random.default_rng(1)
    for side in (256, 1024, 3000):
        small = Image.fromarray(rng.integers(0, 255, (side // 8, side // 8, 3), dtype=np.uint8))
        out = BytesIO()
        small.resize((side, side)).save(out, "JPEG", quality=90)
        for name, data in (("plain", out.getvalue()), ("with XMP", stamp(out.getvalue(), Declaration()))):
            line(f"{side} px {name}, {len(data) / 1e3:,.0f} kB", data, rounds)


def line(name: str, data: bytes, rounds: int) -> None:
    """One file's figures in megabytes a second."""
    subject, limits, repeats = Subject(media=Media.IMAGE), Limits(), 300

    def opened() -> int:
        return sum(len(Image.open(BytesIO(data)).getxmp()) for _ in range(repeats))

    seconds = [
        best_of(rounds, lambda: sum(len(embedded.read(data, subject, limits)) for _ in range(repeats)))[0]
        / repeats,
        best_of(rounds, opened)[0] / repeats,
        best_of(1, lambda: Image.open(BytesIO(data)).load())[0],
    ]
    rates = "".join(f"{len(data) / s / 1e6:>11,.0f} MB/s" for s in seconds)
    print(f"  {name:<28}{rates}{seconds[1] / seconds[0]:>11.1f}x")


if __name__ == "__main__":
    main()
