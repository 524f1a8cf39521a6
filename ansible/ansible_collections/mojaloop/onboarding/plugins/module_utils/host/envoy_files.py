# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an Envoy gateway's release is made of, and the files of discovery that Envoy watches, put together from it and the tables."""

from __future__ import annotations

import ipaddress
import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Iterable, Mapping

Tables = Mapping[str, Mapping[str, str]]
TYPE = "type.googleapis.com/envoy."
LISTENER, CLUSTER = TYPE + "config.listener.v3.Listener", TYPE + "config.cluster.v3.Cluster"
ROUTES = TYPE + "config.route.v3.RouteConfiguration"
FILTER = TYPE + "config.core.v3.TypedExtensionConfig"
SECRET = TYPE + "extensions.transport_sockets.tls.v3.Secret"
SCRIPT = "envoy.filters.http.lua"
BOOTSTRAP = "bootstrap.json"


def digests(release: Path) -> dict[str, str]:
    """SHA-256 of every file of a release but tables, by relative name."""
    names = [path for path in release.rglob("*") if path.is_file()]
    relative = {str(path.relative_to(release)): path for path in names}
    return {name: sha256(path.read_bytes()).hexdigest() for name, path in relative.items() if not name.startswith("maps/")}


def messages(release: Path, tables: Tables, digest: str) -> dict[str, list[dict[str, Any]]]:
    """What Envoy is to have in force: ``routes``, ``secrets``, ``clusters``, ``filters`` and ``listeners``, each with its type."""
    clusters = list(_read(release / "clusters.json"))
    clusters += [_with_material(path) for path in sorted(release.glob("destinations/*/cluster.json"))]
    tokens = release / "tokens.json"
    return {
        "routes": [_typed(with_tables(one, tables, digest), ROUTES) for one in _routes(release)],
        "secrets": [_typed(one, SECRET) for one in secrets(release).values()],
        "clusters": [_typed(one, CLUSTER) for one in clusters],
        "filters": [_typed({"name": "tokens", "typed_config": _read(tokens)}, FILTER)] if tokens.is_file() else [],
        "listeners": [_typed(one, LISTENER) for one in _read(release / "listeners.json")],
    }


def watched(release: Path, tables: Tables, digest: str) -> dict[str, bytes]:
    """Every file that Envoy reads, by name, in the order in which they are to be put there: who is shut out comes first."""
    made, files = messages(release, tables, digest), {}
    files.update({"routes-" + one["name"] + ".json": _resources(digest, [one]) for one in made["routes"]})
    files.update({"secret-" + one["name"] + ".json": _resources(digest, [one]) for one in made["secrets"]})
    files["clusters.json"] = _resources(digest, made["clusters"])
    if made["filters"]:
        files["tokens.json"] = _resources(digest, made["filters"])
    files["listeners.json"] = _resources(digest, made["listeners"])
    files[BOOTSTRAP] = _read(release / BOOTSTRAP)
    return {name: (json.dumps(value, sort_keys=True) + "\n").encode() for name, value in files.items()}


def file_of(secret: str) -> str:
    """The file of a release that a secret is made of."""
    kind, _dash, owner = secret.partition("-")
    if secret in ("server", "callers-ca", "token-ca"):
        return secret + ".pem"
    return f"destinations/{owner}/{kind}.pem"


