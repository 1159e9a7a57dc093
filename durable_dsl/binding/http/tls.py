"""A stand-in for `ssl`, which the guest's Python does not have: TLS is the host's.

HTTP libraries import `ssl` to make contexts and to name its exceptions. All that works, and contexts keep what they are
told; but there are no sockets that they could wrap, which is refused in words. What is verified, and how, is decided by
the host: a context that asks for less than that changes nothing.
"""

from __future__ import annotations

import enum
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["install"]

_NO_SOCKETS = "a component has no TLS sockets: requests go through the host, which does TLS (see durable_dsl.http)"


class TLSVersion(enum.IntEnum):
    MINIMUM_SUPPORTED = -2
    SSLv3 = 768
    TLSv1 = 769
    TLSv1_1 = 770
    TLSv1_2 = 771
    TLSv1_3 = 772
    MAXIMUM_SUPPORTED = -1


class VerifyMode(enum.IntEnum):
    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2


class VerifyFlags(enum.IntFlag):
    VERIFY_DEFAULT = 0
    VERIFY_CRL_CHECK_LEAF = 4
    VERIFY_CRL_CHECK_CHAIN = 12
    VERIFY_X509_STRICT = 32
    VERIFY_X509_TRUSTED_FIRST = 32768
    VERIFY_X509_PARTIAL_CHAIN = 524288
    VERIFY_ALLOW_PROXY_CERTS = 64


class Options(enum.IntFlag):
    OP_ALL = 0x80000050
    OP_NO_SSLv2 = 0
    OP_NO_SSLv3 = 1 << 25
    OP_NO_TLSv1 = 1 << 26
    OP_NO_TLSv1_1 = 1 << 28
    OP_NO_TLSv1_2 = 1 << 27
    OP_NO_TLSv1_3 = 1 << 29
    OP_NO_COMPRESSION = 1 << 17
    OP_NO_TICKET = 1 << 14
    OP_NO_RENEGOTIATION = 1 << 30
    OP_CIPHER_SERVER_PREFERENCE = 1 << 22
    OP_SINGLE_DH_USE = 0
    OP_SINGLE_ECDH_USE = 0
    OP_LEGACY_SERVER_CONNECT = 4
    OP_ENABLE_MIDDLEBOX_COMPAT = 1 << 20
    OP_IGNORE_UNEXPECTED_EOF = 1 << 7


class _SSLMethod(enum.IntEnum):
    PROTOCOL_TLS = 2
    PROTOCOL_TLS_CLIENT = 16
    PROTOCOL_TLS_SERVER = 17


class AlertDescription(enum.IntEnum):
    ALERT_DESCRIPTION_CLOSE_NOTIFY = 0
    ALERT_DESCRIPTION_HANDSHAKE_FAILURE = 40


class SSLErrorNumber(enum.IntEnum):
    SSL_ERROR_SSL = 1
    SSL_ERROR_WANT_READ = 2
    SSL_ERROR_WANT_WRITE = 3
    SSL_ERROR_SYSCALL = 5
    SSL_ERROR_ZERO_RETURN = 6
    SSL_ERROR_WANT_CONNECT = 7
    SSL_ERROR_EOF = 8


class SSLError(OSError):
    library = ""
    reason = ""


class SSLZeroReturnError(SSLError):
    pass


class SSLWantReadError(SSLError):
    pass


class SSLWantWriteError(SSLError):
    pass


class SSLSyscallError(SSLError):
    pass


class SSLEOFError(SSLError):
    pass


class SSLCertVerificationError(SSLError, ValueError):
    verify_code = 0
    verify_message = ""


class _ASN1Object(NamedTuple):
    nid: int
    shortname: str
    longname: str
    oid: str


