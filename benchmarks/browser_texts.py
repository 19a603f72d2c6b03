"""Claim: a browser makes all codes of a text of 1 MB in a fifth of a second, half of what BigInt takes.

    python benchmarks/browser_texts.py [--rounds 6] [--bytes 1000000] [--chromium /usr/bin/chromium]

Milliseconds of processor time of Chromium's thread, as Chromium tells it, from the bytes of a file to digest, signature
and fingerprints: the first round, which loads the table of letters and compiles the script, and the best of the others.
Beside it the peer: the same rules in plain JavaScript as they stand in the reference, with the browser's own
normal forms and BigInt for numbers of 64 bits; no library that makes such codes in a browser is known to us. Then the
server's kernels, and its plain Python reference (on a hundredth of the text), in processor time. Codes that are not the
server's do not count.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import time
from importlib.resources import files
from itertools import pairwise

from playwright.sync_api import Page, sync_playwright

from benchmarks._measuring import best_of, machine
from benchmarks.browser_hashing import scripts
from benchmarks.text_signature import documents
from registry.core.fingerprints import MD5, fingerprint_bytes, reference
from registry.core.fingerprints.tables import text_tables
from registry.core.fingerprints.text_engines import codes_by_kernels
from registry.web.device import read_codes

BEGIN = """
async ([text, script]) => {
  const source = new Blob([script.replaceAll("ORIGIN", location.origin)], { type: "text/javascript" });
  const { hash } = await import(URL.createObjectURL(source));
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  globalThis.work = () => hash(bytes);
}
"""
ROUND = "async () => { globalThis.answer = await work(); }"
ANSWER = """
() => {
  const { found, passages } = globalThis.answer;
  return [JSON.stringify(found), Array.from(passages, (byte) => byte.toString(16).padStart(2, "0")).join("")];
}
"""
OURS = """
import { hashedText } from "ORIGIN/hash/text.js";
export const hash = (bytes) => hashedText(bytes, () => {});
"""
PEER = """
const M = (1n << 64n) - 1n, B = 0x9E3779B97F4A7C15n;
function splitmix(x) {
  let z = (x + B) & M;
  z = ((z ^ (z >> 30n)) * 0xBF58476D1CE4E5B9n) & M;
  z = ((z ^ (z >> 27n)) * 0x94D049BB133111EBn) & M;
  return z ^ (z >> 31n);
}
function fmix(h) {
  h = ((h ^ (h >> 33n)) * 0xFF51AFD7ED558CCDn) & M;
  h = ((h ^ (h >> 33n)) * 0xC4CEB9FE1A85EC53n) & M;
  return h ^ (h >> 33n);
}
const values = Array.from({ length: 256 }, (_, byte) => splitmix(BigInt(byte)));
function grams(text, size) {
  let power = 1n;
  for (let n = 0; n < size; n++) power = (power * B) & M;
  const hashes = [];
  let sum = 0n;
  for (let i = 0; i < text.length; i++) {
    sum = (sum * B + values[text[i]] - (i >= size ? power * values[text[i - size]] : 0n)) & M;
    if (i >= size - 1) hashes.push(fmix(sum));
  }
  return hashes;
}
function signature(hashes) {
  const least = new Array(128).fill(0xffffffff);
  for (const hash of hashes) {
    let h = Number(hash & 0xffffffffn);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    for (let k = 0; k < 128; k++) least[k] = Math.min(least[k], (Math.imul(2 * k + 3, h) + k) >>> 0);
  }
  return least;
}
function winnow(hashes) {
  const chosen = [];
  for (let end = Math.min(32, hashes.length) - 1; end < hashes.length; end++) {
    const start = Math.max(end - 31, 0), last = chosen.at(-1) ?? -1;
    if (last < start) {
      let least = end;
      for (let i = end - 1; i >= start; i--) if (hashes[i] < hashes[least]) least = i;
      chosen.push(least);
    } else if (hashes[end] < hashes[last]) chosen.push(end);
  }
  return chosen;
}
export async function hash(bytes) {
  const folded = new TextDecoder().decode(bytes).normalize("NFKD").toLowerCase().replace(/[^\\p{L}\\p{N}]/gu, "");
  const text = new TextEncoder().encode(folded);
  await crypto.subtle.digest("SHA-256", bytes);
  return { found: [signature(grams(text, 16)), winnow(grams(text, 32))] };
}
"""


def in_chromium(chromium: str, rounds: int, data: bytes) -> float:
    """Print our figures and the peer's; returns our best in milliseconds."""
    with scripts() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(address + "/hash/")
        peer = times(page, PEER, data, rounds)
        ours = times(page, OURS, data, rounds)
        found, passages = page.evaluate(ANSWER)
        print(f"Chromium {browser.version}")
        browser.close()
    there = read_codes(found, bytes.fromhex(passages))
    if set(there.fingerprints) != {f for f in fingerprint_bytes(data).fingerprints if f.algorithm != MD5}:
        raise SystemExit("the codes are not the server's")
    best = min(ours[1:])
    say("our script, first round", ours[0], best)
    say("our script, best of the others", best, best)
    say("the same rules with BigInt", min(peer[1:]), best)
    return best


def times(page: Page, script: str, data: bytes, rounds: int) -> list[float]:
    """Milliseconds of processor time that each round took the page's thread."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used() -> float:
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        return 1000 * float(metrics["TaskDuration"])

    page.evaluate(BEGIN, [base64.b64encode(data).decode(), script])
    marks = [used()]
    for _ in range(rounds):
        page.evaluate(ROUND)
        marks.append(used())
    session.detach()
    return [after - before for before, after in pairwise(marks)]


def on_the_server(data: bytes, ours: float) -> None:
    """The same in Python, by the kernels and by the reference."""
    seconds, _ = best_of(5, lambda: codes_by_kernels([data]))
    say("the server's kernels", 1000 * seconds, ours)
    permutations = text_tables().permutations.tolist()
    part = data[: len(data) // 100].decode("utf-8", "ignore")
    begin = time.process_time()
    text = "".join(map(reference.normalised_character, part)).encode()
    reference.signature(reference.gram_hashes(text, 16), *permutations)
    reference.winnow(reference.gram_hashes(text, 32))
    say("the reference in Python, a hundredth times 100", 100_000 * (time.process_time() - begin), ours)


def say(what: str, milliseconds: float, ours: float) -> None:
    """One line of the table."""
    print(f"{what:50} {milliseconds:9.1f} ms  {milliseconds / ours:8.3g} times ours")


def weight() -> None:
    """What the worker loads, compressed."""
    folder = files("registry.web").joinpath("static", "hash")
    sizes = {file.name: len(gzip.compress(file.read_bytes())) for file in folder.iterdir()}
    texts = sum(size for name, size in sizes.items() if name.startswith("text"))
    print(f"{len(sizes)} files for the worker, {sum(sizes.values()):,} bytes compressed; {texts:,} for texts")


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    (text,) = documents(1, given.bytes)
    data = text.encode()[: given.bytes]
    print(f"{machine()}; a text of {len(data):,} bytes")
    on_the_server(data, in_chromium(given.chromium, given.rounds, data))
    weight()


if __name__ == "__main__":
    main()
