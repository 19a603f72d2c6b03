"""What the database itself refuses, whoever asks: changing money's history, and an entry that does not balance.

No foreign key or check constraint can say "these rows sum to zero", and only PostgreSQL has triggers that wait for
the end of a transaction. So an entry is written *after* its postings (their foreign key waits until commit): at that
moment the trigger on `ledger_entry` sees all of them and refuses any that do not sum to zero in each currency, and
from then on the trigger on `ledger_posting` accepts no more. Both databases hold the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import DDL, MetaData, event

APPEND_ONLY = (
    "settlement",
    "settlement_file",
    "settled_claim",
    "settlement_pool",
    "flat_charge",
    "declared_charge",
    "settlement_hold",
    "statement_line",
    "released_line",
    "ledger_posting",
    "ledger_entry",
    "payout_run",
    "payout",
    "payout_event",
    "bank_reply",
    "invoice",
)
"""Tables whose rows are never updated or deleted."""

_UNBALANCED = """
    NOT EXISTS (SELECT 1 FROM ledger_posting WHERE transfer_id = NEW.transfer_id)
    OR EXISTS (SELECT 1 FROM ledger_posting WHERE transfer_id = NEW.transfer_id
               GROUP BY currency HAVING sum(amount_minor) <> 0)"""
_SEALED = "EXISTS (SELECT 1 FROM ledger_entry WHERE transfer_id = NEW.transfer_id)"


def _sqlite(table: str) -> list[str]:
    def refuse(name: str, moment: str, message: str, when: str = "") -> str:
        return (
            f"CREATE TRIGGER {table}_{name} BEFORE {moment} ON {table}{when} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )

    statements = [
        refuse(f"no_{moment.lower()}", moment, f"{table} is append-only") for moment in ("UPDATE", "DELETE")
    ]
    if table == "ledger_entry":
        statements.append(refuse("balances", "INSERT", "the entry does not balance", f" WHEN {_UNBALANCED}"))
    if table == "ledger_posting":
        statements.append(refuse("open", "INSERT", "the entry is sealed", f" WHEN {_SEALED}"))
    return statements


def _postgresql(table: str) -> list[str]:
    def function(name: str, message: str, when: str = "") -> str:
        refusal = f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation';"
        body = f"IF {when} THEN {refusal} END IF; RETURN NEW;" if when else refusal
        return (
            f"CREATE OR REPLACE FUNCTION {table}_{name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body} END $$"
        )

    def trigger(name: str, moment: str, each: str, called: str) -> str:
        return (
            f"CREATE TRIGGER {table}_{name} BEFORE {moment} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION {table}_{called}()"
        )

    statements = [
        function("append_only", f"{table} is append-only"),
        trigger("no_change", "UPDATE OR DELETE", "ROW", "append_only"),
        trigger("no_truncate", "TRUNCATE", "STATEMENT", "append_only"),
    ]
    if table == "ledger_entry":
        statements.append(function("balances", "the entry does not balance", _UNBALANCED))
        statements.append(trigger("balances", "INSERT", "ROW", "balances"))
    if table == "ledger_posting":
        statements.append(function("open", "the entry is sealed", _SEALED))
        statements.append(trigger("open", "INSERT", "ROW", "open"))
    return statements


def statements(dialect: str) -> Mapping[str, list[str]]:
    """The statements that guard each table, for `sqlite` or `postgresql`; migrations execute the same ones."""
    make = {"sqlite": _sqlite, "postgresql": _postgresql}[dialect]
    return {table: make(table) for table in APPEND_ONLY}


def guard(metadata: MetaData) -> None:
    """Have the safeguards created together with their tables, and missed by `db check` if they are not there."""
    for dialect in ("sqlite", "postgresql"):
        for table, commands in statements(dialect).items():
            names = {command.split()[2] for command in commands if command.startswith("CREATE TRIGGER")}
            metadata.tables[table].info.setdefault("triggers", {})[dialect] = names
            for command in commands:
                ddl = DDL(command).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
                event.listen(metadata.tables[table], "after_create", ddl)
