# `just` lists these; each is a plain command that works without just.

[private]
default:
    @just --list

# What CI runs.
ci:
    .ci/run

test:
    cargo test

# Format, then everything that CI would complain about.
lint:
    cargo fmt --all
    cargo clippy --all-targets -- -D warnings
    RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps

# The main job against the embedded API.
demo:
    cargo run --release -- run pipelines/marvel.yaml --mock

bench:
    cargo bench

# A million kept documents: what keeping, opening and reading them takes.
bench-store:
    cargo bench --bench store -- documents 1000000

# This program beside a script by hand, dlt and Scrapy, against nginx (docs/BENCHMARKS.md).
bench-peers *ARGUMENTS:
    benches/peers/run.sh {{ARGUMENTS}}

# A minute at the limit, and peak memory at 20,000 and 200,000 films, and of large bodies under `memory: 64MiB`.
measure:
    benches/measure.sh rate
    benches/measure.sh reserves
    benches/measure.sh auto
    benches/measure.sh memory
    benches/measure.sh bodies

# Object stores, against moto's server where Python has it.
s3:
    tests/s3.sh

# Licences, advisories, bans, sources (needs cargo-deny and, for the advisories, the network).
deny:
    cargo deny check

# Random input for one of the targets in tests/fuzz/targets: pipeline, expression, projection, answer (needs cargo-fuzz
# and a nightly compiler). A second for one input is too long.
fuzz TARGET SECONDS="600":
    mkdir -p tests/fuzz/corpus/{{TARGET}}
    cargo +nightly fuzz run --fuzz-dir tests/fuzz {{TARGET}} tests/fuzz/corpus/{{TARGET}} pipelines tests/data/bad -- -max_total_time={{SECONDS}} -max_len=65536 -timeout=5 -rss_limit_mb=2048

# Kills, full disks, damaged state, edits between attempts: ten minutes and more (TORTURE_SEED and others: see there).
torture:
    tests/torture.sh
