#!/usr/bin/env bash
# Starts moto's S3 server on a free port of this machine, and runs the tests of object stores against it, those of single
# objects and those of Delta tables. Where Python or moto cannot be had, the same tests run over folders and memory alone, and
# say so.
#
#   tests/s3.sh [what `cargo test` takes more]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
server=""
finish() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT

# A moto that is there already is taken: MOTO_SERVER=/path/to/moto_server.
moto=${MOTO_SERVER:-}
if [ -z "$moto" ] && command -v python3 >/dev/null && python3 -m venv "$work/venv" >/dev/null 2>&1; then
    if timeout 300 "$work/venv/bin/pip" install -q 'moto[server]==5.*' >"$work/pip.log" 2>&1; then
        moto=$work/venv/bin/moto_server
    fi
fi
# So is a Python with deltalake, which reads the Delta tables back: TMDB_ETL_PYTHON=/path/to/python.
if [ -z "${TMDB_ETL_PYTHON:-}" ] && [ -x "$work/venv/bin/python" ] &&
    timeout 180 "$work/venv/bin/pip" install -q deltalake polars duckdb pyarrow >>"$work/pip.log" 2>&1; then
    export TMDB_ETL_PYTHON="$work/venv/bin/python"
fi

if [ -n "$moto" ]; then
    "$moto" -H 127.0.0.1 -p 0 >"$work/server.log" 2>&1 &
    server=$!
    port=""
    for _ in $(seq 150); do
        port=$(sed -n 's/.*Running on http:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/server.log" | sed -n 1p)
        [ -n "$port" ] && break
        sleep 0.2
    done
    if [ -n "$port" ]; then
        export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_REGION=us-east-1
        export AWS_ACCESS_KEY_ID=tests AWS_SECRET_ACCESS_KEY=tests TMDB_ETL_TEST_BUCKET=tables
        python3 -c 'import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], method="PUT"))' \
            "$AWS_ENDPOINT_URL/$TMDB_ETL_TEST_BUCKET"
        echo "moto answers on port $port"
    else
        echo "moto does not start: S3 is skipped"
        sed -n '1,5p' "$work/server.log"
    fi
else
    echo "Python or moto cannot be had: S3 is skipped"
fi

cargo test --features cloud,delta --lib -- sink::remote sink::delta "$@"
cargo test --features cloud,delta --test it -- stores "$@"
