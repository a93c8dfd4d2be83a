"""`python -m bot cluster init`: a broker's configuration, certificates, and one user for each bot and worker.

Each user may say and hear what it needs and nothing else; docs/security.md says what that keeps from whom.
What a folder has already stays: run again, it adds workers.
"""

import ipaddress
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bot.setup.config import ConfigError, read_toml
from engine.cluster.broker import STREAM

PORT, WEBSOCKET = 4222, 4223
YEARS = 10
_STREAM_CALLS = ("INFO", "CREATE", "UPDATE", "MSG.DELETE")


def init(folder: Path, hosts: Sequence[str], bots: Sequence[str], workers: Sequence[str]) -> str:
    """Write the files, and return what to do with them; raises `ConfigError` for a name that cannot be."""
    for name in (*bots, *workers):
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            raise ConfigError(f"{name!r} cannot be a user: take 1–64 letters, digits, - and _")
    people = folder / "credentials"
    people.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = {path.stem: read_toml(path) for path in sorted(people.glob("*.toml"))}
    roles = {name: user["role"] for name, user in known.items()}
    for role, names in (("bot", bots), ("worker", workers)):
        for name in names:
            if roles.setdefault(name, role) != role:
                raise ConfigError(f"{name!r} is a {roles[name]} already: give the {role} another name")
    if not (folder / "ca.pem").exists() or hosts:
        _certify(folder, hosts or ("localhost", "127.0.0.1"))
    ca = (folder / "ca.pem").read_text("utf-8")
    passwords = {}
    for name, role in roles.items():
        passwords[name] = known.get(name, {}).get("password") or secrets.token_urlsafe(32)
        lines = {"user": name, "password": passwords[name], "role": role}
        text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
        _write(people / f"{name}.toml", f"{text}ca = '''\n{ca}'''\n")
    _write(folder / "nats.conf", _configuration(roles, passwords))
    return _advice(folder, hosts[0] if hosts else "HOST", roles)


def permissions(name: str, role: str, bots: Sequence[str]) -> dict[str, Any]:
    """Return what a user may publish and hear, in the server's words."""
    own = [f"_INBOX.{name}.>", f"file.{name}.>"]
    if role == "bot":
        calls = [f"$JS.API.STREAM.{call}.{STREAM}" for call in _STREAM_CALLS]
        publish = [f"task.*.{name}.*", f"drop.{name}.*", f"event.{name}.ping", "who.*", "file.>", *calls]
        publish.append(f"$JS.API.CONSUMER.CREATE.{STREAM}.>")
        hear = [*own, f"event.{name}.*", "here.>"]
    else:
        publish = [f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.*", f"$JS.ACK.{STREAM}.>", f"here.*.{name}.*"]
        publish += [subject for bot in bots for subject in (f"event.{bot}.*", f"file.{bot}.>")]
        hear = [*own, "drop.*.*", "who.*"]
    # Answers to what it was asked: pieces of files, and a bot's word that it has a picture.
    return {"publish": publish, "subscribe": hear, "allow_responses": {"max": 1, "expires": "1m"}}


def _configuration(roles: dict[str, str], passwords: dict[str, str]) -> str:
    bots = [name for name, role in roles.items() if role == "bot"]
    users = [
        {"user": name, "password": passwords[name], "permissions": permissions(name, role, bots)}
        for name, role in roles.items()
    ]
    tls = {"cert_file": "server.pem", "key_file": "server.key", "handshake_first": True}
    settings = {
        "host": "0.0.0.0",
        "port": PORT,
        "tls": tls,
        "websocket": {"port": WEBSOCKET, "tls": {key: tls[key] for key in ("cert_file", "key_file")}},
        "jetstream": {"store_dir": "jetstream", "max_memory_store": 1 << 30},
        "authorization": {"users": users},
    }
    return "# Written by `python -m bot cluster init`; run it again to add users.\n" + "".join(
        f"{key}: {json.dumps(value, indent=2)}\n" for key, value in settings.items()
    )


def _certify(folder: Path, hosts: Sequence[str]) -> None:
    """Write a certificate for these hosts, signed by the folder's own authority, made where there is none."""
    if (folder / "ca.key").exists():
        signer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
    else:
        signer = ec.generate_private_key(ec.SECP256R1())
        name = _name("zimage-bot cluster")
        usage = _usage(key_cert_sign=True, crl_sign=True)
        authority = (
            _certificate(name, name, signer.public_key(), signer.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(signer, hashes.SHA256())
        )
        _write(folder / "ca.key", _key(signer))
        _write(folder / "ca.pem", authority.public_bytes(serialization.Encoding.PEM).decode())
    key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _certificate(_name(hosts[0]), authority.subject, key.public_key(), signer.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write(folder / "server.key", _key(key))
    _write(folder / "server.pem", server.public_bytes(serialization.Encoding.PEM).decode())


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, signer: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _usage(**wanted: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


def _advice(folder: Path, host: str, roles: Mapping[str, str]) -> str:
    users = ", ".join(f"{role} {name}" for name, role in sorted(roles.items(), key=lambda item: item[1]))
    return f"""\
Broker: cd {folder} && nats-server -c nats.conf
Users:  {users}
Take {folder / "credentials" / "NAME.toml"} to each user's machine, and write there into config.toml:
  [cluster]
  url = "tls://{host}:{PORT}"
  credentials = "NAME.toml"
Where only the web is let out: wss://{host}:{WEBSOCKET}. ca.key and nats.conf stay here."""
