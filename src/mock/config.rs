//! What the embedded API is told at its start, and the text forms of it that the command line takes.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How the embedded API behaves; [`Config::default`] is a quick and flawless server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 takes any free one.
    pub addr: SocketAddr,
    /// What the catalogue and the faults are made from.
    pub seed: u64,
    /// Size of the invented catalogue: ids 1 to `films`, besides the real Marvel ids.
    pub films: u32,
    /// How long an answer takes.
    pub latency: Latency,
    /// Films are padded to sizes in this range; else they are as large as they are.
    pub body_size: Option<BodySize>,
    /// Over it, the answer is 429.
    pub rate_limit: Option<RateLimit>,
    /// So many connections are answered at once, requests on others wait; else all are.
    pub connections: Option<NonZeroU32>,
    /// Whether a 429 carries `Retry-After: 1`; TMDB's CDN sends none.
    pub retry_after: bool,
    /// What goes wrong, and how often; the shares of everything but [`FaultKind::Dead`] add up to 1 at
    /// most.
    pub faults: Vec<Fault>,
    /// A folder of recorded answers, with an `index.tsv` in it or beside it; what is not recorded comes
    /// from the catalogue.
    pub recordings: Option<PathBuf>,
    /// Who may ask.
    pub auth: Auth,
    /// Whether [`Stats`](super::Stats) keeps arrivals and requests: memory then grows with the requests.
    pub record: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 0,
            films: 20_000,
            latency: Latency::default(),
            body_size: None,
            rate_limit: None,
            connections: None,
            retry_after: false,
            faults: Vec::new(),
            recordings: None,
            auth: Auth::Any,
            record: false,
        }
    }
}

/// Who gets an answer other than 401.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Whoever sends a bearer token or an `api_key` that is not empty.
    Any,
    /// Whoever sends this one, as a bearer token or as `api_key`.
    Token(String),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "Any",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// Time to an answer: evenly spread over `mean` ± `jitter`, by request and not by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The middle.
    pub mean: Duration,
    /// The largest distance from it; at most `mean`.
    pub jitter: Duration,
}

impl Latency {
    /// The latency of whatever threw `throw`.
    pub(super) fn of(self, throw: u64) -> Duration {
        let thousandths = u32::try_from(throw % 2_001).expect("below 2 001");
        self.mean.saturating_sub(self.jitter) + self.jitter * thousandths / 1_000
    }
}

/// Bytes of a body: evenly spread from `least` to `most`, by request and not by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodySize {
    /// The smallest.
    pub least: usize,
    /// The largest.
    pub most: usize,
}

impl BodySize {
    /// The largest that may be asked for: what the client refuses is larger.
    pub const MAX: usize = 64 << 20;

    /// The size of whatever threw `throw`.
    pub(super) fn of(self, throw: u64) -> usize {
        let spread = (self.most - self.least) as u64 + 1;
        self.least + usize::try_from(throw % spread).expect("below a size in memory")
    }
}

/// `requests` in every sliding `window`, by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many, at least 1.
    pub requests: u32,
    /// In what time.
    pub window: Duration,
}

/// A kind of fault and the share of attempts that meet it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// 0 to 1.
    pub share: f64,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// 500 with code 11.
    Status500,
    /// 429 with code 25.
    TooManyRequests,
    /// 502 with a page of HTML, as from a CDN.
    Html,
    /// 200, and the body ends early.
    Cut,
    /// The connection (over HTTP/2 the stream) is closed without an answer.
    Reset,
    /// The answer comes after [`SLOW`](super::SLOW).
    Slow,
    /// Every request about this id fails with 500, every time.
    Dead,
}

impl FaultKind {
    /// Every kind, with its name on the command line.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Status500, "500"),
        (Self::TooManyRequests, "429"),
        (Self::Html, "html"),
        (Self::Cut, "cut"),
        (Self::Reset, "reset"),
        (Self::Slow, "slow"),
        (Self::Dead, "dead"),
    ];
}

impl fmt::Display for FaultKind {
    /// The name on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(kind, _)| kind == self);
        f.write_str(named.map_or("", |&(_, name)| name))
    }
}

/// A setting whose text form is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not a latency.
    #[error("latency `{0}` is not like `50ms` or `50ms±20ms`, with the jitter at most the mean")]
    Latency(String),
    /// Not a body size.
    #[error("body size `{0}` is not like `20KiB` or `2KiB..200KiB`, at most 64MiB")]
    BodySize(String),
    /// Not a rate limit.
    #[error("rate limit `{0}` is not like `40/s` or `40/10s`")]
    RateLimit(String),
    /// Not a kind of fault.
    #[error("fault `{0}` is not one of 500, 429, html, cut, reset, slow, dead")]
    FaultKind(String),
    /// Not a fault.
    #[error("fault `{0}` is not like `500=5%` or `cut=0.05`, with a share from 0 to 1")]
    Fault(String),
}

impl FromStr for Latency {
    type Err = ConfigError;

    /// `50ms`, `0.2s`, `50ms±20ms` or `50ms+-20ms`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let (mean, jitter) = match text.split_once('±').or_else(|| text.split_once("+-")) {
            Some((mean, jitter)) => (mean, jitter),
            None => (text, "0ms"),
        };
        match (duration(mean), duration(jitter)) {
            (Some(mean), Some(jitter)) if jitter <= mean => Ok(Self { mean, jitter }),
            _ => Err(ConfigError::Latency(text.to_owned())),
        }
    }
}

impl FromStr for BodySize {
    type Err = ConfigError;

