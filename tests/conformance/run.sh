#!/usr/bin/env bash
# Runs the official conformance suite against the server, through the bearer layer, for each revision it knows requirements of.
#
# Usage: tests/conformance/run.sh DIRECTORY. The directory keeps the suite, its own Node and the reports. Exits 77 where there is
# no npm, or nothing can be installed; the suite's own exit code counts the scored scenarios alone, and what is not scored is
# printed with its result.
set -euo pipefail
cd "$(dirname "$0")/../.."
directory=${1:?usage: tests/conformance/run.sh DIRECTORY}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

skip() {
    echo "SKIPPED: $1"
    exit 77
}
command -v npm >/dev/null || skip 'it needs npm'
suite=$directory/node_modules/@modelcontextprotocol/conformance/dist/index.js
if [ ! -f "$suite" ]; then
    cp tests/conformance/package.json "$directory/"
    (cd "$directory" && npm install --no-audit --no-fund --silent --allow-scripts=node >install.log 2>&1) ||
        (cd "$directory" && npm install --no-audit --no-fund --silent >>install.log 2>&1) ||
        skip "the suite cannot be installed: $(tail -n 1 "$directory/install.log")"
fi
node=$(ls "$directory"/node_modules/node/bin/node "$directory"/node_modules/node-*/bin/node 2>/dev/null | head -n 1 || true)
[ -n "$node" ] || node=$(command -v node)
version=$("$node" --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$version" -ge 22 ] || skip "it needs Node 22 or newer, and this is $("$node" --version)"

cargo build --quiet --example conformance
server=${CARGO_TARGET_DIR:-target}/debug/examples/conformance

free_port() {
    "$node" -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}
port=$(free_port) proxy=$(free_port) processes=''
files=$(mktemp -d)
clean_up() {
    for process in $processes; do
        kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
    done
    rm -rf "$files"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

"$server" "$files" "$port" "$proxy" &
processes="$processes $!"
for _ in $(seq 200); do
    [ -s "$files/token" ] && break
    sleep 0.1
done
[ -s "$files/token" ] || { echo 'the server does not start'; exit 1; }
"$node" tests/conformance/proxy.mjs "$proxy" "$port" "$files/token" >"$directory/proxy.log" &
processes="$processes $!"
for _ in $(seq 100); do
    grep -qs ready "$directory/proxy.log" && break
    sleep 0.1
done

failed=0
for revision in 2025-11-25 2026-07-28; do
    "$node" "$suite" server --url "http://127.0.0.1:$proxy/mcp" --requirements "$revision" \
        >"$directory/$revision.log" 2>&1 || failed=1
    printf '\n%s\n' "$revision"
    sed -n '/=== SUMMARY ===/,$p' "$directory/$revision.log" | sed 1d
done
exit "$failed"
