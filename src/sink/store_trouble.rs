//! What an object store may answer instead of doing what it was asked for, by meaning.
//!
//! Does not belong here: how an answer is told apart (`remote`), and what to do about it (`crate::cli`).
//!
//! Invariant: nothing of a request or of an answer is in it but the store's own word for the error, so no credential is.

use std::fmt;

/// Why an object store did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreTrouble {
    /// The environment has no credentials, and the machine has none either.
    NoCredentials,
    /// It does not know the credentials, or they do not fit.
    BadCredentials,
    /// It knows them, and they may not do this.
    NotPermitted,
    /// There is no such bucket.
    NoBucket,
    /// The bucket is in another region.
    Region,
    /// Its clock and that of this machine differ.
    Clock,
    /// Nobody answers.
    Unreachable,
    /// It took longer than it may.
    TimedOut,
    /// It is overloaded or out of order.
    Busy,
    /// It cannot put an object on a condition.
    NoConditions,
    /// The settings in the environment do not make an address.
    Setup,
    /// An upload that was under way is gone.
    UploadGone,
    /// Anything else.
    Other,
}

impl fmt::Display for StoreTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredentials => "no credentials are there",
            Self::BadCredentials => "the credentials are not accepted",
            Self::NotPermitted => "the credentials do not permit it",
            Self::NoBucket => "there is no such bucket",
            Self::Region => "the bucket is in another region",
            Self::Clock => "the clock of this machine is wrong",
            Self::Unreachable => "the server cannot be reached",
            Self::TimedOut => "the server does not answer in time",
            Self::Busy => "the server is overloaded or out of order",
            Self::NoConditions => "the server cannot put an object on a condition",
            Self::Setup => "the settings in the environment do not fit",
            Self::UploadGone => "the upload that was under way is gone",
            Self::Other => "the server refuses",
        })
    }
}
