"""What a call does to the world outside, by the path that it resolves to.

`kind` decides what a crash means for it (`semantics.py`) and which findings it can be part of. A path that is not in
the catalogue has no effect that is known; whether it is a library that was not looked into, `flow.py` says.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.reading.regions import constant, host_word

if TYPE_CHECKING:
    from durable_codegen.analysis.reading.names import Names
    from durable_codegen.analysis.reading.program import Scope

__all__ = ["ANSWERING", "RECORDED", "REMOTE", "Effect", "effect_of"]

#: Effects that reach another system and may change something there.
REMOTE: Final = frozenset({"http", "remote", "store-write", "promise-complete", "import"})
#: Effects that leave an entry in the oplog outside persist-nothing zones, so that a replay expects them again.
RECORDED: Final = REMOTE | {
    "store-read",
    "promise-wait",
    "promise-create",
    "sleep",
    "random",
    "time",
    "key",
    "environment",
}
#: Effects whose answer may be another one when they are performed again.
ANSWERING: Final = REMOTE | {"store-read", "random", "time", "key", "file-read"}


@dataclass(frozen=True, slots=True)
class Effect:
    """`what` says it in a few words: "POST https://pay.example/charges", "time.sleep(30)". `path` is what is called."""

    kind: str
    what: str
    path: str
    seconds: float | None = None


_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream", "send")
_HTTP: Final = {
    **{f"durable_dsl.http.{prefix}{name}": "http" for name in _METHODS for prefix in ("", "a")},
    **{f"httpx.{name}": "http" for name in _METHODS},
    **{f"httpx.{kind}().{name}": "http" for name in _METHODS for kind in ("Client", "AsyncClient")},
    **{f"requests.{name}": "http" for name in _METHODS},
    **{f"requests.{kind}().{name}": "http" for name in _METHODS for kind in ("Session", "session", "sessions.Session")},
    **{f"http.client.{kind}().request": "http" for kind in ("HTTPConnection", "HTTPSConnection")},
    **{
        f"urllib3.{kind}.request": "http" for kind in ("PoolManager()", "HTTPConnectionPool()", "HTTPSConnectionPool()")
    },
    "urllib3.request": "http",
    "urllib.request.urlopen": "http",
    "urllib.request.urlretrieve": "http",
    "urllib.request.build_opener().open": "http",
    "urllib.request.OpenerDirector().open": "http",
}

_PATTERNS: Final[tuple[tuple[str, str], ...]] = (
    ("durable_dsl.remote.client().*", "remote"),
    ("durable_dsl.create_promise", "promise-create"),
    ("durable_dsl.create_promise().wait*", "promise-wait"),
    ("durable_dsl.Promise*().wait*", "promise-wait"),
    ("durable_dsl.create_promise().complete", "promise-complete"),
    ("durable_dsl.Promise*().complete", "promise-complete"),
    ("durable_dsl.idempotency_key", "key"),
    ("durable_dsl.oplog_commit", "host"),
    ("durable_dsl.oplog_index", "host"),
    ("durable_dsl.rewind", "host"),
    ("time.sleep", "sleep"),
    ("asyncio.sleep", "sleep"),
    ("anyio.sleep", "sleep"),
    ("builtins.print", "print"),
    ("sys.stdout.write", "print"),
    ("sys.stderr.write", "print"),
    ("sys.std*.buffer.write", "print"),
    ("logging.debug", "print"),
    ("logging.info", "print"),
    ("logging.warning", "print"),
    ("logging.error", "print"),
    ("logging.exception", "print"),
    ("logging.critical", "print"),
    ("logging.getLogger().debug", "print"),
    ("logging.getLogger().info", "print"),
    ("logging.getLogger().warning", "print"),
    ("logging.getLogger().error", "print"),
    ("logging.getLogger().exception", "print"),
    ("logging.getLogger().critical", "print"),
    ("time.time*", "time"),
    ("time.monotonic*", "time"),
    ("time.perf_counter*", "time"),
    ("time.localtime", "time"),
    ("time.gmtime", "time"),
    ("datetime.datetime.now", "time"),
    ("datetime.datetime.utcnow", "time"),
    ("datetime.datetime.today", "time"),
    ("datetime.date.today", "time"),
    ("random.SystemRandom().*", "random"),
    ("random.random", "random"),
    ("random.randint", "random"),
    ("random.randrange", "random"),
    ("random.choice*", "random"),
    ("random.shuffle", "random"),
    ("random.sample", "random"),
    ("random.uniform", "random"),
    ("random.gauss", "random"),
    ("random.normalvariate", "random"),
    ("random.expovariate", "random"),
    ("random.getrandbits", "random"),
    ("random.randbytes", "random"),
    ("secrets.token_*", "random"),
    ("secrets.choice", "random"),
    ("secrets.randbelow", "random"),
    ("secrets.randbits", "random"),
    ("os.urandom", "random"),
    ("os.getrandom", "random"),
    ("uuid.uuid1", "random"),
    ("uuid.uuid4", "random"),
    ("uuid.uuid6", "random"),
    ("uuid.uuid7", "random"),
    ("os.getenv", "environment"),
    ("os.environ.get", "environment"),
    ("os.remove", "file-write"),
    ("os.unlink", "file-write"),
    ("os.rename", "file-write"),
    ("os.replace", "file-write"),
    ("os.mkdir", "file-write"),
    ("os.makedirs", "file-write"),
    ("os.rmdir", "file-write"),
    ("shutil.copy*", "file-write"),
    ("shutil.move", "file-write"),
    ("shutil.rmtree", "file-write"),
    ("builtins.open().write*", "file-write"),
    ("builtins.open().read*", "file-read"),
    ("pathlib.Path().open().write*", "file-write"),
    ("pathlib.Path().open().read*", "file-read"),
    ("pathlib.Path().write_*", "file-write"),
    ("pathlib.Path().read_*", "file-read"),
    ("pathlib.Path().unlink", "file-write"),
    ("pathlib.Path().rename", "file-write"),
    ("pathlib.Path().replace", "file-write"),
    ("pathlib.Path().mkdir", "file-write"),
    ("pathlib.Path().rmdir", "file-write"),
    ("pathlib.Path().touch", "file-write"),
    ("threading.Thread().start", "thread"),
    ("threading.Timer().start", "thread"),
    ("threading.Timer", "thread"),
    ("threading.Thread", "thread"),
    ("_thread.start_new_thread", "thread"),
    ("concurrent.futures.ThreadPoolExecutor", "thread"),
    ("concurrent.futures.thread.ThreadPoolExecutor", "thread"),
    ("multiprocessing.pool.ThreadPool", "thread"),
    ("asyncio.to_thread", "thread"),
    ("asyncio.get_event_loop().run_in_executor", "thread"),
    ("asyncio.get_running_loop().run_in_executor", "thread"),
    ("anyio.to_thread.run_sync", "thread"),
    ("subprocess.run", "process"),
    ("subprocess.call", "process"),
    ("subprocess.check_*", "process"),
    ("subprocess.Popen", "process"),
    ("subprocess.getoutput", "process"),
    ("subprocess.getstatusoutput", "process"),
    ("os.system", "process"),
    ("os.popen", "process"),
    ("os.fork", "process"),
    ("os.forkpty", "process"),
    ("os.exec*", "process"),
    ("os.spawn*", "process"),
    ("os.posix_spawn*", "process"),
    ("os.kill", "process"),
    ("asyncio.create_subprocess_*", "process"),
    ("multiprocessing.Process", "process"),
    ("multiprocessing.Pool", "process"),
    ("concurrent.futures.ProcessPoolExecutor", "process"),
    ("concurrent.futures.process.ProcessPoolExecutor", "process"),
    ("pty.spawn", "process"),
    ("socket.socket", "socket"),
    ("socket.create_connection", "socket"),
    ("socket.create_server", "socket"),
    ("socket.socketpair", "socket"),
    ("socket.fromfd", "socket"),
    ("asyncio.open_connection", "socket"),
    ("asyncio.open_unix_connection", "socket"),
    ("asyncio.start_server", "socket"),
    ("asyncio.start_unix_server", "socket"),
    ("http.server.*Server", "socket"),
    ("socketserver.*Server", "socket"),
    ("smtplib.SMTP*", "socket"),
    ("ftplib.FTP*", "socket"),
    ("imaplib.IMAP4*", "socket"),
    ("poplib.POP3*", "socket"),
    ("telnetlib.Telnet", "socket"),
    ("xmlrpc.client.ServerProxy", "socket"),
    ("ssl.SSLContext", "ssl"),
    ("ssl.create_default_context", "ssl"),
    ("ssl.wrap_socket", "ssl"),
    ("ssl.get_server_certificate", "ssl"),
    ("ssl.SSLContext().wrap_socket", "ssl"),
)
_EXACT: Final = {**{path: kind for path, kind in _PATTERNS if not set(path) & set("*?[")}, **_HTTP}
_WILD: Final = tuple(pair for pair in _PATTERNS if set(pair[0]) & set("*?["))

#: Calls on the way to a value that are no calls to the outside.
_HARMLESS: Final = ("time.strftime", "time.strptime", "durable_dsl.remote.client().close")
_STORE_READS: Final = frozenset(
    [
        "get",
        "get_many",
        "exists",
        "get_keys",
        "has_object",
        "object_info",
        "get_data",
        "list_objects",
        "container_exists",
        "get_container",
        "info",
        "name",
    ]
)
_HOST_KINDS: Final = {
    "generate_idempotency_key": "key",
    "create_promise": "promise-create",
    "await_promise": "promise-wait",
    "complete_promise": "promise-complete",
    "delete_promise": "promise-complete",
    "update_worker": "remote",
}
#: What makes an object → what the object is called.
_MADE: Final = {
    "create_promise()": "Promise",
    "Promise.from_id()": "Promise",
    "logging.getLogger()": "Logger",
    "Path().open().": "file.",
    "open().": "file.",
}
_CLIENT: Final = "durable_dsl.remote.client()."
_WAITS_AS_VALUE: Final = ("durable_dsl.create_promise()", "durable_dsl.Promise()", "durable_dsl.Promise.from_id()")


def effect_of(node: ast.expr, path: str | None, scope: Scope, names: Names) -> Effect | None:
    """The effect of a call or of awaiting a value; `path` is what is called, or what is awaited."""
    if path is None:
        return None
    if isinstance(node, ast.Await):
        waits = path in _WAITS_AS_VALUE
        return Effect("promise-wait", "await of a promise", path) if waits else None
    if not isinstance(node, ast.Call):
        return None
    if path == "random.Random":
        return None if node.args else Effect("random", "random.Random()", path)
    if path in {"builtins.open", "pathlib.Path().open"}:
        return _opened(node, path, scope, names)
    kind = _kind(path)
    if kind == "remote" and path.startswith(_CLIENT):
        return Effect(kind, f"{path.removeprefix(_CLIENT).replace('()', '')} of another worker", path)
    if kind == "http":
        return Effect(kind, _request(node, path, scope, names), path)
    if kind == "sleep":
        seconds = constant(node.args[0], scope, names) if node.args else None
        seconds = float(seconds) if isinstance(seconds, (int, float)) else None
        shown = "…" if seconds is None else f"{seconds:g}"
        return Effect(kind, f"{_plain(path)}({shown})", path, seconds)
    return None if kind is None else Effect(kind, _plain(path), path)


@lru_cache(4096)
def _kind(path: str) -> str | None:
    if path in _EXACT:
        return _EXACT[path]
    if path in _HARMLESS:
        return None
    word = host_word(path)
    if word is not None:
        return _HOST_KINDS.get(word, "host")
    if ".imports." in path or path.startswith("imports."):
        return _imported(path)
    return next((kind for pattern, kind in _WILD if fnmatchcase(path, pattern)), None)


def _imported(path: str) -> str | None:
    """A call of an imported function of the world: a store of WASI's, or whatever the world imports."""
    _, _, rest = f".{path}".partition(".imports.")
    interface, _, name = rest.partition(".")
    last = name.rpartition(".")[2]
    if not last or (last[:1].isupper() and "_" not in last and not name.endswith(")")):
        return None  # a record or a resource is made: its type says nothing to the host yet
    if any(each in interface for each in ("eventual", "keyvalue", "blobstore", "container")):
        return "store-read" if last in _STORE_READS else None if "_value" in last.lower() else "store-write"
    if interface in {"monotonic_clock", "wall_clock", "random", "streams", "poll", "types", "environment", "logging"}:
        return None
    return None if last[:1].isupper() else "import"