class Purpose(enum.Enum):
    SERVER_AUTH = _ASN1Object(129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1")
    CLIENT_AUTH = _ASN1Object(130, "clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2")


def _refused(*_asked: object, **_more: object) -> NoReturn:
    raise SSLError(_NO_SOCKETS)


class SSLSocket:
    """Nobody gets one."""

    __init__ = _refused


class SSLObject(SSLSocket):
    """Nor one of these."""


class MemoryBIO:
    """Nor is there anything to go through it."""

    __init__ = _refused


class SSLSession:
    """Sessions are the host's."""


class SSLContext:
    """Keeps its settings, which nothing asks for."""

    sslsocket_class = SSLSocket
    sslobject_class = SSLObject
    sni_callback: Any = None
    keylog_filename: str | None = None

    def __init__(self, protocol: int | None = None) -> None:
        self.protocol = _SSLMethod.PROTOCOL_TLS if protocol is None else protocol
        client = self.protocol == _SSLMethod.PROTOCOL_TLS_CLIENT
        self.verify_mode = VerifyMode.CERT_REQUIRED if client else VerifyMode.CERT_NONE
        self.check_hostname = client
        self.verify_flags = VerifyFlags.VERIFY_X509_TRUSTED_FIRST
        self.options = Options.OP_ALL | Options.OP_NO_COMPRESSION
        self.minimum_version = TLSVersion.TLSv1_2
        self.maximum_version = TLSVersion.MAXIMUM_SUPPORTED
        self.post_handshake_auth = False
        self.hostname_checks_common_name = False

    def _kept(self, *_asked: object, **_more: object) -> None:
        """The host has its own."""

    load_verify_locations = load_default_certs = set_default_verify_paths = load_dh_params = _kept
    set_alpn_protocols = set_npn_protocols = set_ciphers = set_ecdh_curve = set_servername_callback = _kept

    def load_cert_chain(self, *_asked: object, **_more: object) -> NoReturn:
        raise SSLError("a component has no client certificates: TLS is the host's")

    wrap_socket = wrap_bio = _refused

    def cert_store_stats(self) -> dict[str, int]:
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def get_ca_certs(self, binary_form: bool = False) -> list[Any]:  # noqa: ARG002
        return []

    def get_ciphers(self) -> list[Any]:
        return []

    def session_stats(self) -> dict[str, int]:
        return {}


def create_default_context(purpose: Purpose = Purpose.SERVER_AUTH, **_files: object) -> SSLContext:
    server = purpose is Purpose.SERVER_AUTH
    return SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT if server else _SSLMethod.PROTOCOL_TLS_SERVER)


def _create_unverified_context(*_asked: object, **_more: object) -> SSLContext:
    context = SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = VerifyMode.CERT_NONE
    return context


def _paths() -> Any:
    return _DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")


class _DefaultVerifyPaths(NamedTuple):
    cafile: str | None
    capath: str | None
    openssl_cafile_env: str
    openssl_cafile: str
    openssl_capath_env: str
    openssl_capath: str


_CLASSES = (
    *(TLSVersion, VerifyMode, VerifyFlags, Options, _SSLMethod, AlertDescription, SSLErrorNumber, Purpose),
    *(SSLError, SSLZeroReturnError, SSLWantReadError, SSLWantWriteError, SSLSyscallError, SSLEOFError),
    *(SSLCertVerificationError, SSLSocket, SSLObject, MemoryBIO, SSLSession, SSLContext),
)
_MEMBERS = (VerifyMode, VerifyFlags, Options, _SSLMethod, AlertDescription, SSLErrorNumber)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "create_default_context": create_default_context,
    "_create_default_https_context": create_default_context,
    "_create_unverified_context": _create_unverified_context,
    "_create_stdlib_context": _create_unverified_context,
    "get_default_verify_paths": _paths,
    "get_server_certificate": _refused,
    "DER_cert_to_PEM_cert": _refused,
    "PEM_cert_to_DER_cert": _refused,
    "RAND_add": lambda *_: None,
    "RAND_status": lambda: True,
}
_VALUES: dict[str, Any] = {
    "PROTOCOL_SSLv23": _SSLMethod.PROTOCOL_TLS,
    "PROTOCOL_TLSv1": 3,
    "PROTOCOL_TLSv1_1": 4,
    "PROTOCOL_TLSv1_2": 5,
    "OPENSSL_VERSION": "OpenSSL 3.0.0 (a stand-in: TLS is the host's)",
    "OPENSSL_VERSION_INFO": (3, 0, 0, 0, 0),
    "OPENSSL_VERSION_NUMBER": 0x30000000,
    "HAS_SNI": True,
    "HAS_ALPN": True,
    "HAS_NPN": False,
    "HAS_ECDH": True,
    "HAS_SSLv2": False,
    "HAS_SSLv3": False,
    "HAS_TLSv1": False,
    "HAS_TLSv1_1": False,
    "HAS_TLSv1_2": True,
    "HAS_TLSv1_3": True,
    "HAS_PSK": False,
    "HAS_NEVER_CHECK_COMMON_NAME": True,
    "CHANNEL_BINDING_TYPES": ["tls-unique"],
    "socket_error": OSError,
    "CertificateError": SSLCertVerificationError,
}


def install() -> None:
    """Answer `import ssl` from now on."""
    module = ModuleType("ssl", __doc__)
    for each in _CLASSES:
        setattr(module, each.__name__, each)
    for members in _MEMBERS:
        for name, member in members.__members__.items():
            setattr(module, name, member)
    for name, value in {**_FUNCTIONS, **_VALUES}.items():
        setattr(module, name, value)
    sys.modules["ssl"] = module
