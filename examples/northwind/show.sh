#!/usr/bin/env bash
# Shows who sees which orders, by the policy of this folder and a Northwind database: ./show.sh /path/to/northwind.db
# BAILIWICK names the program, where it is not on the PATH.
set -euo pipefail

if [[ $# -ne 1 || ! -f $1 ]]; then
    echo "usage: $0 /path/to/northwind.db" >&2
    exit 2
fi
bailiwick=${BAILIWICK:-bailiwick}
BAILIWICK_DATABASE_URL="sqlite:$(realpath "$1")"
export BAILIWICK_DATABASE_URL
cd "$(dirname "$0")"

show() {
    printf '\n$ bailiwick %s\n\n' "$*"
    "$bailiwick" "$@"
}

"$bailiwick" policy check
show policy matrix

# What the policy promises, tried on rows that are written in policies/tests.
show policy test

# Employee 5 looks after order 10248, 2 manages 5, and 6 reports to 5. Whoever may not see a row makes the exit code 1.
show policy explain --tenant northwind --as user:5 --dataset orders --row 10248
show policy explain --tenant northwind --as user:2 --dataset orders --row 10248
show policy explain --tenant northwind --as user:6 --dataset orders --row 10248 || true

# The lines of an order are seen by whoever sees the order.
show policy explain --tenant northwind --as user:5 --dataset order_lines --row 10248,11
show policy explain --tenant northwind --as user:6 --dataset order_lines --row 10248,11 || true
