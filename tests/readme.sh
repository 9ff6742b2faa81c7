#!/usr/bin/env bash
# Follows the README: runs every ```sh block, in order, in one shell, against a demo of its own, and holds what each prints
# against the ```text block after it (no such block: it prints nothing). A ```log block must stand in the demo's log.
#
# In what is expected, `…` stands for anything within a line, and alone on a line for any number of lines. Times and
# policy revisions may differ. The port is replaced by a free one, and `sleep` by waiting for the policy to change.
#
# Needs bash, curl, sed and grep. BAILIWICK_BIN names the binary; without it, the debug build is brought up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export LC_ALL=C

fail() {
    printf 'readme: %s\n' "$1" >&2
    exit 1
}

[ -n "${BAILIWICK_BIN:-}" ] || cargo build --quiet
binary=${BAILIWICK_BIN:-${CARGO_TARGET_DIR:-target}/debug/bailiwick}
[ -x "$binary" ] || fail "there is no program at $binary"
case $binary in /*) ;; *) binary=$root/$binary ;; esac
# A server refuses variables with its prefix that are no settings of its own.
unset BAILIWICK_BIN

work=$(mktemp -d)
demo='' tour='' server=''
clean_up() {
    for process in $tour $server $demo; do
        kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# Waits until a command succeeds, at most 20 seconds.
until_ok() {
    local left
    for ((left = 200; left > 0; left--)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# The place that the README's commands find: the program, the policy, and a demo that is running.
mkdir -p "$work/target/release"
ln -s "$binary" "$work/target/release/bailiwick"
cp -R policies "$work/policies"
cd "$work"
"$binary" demo --dir demo --port 0 >demo.out 2>demo.log &
demo=$!
until_ok grep -qs 'Ctrl-C ends it' demo.out || fail "the demo does not start: $(cat demo.log)"
base=$(sed -n 's,^ *MCP *\(http://[^/]*\)/mcp$,\1,p' demo.out)
port=${base##*:}

# The blocks: NUMBER.sh, NUMBER.text and NUMBER.log, with the line of the README that each begins at.
count=0 kind='' line=0
while IFS= read -r text || [ -n "$text" ]; do
    line=$((line + 1))
    case $kind:$text in
        :'```sh')
            count=$((count + 1)) kind=sh
            echo "$line" >"$count.line"
            : >"$count.sh"
            ;;
        :'```text' | :'```log')
            kind=${text#'```'}
            [ "$count" -gt 0 ] && [ ! -e "$count.$kind" ] || kind=other
            ;;
        :'```'*) kind=other ;;
        *:'```') kind='' ;;
        sh:* | text:* | log:*) printf '%s\n' "${text//8080/$port}" >>"$count.$kind" ;;
    esac
done <"$root/README.md"
[ "$count" -ge 8 ] || fail "only $count blocks to run were found in README.md"

{
    cat <<END
policy() { curl -s $base/readyz | grep -o '"name":"policy"[^}]*'; }
seen=\$(policy)
sleep() {
    local left
    for ((left = 100; left > 0; left--)); do
        [ "\$(policy)" = "\$seen" ] || break
        command sleep 0.1
    done
    seen=\$(policy)
}
END
    for ((block = 1; block <= count; block++)); do
        printf 'exec >"%s/%s.out" 2>&1\n' "$work" "$block"
        cat "$block.sh"
        echo
    done
    printf 'exec >"%s/done"\n' "$work"
} >tour.sh
bash tour.sh </dev/null &
tour=$!
ended() { ! kill -0 "$tour" 2>/dev/null; }
until_ok ended || fail "the README's commands did not end; the last one began to print: $(tail -n 3 "$(ls -t ./*.out | sed -n 1p)")"
tour=''
[ -e done ] || fail "the README's commands ended before the last one"

# What may differ from one run to the next.
settle() {
    sed -E -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+Z?/TIME/g' -e 's/(revision"?:?[ "]+)[0-9a-f]{12}/\1REVISION/g' -e 's/ +$//' "$1"
}

# Holds a file against an expectation; prints the first line that is missing.
# With "anywhere", other lines may stand between those expected.
held() { # file, expectation, anywhere
    local expected found skip=${3:-}
    settle "$2" | sed -e 's/[][*?\\]/\\&/g' -e 's/…/*/g' >pattern
    {
        while IFS= read -r expected <&3; do
            if [ "$expected" = '*' ]; then
                skip=yes
                continue
            fi
            while :; do
                if ! IFS= read -r found; then
                    printf '%s\n' "$expected"
                    return 1
                fi
                # The pattern is one on purpose.
                # shellcheck disable=SC2053
                [[ $found == $expected ]] && break
                if [ -z "$skip" ]; then
                    printf '%s\n' "$expected"
                    return 1
                fi
            done
            skip=${3:-}
        done
        if [ -z "$skip" ] && IFS= read -r found; then
            printf 'nothing more, but there is: %s\n' "$found"
            return 1
        fi
    } 3<pattern < <(settle "$1")
}

failures=0
for ((block = 1; block <= count; block++)); do
    [ -e "$block.text" ] || : >"$block.text"
    if ! missing=$(held "$block.out" "$block.text"); then
        failures=$((failures + 1))
        printf 'readme: README.md:%s prints something else than the README says.\n' "$(cat "$block.line")" >&2
        printf '  expected: %s\n  printed:\n' "$missing" >&2
        sed 's/^/    /' "$block.out" >&2
    fi
    if [ -e "$block.log" ] && ! missing=$(held demo.log "$block.log" anywhere); then
        failures=$((failures + 1))
        printf 'readme: after README.md:%s the log does not say what the README shows.\n' "$(cat "$block.line")" >&2
        printf '  expected: %s\n  the log:\n' "$missing" >&2
        sed 's/^/    /' demo.log >&2
    fi
done
[ "$failures" -eq 0 ] || fail "$failures of $count blocks are not as the README says"

# The server of one's own that the README ends with, and what stands where no configuration is.
(cd own && exec "$binary" serve --port 0 >../own.log 2>&1) &
server=$!
until_ok grep -qs listening own.log || fail "the server of one's own does not start: $(cat own.log)"
port=$(sed -n 's/.*listening address=127.0.0.1:\([0-9]*\) .*/\1/p' own.log)
grep -q "url=http://127.0.0.1:$port/mcp" own.log || fail "the URL in the log is not the one it listens on: $(cat own.log)"
kill "$server"
wait "$server" || fail "the server of one's own does not stop in order: $(cat own.log)"
server=''
mkdir empty
if (cd empty && "$binary" serve) >empty.log 2>&1 || ! grep -q 'hint: .bailiwick demo' empty.log; then
    fail "without a configuration, serve does not say how to start: $(cat empty.log)"
fi
echo "readme: $count blocks print what the README says"
