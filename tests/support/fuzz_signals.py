"""Feed one reader of opt-out signals with what coverage-guided fuzzing finds; `python -m tests.support.fuzz_signals`.

    python -m tests.support.fuzz_signals rsl corpus -max_total_time=60

The readers are those of the property tests. Any exception, and any input that takes over five seconds, ends the run
with the input in a file; libFuzzer's own options follow the folder of examples.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,unused-ignore]

with atheris.instrument_imports(include=["registry.core.signals"]):
    from tests.properties.test_signal_parsers import READERS


def main() -> None:
    """Fuzz the reader that the first argument names."""
    name, *options = sys.argv[1:]
    reader = READERS[name]

    def once(data: bytes) -> None:
        for evidence in reader(data):
            evidence.as_json()

    atheris.Setup([sys.argv[0], *options, "-timeout=5", "-rss_limit_mb=2048"], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
