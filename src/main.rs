//! `tmdb-etl`, the program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tmdb_etl::cli::main(std::env::args_os()).into()
}
