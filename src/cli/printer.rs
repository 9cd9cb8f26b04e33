//! Both outputs as one thing: stdout is data, stderr is talk.
//!
//! Invariant: a reader that goes away (a broken pipe) is no error and no panic; a disk that is full under
//! stdout is an error, once, at the end.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use clap::ValueEnum;

use super::exit::Exit;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    // On a terminal that knows colours, unless `NO_COLOR` is set (no-color.org). No doc comments here: they would take
    // ten lines of every `--help`.
    #[default]
    Auto,
    // Even into a file.
    Always,
    // Not at all.
    Never,
}

impl Color {
    /// What `--color` asks for, found before the arguments are parsed: what is wrong with them is coloured too. What
    /// `--color` does not take, the parser refuses later.
    pub(super) fn asked_for(arguments: &[OsString]) -> Self {
        let mut asked = Self::Auto;
        let mut words = arguments.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--");
        while let Some(word) = words.next() {
            let value = match word.strip_prefix("--color") {
                Some("") => words.next(),
                Some(value) => value.strip_prefix('='),
                None => None,
            };
            asked = value.and_then(|value| Self::from_str(value, false).ok()).unwrap_or(asked);
        }
        asked
    }

    fn holds(self, is_terminal: bool) -> bool {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        match self {
            Self::Auto => {
                is_terminal && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
            }
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The outputs of the program.
#[derive(Debug)]
pub(super) struct Printer {
    stderr: io::Stderr,
    coloured: bool,
    data_coloured: bool,
    /// The first write of data that failed.
    failure: RefCell<Option<io::Error>>,
}

impl Printer {
    pub(super) fn new(color: Color) -> Self {
        let stderr = io::stderr();
        Self {
            coloured: color.holds(stderr.is_terminal()),
            data_coloured: color.holds(io::stdout().is_terminal()),
            stderr,
            failure: RefCell::default(),
        }
    }

    /// Whether talk may have colours.
    pub(super) fn is_coloured(&self) -> bool {
        self.coloured
    }

    /// Whether help on stdout may have colours. Data has none.
    pub(super) fn is_data_coloured(&self) -> bool {
        self.data_coloured
    }

    /// Whether data still gets to somebody.
    pub(super) fn is_heard(&self) -> bool {
        self.failure.borrow().is_none()
    }

    /// Prints data, whole lines, at once.
    pub(super) fn data(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            self.failure.borrow_mut().get_or_insert(error);
        }
    }

    /// Prints talk, whole lines. Where nobody listens there is nobody to tell.
    pub(super) fn talk(&self, text: &str) {
        let _ = self.stderr.lock().write_all(text.as_bytes());
    }

    /// The way to end, given how the data went.
    pub(super) fn finish(self, exit: Exit) -> Exit {
        match self.failure.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                let hint = "make room where the output goes to, then run the same command again";
                self.talk(&format!("error: write to standard output\n  {error}\nhint: {hint}\n"));
                match exit {
                    Exit::Complete => Exit::Failed,
                    worse => worse,
                }
            }
            _ => exit,
        }
    }
}

/// Whether somebody looks at stderr who sees what is redrawn: a terminal that knows how, and no build system, whose
/// terminal is a file in the end.
pub(super) fn is_lively() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    io::stderr().is_terminal() && set("CI").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_known_before_the_arguments_are_parsed() {
        let check = |line: &str, expect: Color| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Color::asked_for(&words), expect, "{line}");
        };
        check("tmdb-etl plan x.yaml", Color::Auto);
        check("tmdb-etl --color always plan x.yaml", Color::Always);
        check("tmdb-etl plan x.yaml --color=never", Color::Never);
        check("tmdb-etl plan x.yaml --color", Color::Auto);
        check("tmdb-etl plan x.yaml --color=often --color never", Color::Never);
        check("tmdb-etl plan -- --color always", Color::Auto);
        check("tmdb-etl plan --colors always", Color::Auto);
    }
}
