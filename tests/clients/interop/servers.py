"""Two servers on loopback addresses that believe one authority of their own."""

import datetime
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE_S = 90
CLIENTS = Path(__file__).resolve().parent.parent


def free_port(address):
    with socket.socket() as sock:
        sock.bind((address, 0))
        return sock.getsockname()[1]


class Authority:
    """Issues certificates for addresses."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Interop authority")])
        self.certificate = self.sign(self.name, self.key, x509.BasicConstraints(True, None))
        self.path = folder / "authority.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, subject, key, *extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, address):
        """Paths of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self.sign(subject, key, names, x509.BasicConstraints(False, None))
        paths = self.folder / f"{address}.crt", self.folder / f"{address}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths


class Server:
    """A process that serves clients on one port and other servers on another one."""

    def __init__(self, kind, address, folder):
        self.kind, self.address, self.folder = kind, address, folder
        folder.mkdir()
        self.federation_port = free_port(address)
        self.client_port = free_port(address)
        self.name = f"{address}:{self.federation_port}"
        self.base_url = f"http://{address}:{self.client_port}"
        self.log = folder / "server.log"
        self.process = None

    def run(self, *command):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.kind} does not start")
            try:
                requests.get(f"{self.base_url}/_matrix/client/versions", timeout=2).raise_for_status()
                return
            except requests.RequestException:
                assert time.monotonic() < deadline, f"{self.kind} does not answer"
                time.sleep(0.2)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def tail(self, lines=60):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Causeway(Server):
    def __init__(self, authority, folder):
        super().__init__("Causeway", "127.0.0.1", folder / "causeway")
        self.url = os.environ["CAUSEWAY_TEST_DATABASE_URL"]
        self.database = f"causeway_interop_{os.getpid()}"
        certificate, key = authority.issue(self.address)
        self.config = self.folder / "causeway.toml"
        self.psql(f"CREATE DATABASE {self.database} TEMPLATE template0")
        url = subprocess.check_output(
            [sys.executable, CLIENTS / "database_url.py", self.url, self.database], text=True
        ).strip()
        self.config.write_text(f"""
[server]
name = "{self.name}"
public_base_url = "{self.base_url}"
data_dir = "{self.folder / 'data'}"
[listen]
plain_address = ["{self.address}:{self.client_port}"]
[federation]
listen = ["{self.name}"]
tls_certificate = "{certificate}"
tls_private_key = "{key}"
trusted_authorities = ["{authority.path}"]
allowed_addresses = ["127.0.0.0/8"]
[database]
url = "{url}"
[registration]
open = true
[limits]
enabled = false
[password]
cheap_hash_for_tests = true
""")

    def psql(self, statement):
        subprocess.check_call([os.environ["CAUSEWAY_PSQL"], "-qX", self.url, "-c", statement])

    def start(self):
        self.run(os.environ["CAUSEWAY_BIN"], "--config", self.config, "serve")

    def clean(self):
        self.stop()
        self.psql(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")


class Synapse(Server):
    def __init__(self, authority, folder):
        super().__init__("Synapse", "127.0.0.2", folder / "synapse")
        certificate, key = authority.issue(self.address)
        self.config = self.folder / "homeserver.yaml"
        self.config.write_text(f"""
server_name: "{self.name}"
public_baseurl: "{self.base_url}/"
pid_file: {self.folder}/pid
report_stats: false
listeners:
  - port: {self.client_port}
    type: http
    bind_addresses: ["{self.address}"]
    resources: [{{names: [client], compress: false}}]
  - port: {self.federation_port}
    type: http
    tls: true
    bind_addresses: ["{self.address}"]
    resources: [{{names: [federation], compress: false}}]
tls_certificate_path: {certificate}
tls_private_key_path: {key}
federation_custom_ca_list: ["{authority.path}"]
ip_range_blacklist: []
federation_ip_range_blacklist: []
trusted_key_servers: []
suppress_key_server_warning: true
database: {{name: sqlite3, args: {{database: "{self.folder}/homeserver.db"}}}}
media_store_path: {self.folder}/media
signing_key_path: {self.folder}/signing.key
registration_shared_secret: "interop"
macaroon_secret_key: "interop"
form_secret: "interop"
enable_registration: true
enable_registration_without_verification: true
allow_public_rooms_over_federation: true
allow_public_rooms_without_auth: true
room_list_publication_rules: [{{action: allow}}]
dynamic_thumbnails: true
rc_message: &free {{per_second: 1000, burst_count: 1000}}
rc_registration: *free
rc_login: {{address: *free, account: *free, failed_attempts: *free}}
rc_joins: {{local: *free, remote: *free}}
rc_joins_per_room: *free
rc_invites: {{per_room: *free, per_user: *free, per_issuer: *free}}
rc_federation: {{window_size: 1000, sleep_limit: 1000, sleep_delay: 1, reject_limit: 1000, concurrent: 100}}
log_config: {self.folder}/log.yaml
""")
        (self.folder / "log.yaml").write_text("""
version: 1
formatters: {plain: {format: '%(asctime)s %(name)s %(levelname)s %(message)s'}}
handlers: {console: {class: logging.StreamHandler, formatter: plain}}
root: {level: INFO, handlers: [console]}
disable_existing_loggers: false
""")

    def start(self):
        run = sys.executable, "-m", "synapse.app.homeserver", "--config-path", self.config
        subprocess.check_call([*run, "--generate-keys"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.run(*run)

    def clean(self):
        self.stop()
