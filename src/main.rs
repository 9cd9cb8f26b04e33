//! `tmdb-etl`, the program: everything is in the library.

use std::process::ExitCode;

// A body is allocated by one thread and freed by another; glibc's heaps have both wait for each other (docs/BENCHMARKS.md).
#[cfg(all(feature = "jemalloc", not(target_env = "msvc")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    tmdb_etl::cli::main(std::env::args_os()).into()
}
