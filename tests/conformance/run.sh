#!/usr/bin/env bash
# Runs the official conformance suite against the server, through the bearer layer, for each revision it knows requirements of:
# first with the suite's fixtures around it (examples/conformance), then the binary as it is installed.
#
# Usage: tests/conformance/run.sh DIRECTORY [PACKAGES]. The directory keeps the reports and, where PACKAGES has no node_modules with
# the suite in it, the suite and its own Node. Exits 77 where there is no npm, or nothing can be installed. The suite's own exit
# code counts the scored scenarios alone; what is not scored must fail exactly where `unscored.txt` says why, and the binary
# must pass what `without-fixtures.txt` names.
set -euo pipefail
cd "$(dirname "$0")/../.."
directory=${1:?usage: tests/conformance/run.sh DIRECTORY [PACKAGES]}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

skip() {
    echo "SKIPPED: $1"
    exit 77
}
packages=${2:-$directory}
suite=$packages/node_modules/@modelcontextprotocol/conformance/dist/index.js
if [ ! -f "$suite" ]; then
    command -v npm >/dev/null || skip 'it needs npm'
    packages=$directory suite=$directory/node_modules/@modelcontextprotocol/conformance/dist/index.js
    cp tests/conformance/package.json "$directory/"
    (cd "$directory" && npm install --no-audit --no-fund --silent --allow-scripts=node >install.log 2>&1) ||
        (cd "$directory" && npm install --no-audit --no-fund --silent >>install.log 2>&1) ||
        skip "the suite cannot be installed: $(tail -n 1 "$directory/install.log")"
fi
node=$(ls "$packages"/node_modules/node/bin/node "$packages"/node_modules/node-*/bin/node 2>/dev/null | head -n 1 || true)
[ -n "$node" ] || node=$(command -v node) || skip 'it needs node'
version=$("$node" --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$version" -ge 22 ] || skip "it needs Node 22 or newer, and this is $("$node" --version)"

cargo build --quiet --example conformance --bin bailiwick
built=${CARGO_TARGET_DIR:-target}/debug

free_port() {
    "$node" -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}
processes=''
files=$(mktemp -d)
end() {
    for process in $processes; do
        kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
    done
    processes=''
}
trap 'end; rm -rf "$files"' EXIT
trap 'exit 1' INT TERM
until_there() {
    for _ in $(seq 200); do
        [ -s "$1" ] && return
        sleep 0.1
    done
    echo "not after 20 seconds: $2"
    exit 1
}

# behind_proxy PORT PROXY TOKEN_FILE: starts the proxy that adds the token.
behind_proxy() {
    "$node" tests/conformance/proxy.mjs "$2" "$1" "$3" >"$files/proxy-$2.log" &
    processes="$processes $!"
    until_there "$files/proxy-$2.log" 'the proxy listens'
}

# ask PROXY REVISION LOG: runs what the suite requires of a revision.
ask() {
    "$node" "$suite" server --url "http://127.0.0.1:$1/mcp" --requirements "$2" >"$3" 2>&1
}

failed=0
port=$(free_port) proxy=$(free_port)
"$built/examples/conformance" "$files/fixtures" "$port" "$proxy" &
processes="$processes $!"
until_there "$files/fixtures/token" 'the server starts'
behind_proxy "$port" "$proxy" "$files/fixtures/token"
for revision in 2025-11-25 2026-07-28; do
    log=$directory/$revision.log
    ask "$proxy" "$revision" "$log" || failed=1
    printf '\n%s\n' "$revision"
    sed -n '/=== SUMMARY ===/,$p' "$log" | sed 1d
    expected=$(sed -n "s/^$revision \([^ ]*\) .*/\1/p" tests/conformance/unscored.txt | sort)
    found=$(sed -n 's/^  ✗ \([^ ]*\) .*/\1/p' "$log" | sort)
    if [ "$expected" != "$found" ]; then
        failed=1
        echo "what is not scored fails otherwise than tests/conformance/unscored.txt says:"
        diff <(echo "$expected") <(echo "$found") || true
    fi
done
printf '\nWhy, where what is not scored fails:\n'
grep -v '^#' tests/conformance/unscored.txt
end

# The binary: its demo knows the public origin once it has written its files, and then it is the proxy's.
port=$(free_port) proxy=$(free_port)
demo() {
    "$built/bailiwick" demo --dir "$files/demo" --rows 100 --port "$port" >"$files/demo.log" 2>&1 &
    processes="$processes $!"
    token=$files/demo-token
    for _ in $(seq 200); do
        "$node" -e 'fetch(process.argv[1]).then((a) => a.json()).then((a) => console.log(a.access_token), () => {})' \
            "http://127.0.0.1:$port/dev/token?person=ada" >"$token"
        [ -s "$token" ] && return
        sleep 0.1
    done
    cat "$files/demo.log"
    exit 1
}
mkdir "$files/demo"
demo
end
sed -i.old "s|^\[server\]\$|[server]\npublic_url = \"http://127.0.0.1:$proxy\"|" "$files/demo/bailiwick.toml"
demo
behind_proxy "$port" "$proxy" "$files/demo-token"
printf '\nThe binary, without fixtures\n'
for revision in 2025-11-25 2026-07-28; do
    log=$directory/binary-$revision.log
    # Most scenarios ask for fixtures, so that as a whole it fails.
    ask "$proxy" "$revision" "$log" || true
    for scenario in $(sed -n "s/^$revision //p" tests/conformance/without-fixtures.txt); do
        if ! grep -E "^✓ $scenario: [0-9]+ passed, 0 failed\$" "$log"; then
            grep "^✗ $scenario: " "$log" || echo "✗ $scenario was not run"
            failed=1
        fi
    done
done
exit "$failed"
