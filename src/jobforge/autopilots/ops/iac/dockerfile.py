"""Checks of Dockerfiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac.rule import Judgement, Rule, file_check, met, unmet

_HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_]\w*)[\"']?")
_VARIABLE = re.compile(r"\$\{?(\w+)(?::?-([^}]*))?\}?")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continuation lines joined; `line` counts from 1."""

    name: str
    value: str
    line: int


def parse_dockerfile(text: str) -> list[Instruction]:
    """The instructions in order; comments and the continuations' backslashes are gone."""
    escape = "`" if re.match(r"(?i)\s*#\s*escape\s*=\s*`", text) else "\\"
    lines = text.splitlines()
    instructions: list[Instruction] = []
    position = 0
    while position < len(lines):
        start = position
        whole, position = _logical_line(lines, position, escape)
        if whole:
            body, position = _heredoc_body(whole, lines, position)
            name, _, value = whole.partition(" ")
            text_value = f"{value.strip()}{body}"
            instructions.append(Instruction(name.upper(), text_value, start + 1))
    return instructions


def _logical_line(lines: list[str], position: int, escape: str) -> tuple[str, int]:
    parts: list[str] = []
    while position < len(lines):
        line = lines[position].strip()
        position += 1
        if line.startswith("#") or (parts and not line):
            continue
        if not line.endswith(escape):
            parts.append(line)
            break
        parts.append(line[: -len(escape)].strip())
    return re.sub(r"\s+", " ", " ".join(parts)).strip(), position


def _heredoc_body(whole: str, lines: list[str], position: int) -> tuple[str, int]:
    body: list[str] = []
    for end in _HEREDOC.findall(whole) if whole[:4].upper() in {"RUN ", "COPY", "ADD "} else ():
        while position < len(lines) and lines[position].strip() != end:
            body.append(lines[position].strip())
            position += 1
        position += 1
    return (" ; " + " ; ".join(body) if body else ""), position


Instructions = list[Instruction]


def _named(instructions: Instructions, name: str) -> Instructions:
    return [item for item in instructions if item.name == name]


def _forbids(name: str, instructions: Instructions) -> Judgement | None:
    found = _named(instructions, name)
    return unmet(f"{name} {found[0].value}", found[0].line) if found else None


def _has(name: str, what: str, instructions: Instructions) -> Judgement | None:
    found = [item for item in _named(instructions, name) if item.value.upper() != "NONE"]
    return met(f"{name} {found[0].value}", found[0].line) if found else unmet(what, 1)


def _opens_ssh(instructions: Instructions) -> Judgement | None:
    exposed = _named(instructions, "EXPOSE")
    for item in exposed:
        if any(_covers(word, 22) for word in item.value.split()):
            return unmet(f"EXPOSE {item.value}", item.line)
    return met("port 22 is not exposed") if exposed else None


def _covers(word: str, port: int) -> bool:
    first, _, last = word.partition("/")[0].partition("-")
    if not first.isdigit():
        return False
    return int(first) <= port <= (int(last) if last.isdigit() else int(first))


def _ends_as_root(instructions: Instructions) -> Judgement | None:
    users = _named(instructions, "USER")
    if not users:
        return None
    last = users[-1]
    user = last.value.partition(":")[0].strip("\"'")
    return (unmet if user in {"root", "0"} else met)(f"USER {last.value}", last.line)


def _stages(instructions: Instructions) -> Iterator[tuple[Instruction, str, str | None]]:
    """Each FROM with its image, variables filled in from ARG defaults, and its alias."""
    defaults: dict[str, str] = {}
    for item in instructions:
        if item.name == "ARG":
            name, _, value = item.value.partition("=")
            defaults[name.strip()] = value.strip().strip("\"'")
        if item.name == "FROM":
            words = [word for word in item.value.split() if not word.startswith("--")]
            image = _fill(words[0], defaults) if words else ""
            has_alias = len(words) > 2 and words[1].lower() == "as"  # noqa: PLR2004 (FROM x AS y)
            yield item, image, words[2] if has_alias else None


