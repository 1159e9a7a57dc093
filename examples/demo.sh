#!/bin/sh
# The whole path once: build the order desk, call it, look at what its oplog holds. Needs durable-dsl on the path.
set -eu
cd "$(dirname "$0")/orders"
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT INT TERM
export DURABLE_DSL_DATA="$data"

step() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
    "$@"
}

order='{"id": "o-1", "lines": [{"sku": "tea", "quantity": 2}, {"sku": "mug", "quantity": 1}]}'
too_much='{"id": "o-2", "lines": [{"sku": "kettle", "quantity": 5}]}'

step durable-dsl build -o "$data/orders.wasm"
step durable-dsl inspect "$data/orders.wasm"
step durable-dsl run "$data/orders.wasm" place "$order" --worker shop
step durable-dsl run "$data/orders.wasm" place "$too_much" --worker shop
step durable-dsl run "$data/orders.wasm" ship o-1 --worker shop
step durable-dsl run "$data/orders.wasm" stock tea --worker shop
step durable-dsl worker oplog shop