    /// `20KiB` or `2KiB..200KiB`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        match (size(least), size(most)) {
            (Some(least), Some(most)) if least <= most && most <= Self::MAX => Ok(Self { least, most }),
            _ => Err(ConfigError::BodySize(text.to_owned())),
        }
    }
}

impl FromStr for RateLimit {
    type Err = ConfigError;

    /// `40/s`, `40/10s`, `2400/m`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let fault = || ConfigError::RateLimit(text.to_owned());
        let (requests, window) = text.split_once('/').ok_or_else(fault)?;
        let window = window.trim();
        let window = if window.starts_with(|c: char| c.is_ascii_digit()) {
            duration(window)
        } else {
            duration(&format!("1{window}"))
        };
        let requests: u32 = requests.trim().parse().map_err(|_| fault())?;
        match window {
            Some(window) if requests > 0 && !window.is_zero() => Ok(Self { requests, window }),
            _ => Err(fault()),
        }
    }
}

impl FromStr for FaultKind {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::ALL
            .into_iter()
            .find_map(|(kind, name)| (name == text).then_some(kind))
            .ok_or_else(|| ConfigError::FaultKind(text.to_owned()))
    }
}

impl FromStr for Fault {
    type Err = ConfigError;

    /// `500=5%` or `500=0.05`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let fault = || ConfigError::Fault(text.to_owned());
        let (kind, share) = text.split_once('=').ok_or_else(fault)?;
        let share = share.trim();
        let (number, whole) = match share.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (share, 1.0),
        };
        let share = number.parse::<f64>().map_err(|_| fault())? / whole;
        if !(0.0..=1.0).contains(&share) {
            return Err(fault());
        }
        let kind = kind.trim().parse()?;
        Ok(Self { kind, share })
    }
}

/// A whole number with `B`, `KiB` or `MiB`, in bytes.
fn size(text: &str) -> Option<usize> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.trim().parse::<usize>().ok()?.checked_mul(unit)
}

/// A number with `us`, `ms`, `s` or `m`; a bare `0` too.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "" if number == 0.0 => 0.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn latencies_are_read_from_text() {
        let check = |text: &str, expect: Option<(u64, u64)>| {
            let expect = expect.map(|(mean, jitter)| Latency { mean: ms(mean), jitter: ms(jitter) });
            assert_eq!(text.parse::<Latency>().ok(), expect, "{text}");
        };
        check("50ms", Some((50, 0)));
        check("50ms±20ms", Some((50, 20)));
        check("50ms+-20ms", Some((50, 20)));
        check("0.2s ± 50ms", Some((200, 50)));
        check("0", Some((0, 0)));
        check("10ms±20ms", None);
        check("50", None);
        check("-5ms", None);
        check("fast", None);
    }

    #[test]
    fn latencies_spread_evenly_over_mean_and_jitter() {
        let latency = Latency { mean: ms(50), jitter: ms(20) };
        assert_eq!([0, 1_000, 2_000].map(|throw| latency.of(throw)), [ms(30), ms(50), ms(70)]);
    }

    #[test]
    fn body_sizes_are_read_from_text_and_spread_evenly() {
        let check = |text: &str, expect: Option<(usize, usize)>| {
            let expect = expect.map(|(least, most)| BodySize { least, most });
            assert_eq!(text.parse::<BodySize>().ok(), expect, "{text}");
        };
        check("20KiB", Some((20 << 10, 20 << 10)));
        check("2KiB..200KiB", Some((2 << 10, 200 << 10)));
        check("0B .. 1 MiB", Some((0, 1 << 20)));
        check("200KiB..2KiB", None);
        check("65MiB", None);
        check("20", None);
        check("20KB", None);
        check("-2KiB", None);
        let size = BodySize { least: 10, most: 12 };
        assert_eq!([0, 1, 2, 3].map(|throw| size.of(throw)), [10, 11, 12, 10]);
    }

    #[test]
    fn rate_limits_are_read_from_text() {
        let check = |text: &str, expect: Option<(u32, u64)>| {
            let expect = expect.map(|(requests, window)| RateLimit { requests, window: ms(window) });
            assert_eq!(text.parse::<RateLimit>().ok(), expect, "{text}");
        };
        check("40/s", Some((40, 1000)));
        check("40/10s", Some((40, 10_000)));
        check("2400/m", Some((2400, 60_000)));
        check("0/s", None);
        check("40", None);
        check("4.5/s", None);
        check("40/0s", None);
    }

    #[test]
    fn faults_are_read_from_text() {
        let check = |text: &str, expect: Option<(FaultKind, f64)>| {
            let expect = expect.map(|(kind, share)| Fault { kind, share });
            assert_eq!(text.parse::<Fault>().ok(), expect, "{text}");
        };
        check("500=5%", Some((FaultKind::Status500, 0.05)));
        check("429=0.05", Some((FaultKind::TooManyRequests, 0.05)));
        check("html=1", Some((FaultKind::Html, 1.0)));
        check("cut = 50 %", Some((FaultKind::Cut, 0.5)));
        check("dead=0", Some((FaultKind::Dead, 0.0)));
        check("500=101%", None);
        check("500=NaN", None);
        check("503=5%", None);
        check("500", None);
        assert!(FaultKind::ALL.iter().all(|(kind, name)| kind.to_string() == *name));
    }

    #[test]
    fn token_is_not_in_the_debug_text() {
        assert!(!format!("{:?}", Auth::Token("secret".into())).contains("secret"));
    }
}
