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

# A minute at the limit, and peak memory at 20,000 and 200,000 films.
measure:
    benches/measure.sh rate
    benches/measure.sh memory

# Licences, advisories, bans, sources (needs cargo-deny and, for the advisories, the network).
deny:
    cargo deny check
