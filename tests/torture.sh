#!/usr/bin/env bash
# The long form of tests/it/torture: a crawl of 5,000 films that is killed at 100 random moments and stopped at 100 others, its store cut at
# every page, a backfill of 200,000 films in partitions that is killed five times, and a soak of ten minutes. `cargo test` has the short form
# of each. Every number can be set:
#
#   TORTURE_SEED=7 TORTURE_KILLS=500 TORTURE_SECONDS=3600 tests/torture.sh
#   tests/torture.sh soak
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export TORTURE_FILMS=${TORTURE_FILMS:-5000} TORTURE_KILLS=${TORTURE_KILLS:-100} TORTURE_CUTS=${TORTURE_CUTS:-100000}
export TORTURE_BACKFILL=${TORTURE_BACKFILL:-200000}
export TORTURE_SECONDS=${TORTURE_SECONDS:-600} TORTURE_SEED=${TORTURE_SEED:-1}
export INSTA_UPDATE=no
unset TMDB_TOKEN TMDB_API_KEY TMDB_BASE_URL
# One after the other: moments mean little on a machine that is busy with another test.
cargo test --release --test it "torture::${1:-}" -- --nocapture --test-threads 1