def _fill(text: str, defaults: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return defaults.get(match.group(1)) or match.group(2) or match.group()

    return _VARIABLE.sub(value, text)


def _floating_base(instructions: Instructions) -> Judgement | None:
    stages = list(_stages(instructions))
    known: set[str] = set()
    for item, image, alias in stages:
        if not _is_fixed(image, known):
            return unmet(f"FROM {item.value}", item.line)
        known |= {alias.lower()} if alias else set()
    return met(f"{len(stages)} stages") if stages else None


def _is_fixed(image: str, stages: set[str]) -> bool:
    if image.lower() in stages or image == "scratch" or "@" in image:
        return True
    name, colon, tag = image.rpartition(":")
    return bool(colon and name and "/" not in tag and tag != "latest")


def _repeated_alias(instructions: Instructions) -> Judgement | None:
    seen: set[str] = set()
    for item, _, alias in _stages(instructions):
        if alias and alias.lower() in seen:
            return unmet(f"FROM {item.value}", item.line)
        seen |= {alias.lower()} if alias else set()
    return met("aliases are unique")


_RELATIVE = re.compile(r"[\"']?(?:/|\$|[A-Za-z]:[\\/])")


def _relative_folder(instructions: Instructions) -> Judgement | None:
    folders = _named(instructions, "WORKDIR")
    for item in folders:
        if not _RELATIVE.match(item.value):
            return unmet(f"WORKDIR {item.value}", item.line)
    return met(f"{len(folders)} folders") if folders else None


_UPDATE = re.compile(r"(?:^|\s)(?:--)?update(?=$|[\s;&|])")
_INSTALL = re.compile(
    r"(?:^|\s)(?:install|source-install|reinstall|groupinstall|localinstall|add|upgrade)(?=$|[\s;&|])"
)


def _lone_update(instructions: Instructions) -> Judgement | None:
    # A layer with an update only is cached: a later install works from stale lists.
    runs = _named(instructions, "RUN")
    updates = [item for item in runs if _UPDATE.search(item.value)]
    if not runs:
        return None
    if updates and not any(_INSTALL.search(item.value) for item in runs):
        return unmet(f"RUN {updates[0].value}", updates[0].line)
    return met("every update comes with an install")


_APT = re.compile(
    r"(?:^|[\s;&|])apt\s+(?:-\S+\s+)*(?:update|install|upgrade|remove|purge|full-upgrade)\b"
)


def _uses_apt(instructions: Instructions) -> Judgement | None:
    return _pattern("RUN", _APT, instructions)


def _pattern(name: str, pattern: re.Pattern[str], instructions: Instructions) -> Judgement | None:
    candidates = _named(instructions, name)
    for item in candidates:
        found = pattern.search(item.value)
        if found:
            return unmet(f"{name} … {found.group().strip()}", item.line)
    return met(f"{len(candidates)} {name} instructions") if candidates else None


def _env_or_run(pattern: re.Pattern[str], instructions: Instructions) -> Judgement | None:
    judged = [_pattern(name, pattern, instructions) for name in ("ENV", "ARG", "RUN")]
    stated = [judgement for judgement in judged if judgement is not None]
    return next((item for item in stated if not item.is_met), stated[0] if stated else None)


_RUN_PATTERNS = (
    ("1", "sudo is not used", r"(?:^|[\s;&|])sudo\b", "medium"),
    ("2", "curl checks certificates", r"\bcurl\b[^;&|]*\s(?:--insecure|-[a-zA-Z]*k)\b", "high"),
    ("3", "wget checks certificates", r"\bwget\b[^;&|]*\s--no-check-certificate\b", "high"),
    ("4", "pip trusts no host blindly", r"\bpip3?\b[^;&|]*\s--trusted-host\b", "high"),
    ("7", "apk checks signatures", r"\bapk\b[^;&|]*\s--allow-untrusted\b", "high"),
    ("8", "apt-get checks signatures", r"\bapt-get\b[^;&|]*\s--allow-unauthenticated\b", "high"),
    ("9", "yum checks signatures", r"\b(?:yum|dnf|tdnf)\b[^;&|]*\s--nogpgcheck\b", "high"),
    ("10", "rpm checks signatures",
     r"\brpm\b[^;&|]*\s--(?:nodigest|nosignature|noverify|nofiledigest)\b", "high"),
    ("11", "apt-get is not forced", r"\bapt-get\b[^;&|]*\s--force-yes\b", "high"),
    ("13", "npm checks certificates",
     r"\b(?:npm|yarn)\b[^;&|]*\bstrict-ssl[\s=]+[\"']?false\b", "high"),
    ("15", "yum checks certificates", r"\bsslverify\s*=\s*(?:false|0|no)\b", "high"),
    ("17", "passwords are not set with chpasswd", r"\bchpasswd\b", "medium"),
)  # fmt: skip
_ENV_PATTERNS = (
    ("5", "Python checks certificates", r"\bPYTHONHTTPSVERIFY[=\s]+[\"']?0\b"),
    ("6", "Node checks certificates", r"\bNODE_TLS_REJECT_UNAUTHORIZED[=\s]+[\"']?0\b"),
    ("12", "npm's setting checks certificates", r"(?i)\bNPM_CONFIG_STRICT_SSL[=\s]+[\"']?false\b"),
    ("14", "git checks certificates", r"\bGIT_SSL_NO_VERIFY[=\s]+[\"']?(?:1|true|yes|on)\b"),
    ("16", "pip's setting trusts no host blindly", r"\bPIP_TRUSTED_HOST[=\s]+\S"),
)
_Judge = Callable[[Instructions], Judgement | None]


def _graph_rules() -> Iterator[Rule[Instructions]]:
    for number, title, pattern, severity in _RUN_PATTERNS:
        check = file_check(
            f"CKV2_DOCKER_{number}",
            title,
            "high" if severity == "high" else "medium",
            "Take it out of the build.",
        )
        yield Rule(check, partial(_pattern, "RUN", re.compile(pattern)))
    for number, title, pattern in _ENV_PATTERNS:
        check = file_check(f"CKV2_DOCKER_{number}", title, "high", "Take it out of the build.")
        yield Rule(check, partial(_env_or_run, re.compile(pattern)))


RULES: tuple[Rule[Instructions], ...] = (
    Rule(file_check("CKV_DOCKER_1", "Port 22 is not exposed", "medium",
                    "Use `docker exec` instead of SSH.", "CIS Docker 5.7"), _opens_ssh),
    Rule(file_check("CKV_DOCKER_2", "A HEALTHCHECK is defined", "low",
                    "Add HEALTHCHECK CMD ….", "CIS Docker 4.6"),
         partial(_has, "HEALTHCHECK", "no HEALTHCHECK")),
    Rule(file_check("CKV_DOCKER_3", "A USER is set", "medium",
                    "Create a user and switch to it.", "CIS Docker 4.1"),
         partial(_has, "USER", "no USER: the container runs as root")),
    Rule(file_check("CKV_DOCKER_4", "COPY is used instead of ADD", "low",
                    "Use COPY; fetch and check archives in a RUN.", "CIS Docker 4.9"),
         partial(_forbids, "ADD")),
    Rule(file_check("CKV_DOCKER_5", "Package lists are updated together with an install", "low",
                    "Join update and install in one RUN.", "CIS Docker 4.7"), _lone_update),
    Rule(file_check("CKV_DOCKER_6", "The maintainer stands in a LABEL", "info",
                    "Use LABEL org.opencontainers.image.authors."),
         partial(_forbids, "MAINTAINER")),
    Rule(file_check("CKV_DOCKER_7", "Base images have a fixed tag", "medium",
                    "Name a version, better a digest."), _floating_base),
    Rule(file_check("CKV_DOCKER_8", "The last USER is not root", "high",
                    "End with USER and an ordinary user.", "CIS Docker 4.1"), _ends_as_root),
    Rule(file_check("CKV_DOCKER_9", "apt-get is used instead of apt", "low",
                    "Use apt-get: apt is made for people."), _uses_apt),
    Rule(file_check("CKV_DOCKER_10", "WORKDIR is absolute", "low",
                    "Write the whole path."), _relative_folder),
    Rule(file_check("CKV_DOCKER_11", "Stages have different names", "medium",
                    "Rename one of them."), _repeated_alias),
    *_graph_rules(),
)  # fmt: skip
CHECKS: tuple[Check, ...] = tuple(rule.check for rule in RULES)


def check_dockerfile(path: str, text: str) -> Iterator[Finding]:
    """Judge the file by every rule that applies; the resource is the file."""
    instructions = parse_dockerfile(text)
    if not any(item.name == "FROM" for item in instructions):
        return
    for rule in RULES:
        finding = rule.apply(instructions, path, path, 1)
        if finding is not None:
            yield finding
