//! Both outputs as one thing: stdout is data, stderr is talk.
//!
//! Invariant: a reader that goes away (a broken pipe) is no error and no panic; a disk that is full under
//! stdout is an error, once, at the end.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use super::exit::Exit;

/// The outputs of the program.
#[derive(Debug)]
pub(super) struct Printer {
    stderr: io::Stderr,
    coloured: bool,
    /// The first write of data that failed.
    failure: RefCell<Option<io::Error>>,
}

impl Printer {
    pub(super) fn new() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let stderr = io::stderr();
        Self { coloured: !no_color && stderr.is_terminal(), stderr, failure: RefCell::default() }
    }

    /// Whether talk may have colours: on a terminal, and without `NO_COLOR` (no-color.org).
    pub(super) fn is_coloured(&self) -> bool {
        self.coloured
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
                self.talk(&format!("error: write to standard output\n  {error}\n"));
                match exit {
                    Exit::Complete => Exit::Failed,
                    worse => worse,
                }
            }
            _ => exit,
        }
    }
}
