# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command ``mojaloop-onboarding``: looks, checks, backs up and restores without Ansible, in the time of a blink.

It imports what a subcommand needs when that is asked for: `--help` reads nothing of the core.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..errors import OnboardingError

DONE, FAILED, USAGE, OPEN = 0, 1, 2, 3
"""Exit codes. 2 is argparse's own."""
_CODES = """\
exit codes:
  0  done: nothing is open, or what was asked for is done
  1  an error, a fault that needs a person, or a description with problems
  2  wrong usage
  3  open: changes are due, or someone is awaited

Runs, which change things, are Ansible's: ansible-playbook playbooks/onboard.yml -i inventories/<env>/hosts.yml
"""
_MOST_ROWS = 40

Answer = tuple[int, dict[str, object], str]
"""Exit code, what --json prints, what is printed otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one subcommand; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        status, data, text = chosen.carry_out(chosen)
    except OnboardingError as error:
        status, data, text = FAILED, {"outcome": "error", "error": str(error)}, ""
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        status, data, text = FAILED, {"outcome": "error", "error": f"{place}{error.strerror}"}, ""
        sys.stderr.write(f"{place}{error.strerror}\n")
    if chosen.json:
        text = json.dumps({"format": 1, **data}, indent=2, sort_keys=True)
    return _printed(text, status)


def _printed(text: str, status: int) -> int:
    try:
        sys.stdout.write(f"{text}\n" if text else "")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough; the interpreter must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-i", "--inventory", required=True, metavar="FILE", help="inventories/<env>/hosts.yml, as for ansible-playbook")
    common.add_argument("--state", default="", metavar="FOLDER", help="state folder (default: .state/<env> beside inventories)")
    common.add_argument("--json", action="store_true", help="print JSON, for pipelines")
    about = argparse.ArgumentParser(add_help=False)
    about.add_argument("--participants", default="", metavar="A,B", help="only these participants")
    archive = argparse.ArgumentParser(add_help=False)
    archive.add_argument("file", type=Path, metavar="FILE", help="the archive")
    made_for = argparse.ArgumentParser(add_help=False)
    made_for.add_argument("participant", metavar="ID", help="the participant's id")
    made_for.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder for the kit")
    parser = argparse.ArgumentParser(
        prog="mojaloop-onboarding",
        description="Shows where an onboarding stands, checks its description, backs its state up.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)

    def verb(
        name: str, carry_out: Callable[[argparse.Namespace], Answer], summary: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, parents=[*parents, common], help=summary, description=summary, epilog=_CODES)
        made.formatter_class = argparse.RawDescriptionHelpFormatter
        made.set_defaults(carry_out=carry_out)
        if archive in parents:
            made.add_argument("--replace", action="store_true", help="permit the replacement of what is there")
        return made

    status = verb("status", _status, "Where every participant stands, who is awaited, when what ends. No host is asked.", about)
    status.add_argument("--metrics", action="store_true", help="print Prometheus metrics")
    status.add_argument("--open-within", type=int, default=0, metavar="DAYS", help="exit with 3 when a certificate ends so soon")
    status.add_argument("--fail-within", type=int, default=0, metavar="DAYS", help="exit with 1 when a certificate ends so soon")
    verb("check", _check, "Every problem of the description, with file and line.", about)
    digest = verb("digest", _digest, "The digests of what a participant and the hub have sent each other, to compare by telephone.")
    digest.add_argument("participant", metavar="ID", help="the participant")
    verb("lint", _lint, "What of the certificates here is not as the scheme's own documents ask, with rule, source and remedy.")
    verb("profile", _profile, "The scheme's rules: each certificate with its holder, signer, gate, names, keys and lifetime.")
    verb("backup", _backup, "Keep the state folder in one private tar file, taken while no run works on it.", archive)
    verb("kit", _kit, "What a participant needs for its own half: hub's chain, addresses, keys, settings, commands. No secret.", made_for)
    exported = verb("export", _export, "What is published for the other installation, as one file to send. No secret is readable in it.")
    exported.add_argument("participant", metavar="ID", help="the participant: the file is for it, or from it, as this installation acts")
    exported.add_argument("target", nargs="?", type=Path, default=Path(), metavar="FILE", help="a new file, or a folder (default: here)")
    imported = verb("import", _import, "Take a file that came from the other installation; what is wrong with it is refused whole.")
    imported.add_argument("file", type=Path, metavar="FILE", help="the file")
    purged = verb("purge", _purge, "Archive everything, then remove what an offboarded participant has left.")
    purged.add_argument("participant", metavar="ID", help="the participant")
    purged.add_argument("file", type=Path, metavar="FILE", help="a new file for the archive of the state as it was")
    purged.add_argument("--confirm", default="", metavar="ID", help="the same id again; without it, only what would be removed is said")
    promoted = verb("promote", _promote, "What of a participant goes into the next environment, and what is described or made anew there.")
    promoted.add_argument("participant", metavar="ID", help="the participant")
    promoted.add_argument("--to", type=Path, required=True, metavar="FILE", help="hosts.yml of the next environment")
    promoted.add_argument("--write", action="store_true", help="make the participant's file there; without it, only the plan is shown")
    proof = verb("evidence", _evidence, "Whether a file of signed evidence is as it was signed, by whom, and which suites passed.")
    proof.add_argument("file", type=Path, metavar="FILE", help="evidence/<participant>/<time>.json of the state folder")
    verb("restore", _restore, "Bring a backup back; nothing that others have seen is rolled back.", archive)
    return parser


def _profile(chosen: argparse.Namespace) -> Answer:
    from ..description.loading import load_description  # noqa: PLC0415
    from .profile_rows import as_data, as_text  # noqa: PLC0415

    folder, state, _environment = _place(chosen)
    profile = load_description(folder, state=str(state)).profile
    return DONE, as_data(profile), as_text(profile)


def _status(chosen: argparse.Namespace) -> Answer:
    from ..status.text import render  # noqa: PLC0415 -- read when needed
    from ..steps.sequence import Request  # noqa: PLC0415
    from .metrics import ending, rendered  # noqa: PLC0415
    from .standing import standing  # noqa: PLC0415

    folder, state, _environment = _place(chosen)
    summary, certificates, clients = standing(Request(str(folder), str(state), participants=_names(chosen.participants)))
    data = {**summary.as_dict(), "certificates": [each.as_dict() for each in certificates], "clients": [each.as_dict() for each in clients]}
    soon = {id(each) for each in ending(certificates, max(chosen.open_within, chosen.fail_within))}
    rows = [
        f"{'!' if id(each) in soon else ' '} {each.ends[:10]}  {each.days:>5} days  {each.holder} {each.artefact} ({each.kind})"
        for each in certificates
    ]
    listed = _listed("Certificates, by their end:", rows or ["none yet"])
    listed += _listed("OAuth clients, by what changes next:", [str(each) for each in clients]) if clients else []
    text = rendered(summary, certificates, clients, datetime.now(UTC)) if chosen.metrics else "\n".join([render(summary), *listed])
    status = {"failed": FAILED, "done": DONE}.get(summary.outcome, OPEN)
    if ending(certificates, chosen.fail_within):
        return FAILED, data, text
    return (OPEN if status == DONE and soon else status), data, text


def _listed(title: str, rows: list[str]) -> list[str]:
    more = [f"  and {len(rows) - _MOST_ROWS} more (--json has all)"] if len(rows) > _MOST_ROWS else []
    return ["", title, *(f"  {row}" for row in rows[:_MOST_ROWS]), *more]


def _purge(chosen: argparse.Namespace) -> Answer:
    from .purge import purge  # noqa: PLC0415 -- read when needed

    folder, state, environment = _place(chosen)
    removed, text = purge(folder, state, chosen.participant, chosen.file, confirmed=chosen.confirm)
    return DONE, {"outcome": "done", "environment": environment, "removed": removed}, text


def _promote(chosen: argparse.Namespace) -> Answer:
    from .promote import promote  # noqa: PLC0415 -- read when needed

    folder, state, environment = _place(chosen)
    target = chosen.to if chosen.to.is_dir() else chosen.to.parent
    made = promote(folder, state, target, chosen.participant, write=chosen.write)
    status = FAILED if made.differing else DONE if made.written or not made.content else OPEN
    outcome = {FAILED: "failed", DONE: "done"}.get(status, "open")
    return status, {"outcome": outcome, "environment": environment, **made.as_dict()}, made.text()


def _evidence(chosen: argparse.Namespace) -> Answer:
    from .evidence import judged  # noqa: PLC0415 -- read when needed

    _folder_of, state, _environment = _place(chosen)
    ours, facts, text = judged(chosen.file, state)
    return (DONE if ours else OPEN), {"outcome": "done" if ours else "open", **facts}, text


def _check(chosen: argparse.Namespace) -> Answer:
    from ..description.checking import check_description  # noqa: PLC0415 -- read when needed
    from ..errors import DescriptionError  # noqa: PLC0415

    try:
        verdict = check_description(_folder(chosen), state=chosen.state, participants=_names(chosen.participants))
    except DescriptionError as error:
        problems, notes, right, count = [str(problem) for problem in error.problems], [], False, 0
    else:
        problems, notes, right, count = list(verdict.problems), list(verdict.notes), verdict.right, len(verdict.participants)
    said = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}; {count} participants are in order."
    data: dict[str, object] = {"outcome": "done" if right else "failed", "problems": problems, "notes": notes, "participants": count}
    return (DONE if right else FAILED), data, "\n".join([*problems, *notes, said])


def _digest(chosen: argparse.Namespace) -> Answer:
    from ..store.opening import open_tree  # noqa: PLC0415 -- read when needed
    from .digest import compared  # noqa: PLC0415

    folder, state, _environment = _place(chosen)
    found, text = compared(open_tree(state), folder, state, chosen.participant)
    standings = [each.standing for each in found]
    outcome = "failed" if "differs" in standings else "done" if len(found) == len(("sent", "received")) else "pending"
    outcome = "pending" if outcome == "done" and "unconfirmed" in standings else outcome
    data: dict[str, object] = {"outcome": outcome, "digests": [each.as_dict() for each in found]}
    return {"failed": FAILED, "done": DONE}.get(outcome, OPEN), data, text


def _lint(chosen: argparse.Namespace) -> Answer:
    from ..description.loading import load_description  # noqa: PLC0415 -- read when needed
    from ..scheme_lint.report import lint, unmet  # noqa: PLC0415
    from ..scheme_lint.rules import Level  # noqa: PLC0415
    from ..store.opening import open_tree  # noqa: PLC0415

    folder, state, _environment = _place(chosen)
    verdicts, judged = lint(open_tree(state), load_description(folder, state=str(state)))
    must, should = unmet(verdicts, Level.MUST), unmet(verdicts, Level.SHOULD)
    accepted = len(verdicts) - len(must) - len(should)
    said = f"{judged} artefacts: {len(must)} must, {len(should)} should, {accepted} accepted differences."
    data: dict[str, object] = {
        "outcome": "failed" if must else "done",
        "artefacts": judged,
        "verdicts": [each.as_dict() for each in verdicts],
    }
    status = FAILED if must else OPEN if should or not judged else DONE
    return status, data, "\n".join([*(str(each) for each in verdicts), said])


def _backup(chosen: argparse.Namespace) -> Answer:
    from ..store.backup import back_up  # noqa: PLC0415 -- read when needed

    _, state, environment = _place(chosen)
    done = back_up(state, chosen.file, environment=environment, now=datetime.now(UTC), replace=chosen.replace)
    text = f"{done.files} files of {environment} are in {chosen.file} (mode 0600). It holds private keys: keep it as you keep them."
    odd = [f"Left out, as no publication holds it: {path}" for path in done.left_out]
    data: dict[str, object] = {"outcome": "done", "environment": environment, "at": done.at, "files": done.files}
    return DONE, {**data, "left_out": list(done.left_out)}, "\n".join([text, *odd])


def _restore(chosen: argparse.Namespace) -> Answer:
    from ..store.backup import restore  # noqa: PLC0415 -- read when needed

    _, state, environment = _place(chosen)
    done = restore(state, chosen.file, environment=environment, replace=chosen.replace)
    lines = [f"{done.files} files of {environment}, as of {done.at}, are in {state}."]
    lines += [f"{len(done.newer)} publications stand later in the exchange and were left as they are."] if done.newer else []
    lines += [f"{len(done.raised)} sequence numbers were raised: their later values are lost."] if done.raised else []
    lines.append("Run playbooks/onboard.yml before the exchange travels again: it publishes anew what differs.")
    data: dict[str, object] = {"outcome": "done", "environment": environment, "at": done.at, "files": done.files}
    return DONE, {**data, "newer": list(done.newer), "raised": list(done.raised)}, "\n".join(lines)


def _export(chosen: argparse.Namespace) -> Answer:
    from ..steps.sequence import Request  # noqa: PLC0415 -- read when needed
    from .bundles import export  # noqa: PLC0415

    folder, state, environment = _place(chosen)
    bundle, file, text = export(Request(str(folder), str(state)), chosen.participant, chosen.target)
    data: dict[str, object] = {"outcome": "done", "environment": environment, "file": str(file), "sequence": bundle.sequence}
    return DONE, {**data, "from": bundle.sender, "to": bundle.receiver}, text


def _import(chosen: argparse.Namespace) -> Answer:
    from ..steps.sequence import Request  # noqa: PLC0415 -- read when needed
    from .bundles import take  # noqa: PLC0415

    folder, state, environment = _place(chosen)
    taken, text = take(Request(str(folder), str(state)), chosen.file)
    outcome = "pending" if taken.unconfirmed else "done"
    data: dict[str, object] = {"outcome": outcome, "environment": environment, "stored": taken.new, "digest": taken.digest}
    bundle = taken.bundle
    numbers = {"from": bundle.sender, "to": bundle.receiver, "sequence": bundle.sequence}
    return (OPEN if taken.unconfirmed else DONE), {**data, **numbers}, text


def _kit(chosen: argparse.Namespace) -> Answer:
    from ..description.loading import load_description  # noqa: PLC0415 -- read when needed
    from ..errors import DescriptionError, Problem  # noqa: PLC0415
    from ..kit.files import kit_files  # noqa: PLC0415
    from ..store.opening import open_tree  # noqa: PLC0415

    folder, state, environment = _place(chosen)
    description = load_description(folder, state=str(state))
    if chosen.participant not in {participant.name for participant in description.participants}:
        raise DescriptionError(
            [Problem(str(folder), 0, "participants", f"no participant {chosen.participant!r}", "an id of participants/")]
        )
    files = kit_files(description, description.participant(chosen.participant), open_tree(state))
    chosen.folder.mkdir(parents=True)
    for name, content in files.items():
        place = chosen.folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
    said = f"The kit of {chosen.participant} for {environment} is in {chosen.folder}: {len(files)} files, no secret. README.md comes first."
    return DONE, {"outcome": "done", "files": sorted(files)}, said


def _place(chosen: argparse.Namespace) -> tuple[Path, Path, str]:
    """Folder of the description, state folder, name of the environment."""
    from ..description.loading import default_state, load_description  # noqa: PLC0415 -- read when needed

    folder = _folder(chosen)
    named = chosen.state or _state_named_in(Path(chosen.inventory))
    environment = load_description(folder, state=named).environment
    return folder, Path(named or default_state(folder, environment)), environment


def _state_named_in(inventory: Path) -> str:
    """The state folder that an inventory file names, as the inventory plugin reads it; empty when it names none."""
    if not inventory.is_file():
        return ""
    import yaml  # noqa: PLC0415 -- read when needed

    try:
        content = yaml.safe_load(inventory.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = "is no YAML"
        raise OnboardingError(msg, where=str(inventory), remedy="ansible-inventory -i names the place.") from error
    named = content.get("state") if isinstance(content, dict) else None
    return os.path.normpath(inventory.parent.absolute() / Path(named).expanduser()) if isinstance(named, str) and named else ""


def _folder(chosen: argparse.Namespace) -> Path:
    """The folder that is named, or in which the file is that is named."""
    given = Path(chosen.inventory)
    return given if given.is_dir() else given.parent


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(main())
