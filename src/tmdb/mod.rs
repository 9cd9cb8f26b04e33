//! Where documents come from: the client, its credential, its retries, and pages.
//!
//! ```text
//! Client::ask ─▶ Flights::join ─▶ Store::find ─▶ Vanguard::go ─▶ Budget::enter ─▶ Transport::send ─▶ answer::judge
//!   ─▶ document or missing ─▶ Store::keep │ again │ failed
//! ```
//!
//! Does not belong here: what is asked for (`crate::plan`), when a stage may work (`crate::engine`).
//!
//! Invariant: the credential leaves this module only as a header or a query parameter of a request that goes to
//! `base_url` over TLS or loopback; no error and no event holds it.

mod answer;
mod auth;
mod capped;
mod changes;
mod circuits;
mod client;
mod clock;
mod connections;
mod diagnosis;
mod download;
mod export;
mod failure;
mod flights;
mod http;
mod moves;
mod pages;
mod proxy;
mod transport;
mod vanguard;

pub use answer::Reason;
pub use auth::Credential;
pub use capped::Capped;
pub use changes::{ChangesPage, Window, windows};
pub use client::{Answer, Caller, Client};
pub use clock::Clock;
pub use download::{Download, DownloadError, Save};
pub use export::{export_path, latest_days};
pub use failure::{AskError, Failure, Fatal, Unkept};
pub use http::{Http, HttpError};
pub use moves::Moves;
pub use pages::Said;
pub use proxy::{ProxyError, check_proxy};
pub use transport::{Distrust, Prospect, Response, Transport, TransportError};
