"""A host that judges a component as a Golem 1.0 or 1.1 server does: small, in memory, and apart from the engine.

It exists to be disagreed with. Where the embedded engine has better rules (its look-ahead, retry counting, header
lists, request bodies in replay), this host has the server's, quirks included, so that what a component does there is
seen here without a server. It has none of the engine's judgement: its oplog, its replay, its regions, batches and
HTTP are its own. Taken from the engine is how values cross into a component and back (`crossing`), because wasmtime's
stock conversions cannot tell cases of a variant with equal payloads apart.

    worker = Worker(component, environment={"PORT": "8080"})
    outcome = worker.invoke("place", order)
    worker.kill("before", 30)  # dies in the next call, before its thirtieth commit, and goes on
    worker.restart()

| module | what it is |
|---|---|
| `oplog` | entries, and what of them is on disk |
| `replay` | the position in a recorded history, deleted regions, the look-ahead |
| `host` | one instance: live or replaying, modes, recorded calls, output, the clock |
| `local` | wasi: clocks, random, environment, streams of a terminal, an empty file system |
| `streams` | wasi:io: polling and the streams' functions |
| `bodies` | the channel that a request's body goes through |
| `client` | the HTTP client, on real connections |
| `requests`, `responses` | wasi:http |
| `api` | golem:api/host |
| `worker` | invocations, failures and retries, kills, restarts, updates |
| `crossing` | components, and values on their way in and out |
| `signals` | what ends a guest call |
| `outside` | an HTTP server for stories: it notes what reaches it |
| `kinds` | entries in one short language, to compare them |

Not offered, and an error of the test that asks for it: remote calls, key-value and blob stores, files, snapshots,
trailers of responses.
"""
