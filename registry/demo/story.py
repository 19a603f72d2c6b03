"""The demo's plot: two makers, one lab, one operator, and money at the end. Each step is a command or an API call."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry.core.decisions import Verdict
from registry.core.errors import VorbehaltError
from registry.core.settlement.periods import Period
from registry.demo.material import COPIES, write_dataset, write_works
from registry.demo.processes import Caller, Shell, StepFailed, serving

_PURPOSE = "train_genai"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account and a key."""

    name: str
    party: str
    api: Caller
    shell: Shell


def play(home: Path, *, keep_serving: bool) -> int:
    """Play the chain through in a new folder below `home`; exit code 0 if everything came out as it must."""
    console = Console(highlight=False, soft_wrap=True)
    folder = _new_folder(home)
    try:
        _Demo(console, folder).play(keep_serving=keep_serving)
    except (VorbehaltError, StepFailed) as error:
        console.print(f"[red]The demo stopped.[/red] {escape(error.message)}")
        console.print(f"What was done so far is in {folder}")
        return 1
    return 0


def _new_folder(home: Path) -> Path:
    """`home/1`, `home/2`, …: every run has its own, earlier ones stay to be looked at."""
    number = 1 + max((int(p.name) for p in home.glob("*") if p.name.isdecimal()), default=0)
    folder = home.absolute() / str(number)
    folder.mkdir(parents=True)
    return folder