def authorization_server(release: Path) -> tuple[str, int, str, str] | None:
    """Where the authorization server is, the name that its certificate must hold, and its CA (PEM); None when there is none."""
    for one in _read(release / "clusters.json"):
        if one["name"] == "authorization-server":
            place = one["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
            held = one["transport_socket"]["typed_config"]["common_tls_context"]["combined_validation_context"]
            name = held["default_validation_context"]["match_typed_subject_alt_names"][0]["matcher"]["exact"]
            return place["address"], place["port_value"], name, (release / "token-ca.pem").read_text(encoding="ascii")
    return None


def secrets(release: Path) -> dict[str, dict[str, Any]]:
    """Certificates with their keys, and trust, by name: ``<folder>/<participant>/client.pem`` is ``client-<participant>``."""
    found = {}
    for path in sorted([*release.glob("*.pem"), *release.glob("destinations/*/*.pem")]):
        owner = path.parent.name if path.parent != release else ""
        name, text = path.stem + ("-" + owner if owner else ""), path.read_text(encoding="ascii")
        if path.stem in ("server", "client"):
            pair = {"certificate_chain": {"inline_string": text[: text.index("-----BEGIN ", text.rindex("-----END CERTIFICATE-----"))]}}
            pair["private_key"] = {"inline_string": text[len(pair["certificate_chain"]["inline_string"]) :]}
            found[name] = {"name": name, "tls_certificate": pair}
        else:
            found[name] = {"name": name, "validation_context": {"trusted_ca": {"inline_string": text}}}
    return found


def digest_of(routes: Iterable[Mapping[str, Any]]) -> str:
    """The release that route configurations belong to; empty when they are of several, or of none."""
    found = {_held(one).get("release", "") for one in routes}
    return str(found.pop()) if len(found) == 1 else ""


def with_tables(routes: dict[str, Any], tables: Tables, digest: str) -> dict[str, Any]:
    """A route configuration whose last route holds the release's name and the tables, key by key as the script looks them up.

    That route is named by the digest of what it holds: the script reads it anew when the name is another.
    """
    held = _held(routes)
    held["release"] = digest
    if routes["name"] == "outbound":
        held.update({"destination:" + key: name for key, name in tables.get("destinations", {}).items()})
    else:
        _add_callers(held, tables)
    routes["virtual_hosts"][-1]["routes"][-1]["name"] = sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
    return routes


def _add_callers(held: dict[str, Any], tables: Tables) -> None:
    held.update({"certificate:" + key: owner for key, owner in tables.get("fingerprints", {}).items()})
    held.update({"client:" + key: owner for key, owner in tables.get("clients", {}).items()})
    held.update({"allowed:" + _digits(entry): True for entry in tables.get("allowed", {})})
    roles, prefixes = _by_owner(tables.get("roles", {})), _by_owner(tables.get("allowed", {}))
    for owner, source in tables.get("sources", {}).items():
        lengths = sorted({int(prefix.rpartition("/")[2]) for prefix in prefixes.get(owner, ())})
        own_roles = dict.fromkeys(roles.get(owner, ()), True)
        held["participant:" + owner] = {"source": source, "roles": own_roles, "lengths": lengths}


def tables_of(routes: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The tables that route configurations hold: the reverse of ``with_tables``."""
    found: dict[str, dict[str, str]] = {name: {} for name in ("fingerprints", "sources", "allowed", "clients", "roles", "destinations")}
    for one in routes:
        for key, value in _held(one).items():
            kind, _colon, name = key.partition(":")
            if kind == "destination":
                found["destinations"][name] = value
            elif kind == "certificate":
                found["fingerprints"][name] = value
            elif kind == "client":
                found["clients"][name] = value
            elif kind == "participant":
                found["sources"][name] = value["source"]
                found["roles"].update({name + "|" + role: "1" for role in value["roles"]})
            elif kind == "allowed":
                found["allowed"][_prefix(name)] = "1"
    return found


def _routes(release: Path) -> list[dict[str, Any]]:
    """The route configurations; the routes of counterparts stand before the last one of ``outbound``."""
    found = [_read(path) for path in sorted(release.glob("routes-*.json"))]
    calls = [_read(path) for path in sorted(release.glob("destinations/*/route.json"))]
    for one in found:
        if one["name"] == "outbound":
            one["virtual_hosts"][0]["routes"][:-1] = calls
    return found


def _held(routes: Mapping[str, Any]) -> dict[str, Any]:
    held: dict[str, Any] = routes["virtual_hosts"][-1]["routes"][-1]["metadata"]["filter_metadata"][SCRIPT]
    return held


def _by_owner(entries: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in sorted(entries):
        owner, _bar, value = entry.partition("|")
        found.setdefault(owner, []).append(value)
    return found


def _digits(entry: str) -> str:
    """``participant|prefix`` with the prefix as the script looks it up: its hexadecimal digits, and its length."""
    owner, _bar, prefix = entry.partition("|")
    network = ipaddress.ip_network(prefix)
    return f"{owner}|{network.network_address.packed.hex()}/{network.prefixlen}"


def _prefix(entry: str) -> str:
    """The reverse of ``_digits``."""
    owner, _bar, digits = entry.partition("|")
    base, _slash, length = digits.partition("/")
    return f"{owner}|{ipaddress.ip_address(bytes.fromhex(base))}/{length}"


def _resources(version: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {"version_info": version, "resources": resources}


def _with_material(path: Path) -> dict[str, Any]:
    """A counterpart's cluster with the digest of its certificate and trust.

    With others it is another cluster: connections that were made with the earlier ones are drained.
    """
    made: dict[str, Any] = _read(path)
    material = b"".join((path.parent / name).read_bytes() for name in ("client.pem", "ca.pem"))
    made["metadata"] = {"filter_metadata": {"mojaloop.onboarding": {"material": sha256(material).hexdigest()}}}
    return made


def _typed(message: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"@type": kind, **message}


def _read(path: Path) -> Any:  # noqa: ANN401 -- JSON
    return json.loads(path.read_text(encoding="utf-8"))
