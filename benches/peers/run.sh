#!/usr/bin/env bash
# Side by side against one nginx on this machine: this program, a script by hand (asyncio, aiohttp, orjson, uvloop, pyarrow),
# dlt's REST source and Scrapy, with wrk as the ceiling. Prints a table; docs/BENCHMARKS.md holds the last one.
#
#   benches/peers/run.sh [--films N] [--slow N] [--rounds N] [--only NAME,…]
#
# The others are installed into a virtual environment in PEERS_DIR (default: target/peers), nginx and wrk come from the
# system. Whatever is missing is said and skipped. PEERS_PROGRAM names a program that is built already. Wants 500 MB.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=${PEERS_DIR:-target/peers}
mkdir -p "$work"
if [ -z "${PEERS_PROGRAM:-}" ]; then
    cargo build --release --quiet
    PEERS_PROGRAM=${CARGO_TARGET_DIR:-target}/release/tmdb-etl
fi
python=$work/venv/bin/python
if [ ! -x "$python" ]; then
    python3 -m venv "$work/venv"
    # One at a time, so that one that cannot be had does not keep the others away.
    for package in pyarrow orjson "aiohttp uvloop" "dlt[parquet]" scrapy; do
        # shellcheck disable=SC2086
        "$python" -m pip install --quiet --disable-pip-version-check $package || echo "skipped: $package" >&2
    done
fi
"$python" - <<'VERSIONS'
import importlib.metadata as metadata, platform
for name in ("aiohttp", "orjson", "uvloop", "pyarrow", "dlt", "scrapy"):
    try:
        print(name, metadata.version(name), end=", ")
    except metadata.PackageNotFoundError:
        pass
print("Python", platform.python_version())
VERSIONS
"$PEERS_PROGRAM" --version
exec "$python" benches/peers/bench.py "$work" "$PEERS_PROGRAM" "$python" "$@"