class _Demo:
    """One run. `say` prints a heading and its lines; the methods follow the order of the story."""

    def __init__(self, console: Console, folder: Path) -> None:
        self.console = console
        self.folder = folder
        self.registry_home = folder / "registry"
        self.operator = Shell(folder, {"VORBEHALT_HOME": str(self.registry_home)})
        self.works: dict[str, str] = {}

    def play(self, *, keep_serving: bool) -> None:
        """The whole story."""
        self.console.print("[bold]Vorbehalt: the whole chain, on real files[/bold]")
        self.console.print(f"Everything of this run is in {self.folder}\n")
        write_works(self.folder / "works")
        write_dataset(self.folder / "dataset")
        self.registry_home.mkdir()
        self.operator.say("vorbehalt-server", "db", "upgrade")
        self.operator.say("vorbehalt-server", "trust", "init", "--offline-keys", self.folder / "offline-keys")
        with serving(self.registry_home) as (address, server):
            wanda, jonas, lab = self.people(address)
            self.register(wanda, jonas, address)
            self.licence(wanda, jonas, lab)
            edition = self.operator.run("vorbehalt-server", "publish")
            self.say(
                f"Published: edition {edition['sequence']}, signed, {edition['works']} works",
                f"works root {edition['works_root'][:16]}…, entry {edition['log_index']} of the public log",
            )
            run = self.filter(lab, address)
            due = self.price(lab, address, run)
            claim = self.report(lab, address, run)
            period = str(Period.of(datetime.now(UTC)))
            self.settle(wanda, jonas, due, period)
            self.verify(lab, run, claim, address, period)
            self.where(run)
            if keep_serving:
                self.console.print(f"The registry is running: [bold]{address}[/bold]  (Ctrl+C stops it)")
                try:
                    server.wait()
                except KeyboardInterrupt:
                    self.console.print("Stopped.")

    def say(self, heading: str, *lines: str) -> None:
        """One step of the story."""
        self.console.print(f"[bold blue]■[/bold blue] [bold]{escape(heading)}[/bold]")
        for line in lines:
            self.console.print(f"  {escape(line)}")
        self.console.print()

    # -- who --------------------------------------------------------------------------------------------------
    def people(self, address: str) -> tuple[Person, Person, Person]:
        """Two makers and a lab, each with an API key of their own."""
        return (
            self._person("Wanda Federkiel", "creator", address),
            self._person("Jonas Halm", "creator", address),
            self._person("Nordlicht Labs", "lab", address),
        )

    def _person(self, name: str, role: str, address: str) -> Person:
        party = self.operator.run("vorbehalt-server", "account", "create", "--role", role, "--name", name)[
            "account"
        ]
        key = self.operator.run("vorbehalt-server", "apikey", "create", "--account", party)["secret"]
        run_key = str(self.folder / "run.key")
        shell = Shell(self.folder, {"VORBEHALT_API_KEY": key, "VORBEHALT_RUN_KEY": run_key})
        return Person(name, party, Caller(address, key), shell)

    # -- register ---------------------------------------------------------------------------------------------
    def register(self, wanda: Person, jonas: Person, address: str) -> None:
        """Pictures and poems go on record by their fingerprints; the files stay where they are."""
        for person, pattern in ((wanda, ("*.png", "*.jpg")), (jonas, ("*.txt",))):
            files = sorted(f for p in pattern for f in (self.folder / "works").glob(p))
            answer = person.shell.run("vorbehalt", "register", *files, "--server", address)
            registered = {Path(r["file"]).name: r["work"] for r in answer["works"]}
            self.works |= registered
            self.say(
                f"{person.name} registers {len(registered)} works: only fingerprints travel",
                ", ".join(registered),
            )
        shares = [{"party": wanda.party, "ppm": 700_000}, {"party": jonas.party, "ppm": 300_000}]
        wanda.api.call("PUT", f"/v1/works/{self.works['coffee.png']}/shares", {"shares": shares})

    # -- license ----------------------------------------------------------------------------------------------
    def licence(self, wanda: Person, jonas: Person, lab: Person) -> None:
        """One priced offer each, one open licence; the lab accepts the priced ones. All else stays denied."""
        coffee = self._offer(wanda, ["coffee.png"], "image", 40, per_units=1)
        poems = self._offer(
            jonas,
            ["brentano-schlacht-bei-sempach.txt", "heine-meergruss.txt"],
            "work",
            125,
            per_units=1,
            flat=500,
        )
        jonas.api.call(
            "POST", "/v1/offers", {"works": [self.works["herwegh-morgenruf.txt"]], "purpose": _PURPOSE}
        )
        for offer in (coffee, poems):
            lab.api.call("POST", f"/v1/offers/{offer}/accept")
        self.say(
            "Terms: everything is denied, except",
            "coffee.png: €0.40 an image (Wanda 70 %, Jonas 30 %); Nordlicht Labs accepts",
            "two poems by Jonas: €1.25 a text and €5.00 a quarter; Nordlicht Labs accepts",
            "herwegh-morgenruf.txt: free, to anyone",
        )

    def _offer(
        self, maker: Person, files: list[str], unit: str, amount: int, *, per_units: int, flat: int = 0
    ) -> str:
        components: list[dict[str, Any]] = [
            {"type": "per_unit", "unit": unit, "amount_minor": amount, "per_units": per_units}
        ]
        if flat:
            components.append({"type": "flat_per_period", "amount_minor": flat})
        tariff = maker.api.call(
            "POST", "/v1/tariffs", {"name": f"{unit}s", "currency": "EUR", "components": components}
        )["tariff"]
        works = [self.works[f] for f in files]
        return str(
            maker.api.call("POST", "/v1/offers", {"works": works, "purpose": _PURPOSE, "tariff": tariff})[
                "id"
            ]
        )

    # -- filter -----------------------------------------------------------------------------------------------
    def filter(self, lab: Person, address: str) -> Path:
        """The lab takes the snapshot home and filters its dataset against it, offline."""
        snapshot, run = self.folder / "snapshot", self.folder / "run"
        synced = lab.shell.run("vorbehalt", "sync", "--server", address, "--snapshot", snapshot)
        inputs = [self.folder / "dataset" / part for part in ("pictures", "texts", "web.jsonl")]
        common: list[str | Path] = ["--snapshot", snapshot, "--purpose", _PURPOSE]
        result = lab.shell.run(
            "vorbehalt", "filter", *inputs, "--out", run, *common, "--policy", "consent-first"
        )
        looser = lab.shell.run(
            "vorbehalt",
            "filter",
            *inputs,
            "--out",
            self.folder / "run-eu-art4",
            *common,
            "--policy",
            "eu-art4",
        )
        counts = result["counts"]
        self.say(
            f"Nordlicht Labs syncs edition {synced['sequence']} and filters {counts['seen']} items, offline",
            f"consent-first keeps {counts['kept']} and drops {counts['dropped']}",
            f"(eu-art4 would keep {looser['counts']['kept']}: also what nobody has said anything about)",
        )
        self._show_verdicts(run)
        return run

    def _show_verdicts(self, run: Path) -> None:
        """Each item that was found on record or could not be read, by verdict and reason."""
        import pyarrow.parquet as pq

        groups: dict[tuple[int, str, bool], list[dict[str, Any]]] = defaultdict(list)
        for row in pq.read_table(run / "verdicts.parquet").to_pylist():
            groups[row["verdict"], row["reason"], row["kept"]].append(row)
        for (verdict, reason, kept), rows in sorted(groups.items()):
            fate = "kept" if kept else "dropped"
            self.console.print(
                f"  [bold]{Verdict(verdict).name.lower()}[/bold] ({reason}): {len(rows)} {fate}"
            )
            if reason != "none-found":
                table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
                for row in rows:
                    table.add_row("   ", escape(Path(row["key"]).name), escape(self._found(row)))
                self.console.print(table)
        self.console.print()

    def _found(self, row: dict[str, Any]) -> str:
        """What the item was recognised as."""
        if row["work_id"] is None:
            return "a broken file: never kept"
        work = next(file for file, work in self.works.items() if work == row["work_id"])
        done = next((copy.done for copy in COPIES if copy.name == Path(row["key"]).name), "")
        if row["shared_words"] is not None:
            return f"{work}, about {row['shared_words']} words of it in a text of its own"
        unit = "of 256 differ" if row["algorithm"].startswith("image.") else "of 128 differ"
        return f"{work}{', ' if done else ''}{done} ({row['distance']} {unit})"

    # -- report and pay ---------------------------------------------------------------------------------------
    def price(self, lab: Person, address: str, run: Path) -> int:
        """What the run will cost, component by component; the registry computes as it will settle."""
        answer = lab.shell.run("vorbehalt", "cost", run, "--server", address)
        lines = [
            f"{_euros(component['amount_minor']):>7}  {component['type'].replace('_', ' ')} ({licence['works']} works)"
            for licence in answer["licences"]
            for component in licence["components"]
        ]
        total = int(answer["totals"]["EUR"])
        self.say(f"Before it reports, Nordlicht Labs sees the price: {_euros(total)}", *lines)
        return total

    def report(self, lab: Person, address: str, run: Path) -> dict[str, Any]:
        """What was used under licence is reported, for one model; the answer is a receipt."""
        model = lab.api.call("POST", "/v1/models", {"name": "nordlicht", "version": "1"})["id"]
        claim: dict[str, Any] = lab.shell.run(
            "vorbehalt", "claim", run, "--server", address, "--model", model
        )
        self.say(
            f"Nordlicht Labs reports what it used: {claim['rows']} rows, entry {claim['log_index']} of the public log",
            f"receipt: {claim['receipt']}",
        )
        return claim

    def settle(self, wanda: Person, jonas: Person, due: int, period: str) -> None:
        """The quarter is settled; each maker sees every cent with its claim, and together they get what was shown."""
        self.operator.run("vorbehalt-server", "settle", "--period", period)
        lines, paid = [], 0
        for person in (wanda, jonas):
            statement = person.api.call("GET", f"/v1/statements?period={period}")
            lines.append(f"{person.name}: {_euros(statement['totals']['EUR'])}")
            paid += statement["totals"]["EUR"]
            names = {work: file for file, work in self.works.items()}
            lines.extend(
                f"    {_euros(line['amount_minor']):>7}  {names[line['work']]} (claim: log entry {line['log_index']})"
                for line in statement["lines"]
            )
            csv = self.folder / f"statement-{person.name.split()[0].lower()}.csv"
            csv.write_text(person.api.call("GET", f"/v1/statements.csv?period={period}"), "utf-8")
        if paid != due:
            raise StepFailed(f"{_euros(paid)} are owed, but the price was {_euros(due)}.")
        self.say(f"Settled: {period}. What is owed to whom", *lines)

    # -- verify -----------------------------------------------------------------------------------------------
    def verify(self, lab: Person, run: Path, claim: dict[str, Any], address: str, period: str) -> None:
        """Receipt and run are checked without the registry; log and settlement from what is published, by anyone."""
        policy = self.folder / "log.policy"
        policy.write_text(lab.api.call("GET", "/v1/log/policy"), "utf-8")
        receipt = lab.shell.run("vorbehalt", "receipt", "verify", claim["receipt"], "--policy", policy)
        lab.shell.run("vorbehalt", "verify", run, "--snapshot", self.folder / "snapshot")
        if receipt["index"] != claim["log_index"]:
            raise StepFailed("The receipt is for another entry than the claim.")
        audit = lab.shell.run("vorbehalt", "audit", address, "--policy", policy, "--recompute", period)
        self.say(
            "Verified",
            f"the receipt: entry {receipt['index']} of {receipt['size']} in {receipt['origin']}",
            "the run: verdicts recomputed from snapshot and codes, outputs by their digests",
            f"the log: all {audit['size']} entries; the settlement: recomputed from published files, byte for byte",
        )

    def where(self, run: Path) -> None:
        """Where to look."""
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
        for what, path in (
            ("what the lab may use", run / "data"),
            ("each verdict", run / "verdicts.parquet"),
            ("the run's papers", run / "run.json"),
            ("statements", self.folder / "statement-*.csv"),
            ("the registry", self.registry_home),
        ):
            table.add_row(what, os.path.relpath(path))
        self.console.print(table)


def _euros(cents: int) -> str:
    """Whole cents in writing; no float touches money."""
    return f"€{cents // 100}.{cents % 100:02d}"
