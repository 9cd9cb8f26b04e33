//! How the program ends: one name and one number for each way.

use std::process::ExitCode;

/// A way to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Complete,
    /// Something went wrong, nothing was published.
    Failed,
    /// The pipeline file, or how the program was called, is not as it must be.
    Invalid,
    /// Published, with failures within `max_failures`.
    Partial,
    /// Another run holds the lock.
    Locked,
    /// A signal asked for it; nothing was published.
    Stopped(Signal),
}

/// A signal that asks to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM, as a scheduler sends it.
    Terminate,
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Failed => 1,
            Self::Invalid => 2,
            Self::Partial => 3,
            Self::Locked => 4,
            // 128 and the number of the signal, as shells report it.
            Self::Stopped(Signal::Interrupt) => 128 + 2,
            Self::Stopped(Signal::Terminate) => 128 + 15,
        }
    }

    /// The `status` of `--output json`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Partial => "partial",
            Self::Locked => "locked",
            Self::Stopped(_) => "stopped",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl Signal {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}