def _opened(node: ast.Call, path: str, scope: Scope, names: Names) -> Effect | None:
    """Opening a file: what is done with it has effects of its own, but opening for writing makes or empties it."""
    position = 1 if path == "builtins.open" else 0
    mode = next((each.value for each in node.keywords if each.arg == "mode"), None)
    if mode is None and len(node.args) > position:
        mode = node.args[position]
    value = constant(mode, scope, names) if mode is not None else "r"
    if isinstance(value, str) and set(value) & set("wax+"):
        return Effect("file-write", f"{_plain(path)} for writing", path)
    return Effect("file-read", _plain(path), path)


def _request(node: ast.Call, path: str, scope: Scope, names: Names) -> str:
    """`POST https://pay.example/charges`, as far as the source says it."""
    name = path.rpartition(".")[2]
    arguments = list(node.args)
    library = path.partition(".")[0] if not path.startswith("durable_dsl") else "http"
    method = name.removeprefix("a") if path.startswith("durable_dsl.http.a") else name
    if method in {"request", "stream"} and arguments:
        value = constant(arguments.pop(0), scope, names)
        method = value if isinstance(value, str) else method
    url = arguments[0] if arguments else next((each.value for each in node.keywords if each.arg == "url"), None)
    shown = "" if url is None else _text(url, scope, names)
    if method in {"send", "urlopen", "open", "urlretrieve"}:
        return f"{_plain(path)} {shown}".rstrip()
    return f"{library} {method.upper()} {shown}".rstrip()


def _text(node: ast.expr, scope: Scope, names: Names) -> str:
    value = constant(node, scope, names)
    if isinstance(value, str):
        return value
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(each, scope, names) for each in node.values)
    return "…"


def _part(node: ast.expr, scope: Scope, names: Names) -> str:
    """A piece of an f-string: its text, or what stands for a value that is not known."""
    value = constant(node.value if isinstance(node, ast.FormattedValue) else node, scope, names)
    return str(value) if isinstance(value, (str, int)) else "{…}"


def _plain(path: str) -> str:
    """A path as one would write the call: `Path.write_text`, `datetime.now`, `llm.send`, `idempotency_key`."""
    word = host_word(path)
    if word is not None:
        return word
    _, imported, rest = path.partition(".imports.")
    path = rest if imported else path
    for prefix in ("durable_dsl.", "builtins.", "datetime.", "pathlib."):
        path = path.removeprefix(prefix)
    for made, kind in _MADE.items():
        path = path.replace(made, kind)
    return path.replace("()", "")
