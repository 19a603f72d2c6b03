"""Trust policies (https://c2sp.org/tlog-policy): which logs one accepts, and which witnesses must have seen them.

    log registry.example/usage-log+cbf478c0+AQOhB7…
    witness cmo1 witness.example/cmo1+8f8c8ca9+BCms…
    witness cmo2 …
    group societies 2 cmo1 cmo2 cmo3
    quorum societies

A checkpoint satisfies the policy if a listed log signed it and the quorum of witnesses cosigned it. The policy is
the only thing a verifier has to get from somewhere else than the party whose claims it checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from registry.core.errors import InvalidInput, VerificationFailed
from registry.core.tlog.checkpoints import Checkpoint
from registry.core.tlog.encodings import from_decimal
from registry.core.tlog.notes import KeyType, Note, VerifierKey

NO_QUORUM = "none"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses or groups, of which `threshold` must have witnessed."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that satisfied a policy, with who vouches for it."""

    checkpoint: Checkpoint
    log: VerifierKey
    witnessed: Mapping[str, int]
    """Witnesses, by their name in the policy, with the time at which each says it saw it (POSIX seconds)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy. Made by `Policy.parse`, which is where all rules are checked."""

    quorum: str
    logs: tuple[VerifierKey, ...] = ()
    witnesses: Mapping[str, VerifierKey] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    urls: Mapping[VerifierKey, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy file; `InvalidInput` names the line."""
        reader = _Reader()
        for number, line in enumerate(text.split("\n"), start=1):
            try:
                reader.read(line)
            except InvalidInput as problem:
                raise InvalidInput(
                    f"Line {number} of the policy: {problem.message}", line=number
                ) from problem
        return reader.finish()

    @classmethod
    def of_log(cls, key: VerifierKey) -> Self:
        """Trust this log alone, without witnesses."""
        return cls(quorum=NO_QUORUM, logs=(key,))

    def __str__(self) -> str:
        """The policy as a file."""
        lines = [_line("log", key, self.urls.get(key)) for key in self.logs]
        lines += [_line("witness", name, key, self.urls.get(key)) for name, key in self.witnesses.items()]
        lines += [_line("group", name, g.threshold, *g.members) for name, g in self.groups.items()]
        return "".join([*lines, _line("quorum", self.quorum)])

    def witnessed_by(self, name: str, present: Mapping[str, int]) -> bool:
        """Whether a witness or group counts as having witnessed, given the witnesses that did."""
        group = self.groups.get(name)
        if group is None:
            return name == NO_QUORUM or name in present
        return sum(self.witnessed_by(member, present) for member in group.members) >= group.threshold


def satisfied(note: Note, policy: Policy) -> VerifiedCheckpoint:
    """The checkpoint in a note that satisfies the policy; `VerificationFailed` says what is missing."""
    checkpoint = Checkpoint.parse(note.text)
    signers = note.verified((*policy.logs, *policy.witnesses.values()))
    logs = [key for key in policy.logs if key in signers and key.name == checkpoint.origin]
    if not logs:
        raise VerificationFailed(
            f"No log that the policy lists signed this checkpoint of {checkpoint.origin[:80]}."
        )
    times = {name: signers.get(key) for name, key in policy.witnesses.items()}
    witnessed = {name: time for name, time in times.items() if time is not None}
    if not policy.witnessed_by(policy.quorum, witnessed):
        seen = ", ".join(sorted(witnessed)) or "nobody"
        raise VerificationFailed(
            f"The checkpoint lacks cosignatures: the policy asks for {policy.quorum}, and it was witnessed by {seen}."
        )
    return VerifiedCheckpoint(checkpoint, logs[0], witnessed)


def _line(*words: object) -> str:
    return " ".join(str(word) for word in words if word is not None) + "\n"


class _Reader:
    """Reads a policy line by line; names are defined before they are used, so groups cannot be circular."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.urls: dict[VerifierKey, str] = {}
        self.grouped: set[str] = set()
        self.quorum: str | None = None

    def read(self, line: str) -> None:
        if _CONTROL.search(line):
            raise InvalidInput("control characters other than tab and line feed are not allowed.")
        words = [word for word in _SPACE.split(line) if word]
        if not words or words[0].startswith("#"):
            return
        match words:
            case ["log", key, *url] if len(url) <= 1:
                self.add_log(key, url)
            case ["witness", name, key, *url] if len(url) <= 1:
                self.add_witness(name, key, url)
            case ["group", name, threshold, *members]:
                self.add_group(name, threshold, members)
            case ["quorum", name]:
                self.set_quorum(name)
            case _:
                raise InvalidInput(
                    "write `log <vkey> [url]`, `witness <name> <vkey> [url]`, "
                    "`group <name> all|any|<k> <names…>` or `quorum <name>|none`."
                )

    def finish(self) -> Policy:
        if self.quorum is None:
            raise InvalidInput("The policy has no quorum line; write `quorum none` to ask for no witnesses.")
        return Policy(self.quorum, tuple(self.logs), self.witnesses, self.groups, self.urls)

    def add_log(self, key: str, url: list[str]) -> None:
        self.logs.append(self.new_key(key, KeyType.ED25519, url, self.logs))

    def add_witness(self, name: str, key: str, url: list[str]) -> None:
        self.check_new_name(name)
        self.witnesses[name] = self.new_key(key, KeyType.COSIGNATURE, url, list(self.witnesses.values()))

    def add_group(self, name: str, threshold: str, members: list[str]) -> None:
        self.check_new_name(name)
        for member in members:
            self.check_defined(member)
            if member in self.grouped:
                raise InvalidInput(f"“{member}” is already in a group; each witness counts once.")
            self.grouped.add(member)
        if not members:
            raise InvalidInput(f"the group “{name}” has no members.")
        try:
            needed = {"all": len(members), "any": 1}.get(threshold) or from_decimal(threshold)
        except ValueError:
            raise InvalidInput(f"“{threshold}” is neither all, any nor a number.") from None
        if not 1 <= needed <= len(members):
            raise InvalidInput(
                f"{needed} of {len(members)} members can never be reached; name 1 to all of them."
            )
        self.groups[name] = Group(needed, tuple(members))

    def set_quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise InvalidInput("there is a second quorum line.")
        if name != NO_QUORUM:
            self.check_defined(name)
        self.quorum = name

    def new_key(self, text: str, kind: KeyType, url: list[str], others: list[VerifierKey]) -> VerifierKey:
        key = VerifierKey.parse(text)
        if key.kind is not kind:
            raise InvalidInput(f"a key of type {key.kind:#04x} cannot be used here, only {kind:#04x}.")
        if any(other.public == key.public for other in others):
            raise InvalidInput(f"the key of “{key.name}” is listed twice.")
        if url:
            self.urls[key] = url[0]
        return key

    def check_new_name(self, name: str) -> None:
        if name == NO_QUORUM or name in self.witnesses or name in self.groups:
            raise InvalidInput(f"the name “{name}” is taken.")

    def check_defined(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise InvalidInput(f"“{name}” is not defined on an earlier line.")
