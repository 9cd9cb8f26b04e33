//! The credential: where it comes from, and that it shows nowhere.

use std::fmt;

/// Shorter ones are no secrets (TMDB's have 32 characters and more) but words such as `any`, for the embedded API; they
/// would be found inside of other words.
const SECRET_MIN: usize = 6;

/// What the API knows its user by. `Debug` and `Display` show the kind, never the secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// `TMDB_TOKEN`: an API Read Access Token, sent as `Authorization: Bearer`.
    Token(String),
    /// `TMDB_API_KEY`: a v3 key, sent as `api_key` in the query.
    Key(String),
}

impl Credential {
    /// The credential of an environment: `TMDB_TOKEN` if it is set and not blank, else `TMDB_API_KEY`.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let read =
            |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        read("TMDB_TOKEN").map(Self::Token).or_else(|| read("TMDB_API_KEY").map(Self::Key))
    }

    /// `text` without the secret, should it ever have come back from outside, as it is or as in a URL.
    pub fn redact(&self, text: &str) -> String {
        let (Self::Token(secret) | Self::Key(secret)) = self;
        if secret.len() < SECRET_MIN {
            return text.to_owned();
        }
        let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
        text.replace(secret.as_str(), "[redacted]").replace(&encoded.to_string(), "[redacted]")
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token([redacted])",
            Self::Key(_) => "Key([redacted])",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Option<Credential> {
        let pairs = pairs.to_vec();
        Credential::from_env(&move |name| {
            pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn token_goes_before_key_and_blank_is_none() {
        assert_eq!(from(&[]), None);
        assert_eq!(from(&[("TMDB_TOKEN", "  ")]), None);
        assert_eq!(from(&[("TMDB_API_KEY", "k")]), Some(Credential::Key("k".into())));
        assert_eq!(
            from(&[("TMDB_API_KEY", "k"), ("TMDB_TOKEN", " t\n")]),
            Some(Credential::Token("t".into()))
        );
    }

    #[test]
    fn secret_is_never_shown() {
        let key = Credential::Key("s3cret".into());
        assert!(!format!("{key:?}").contains("s3cret"));
        assert_eq!(Credential::Key("a/b=c+d".into()).redact("?k=a%2Fb%3Dc%2Bd"), "?k=[redacted]");
        assert_eq!(Credential::Token("any".into()).redact("company"), "company");
        assert_eq!(key.redact("GET /movie/1?api_key=s3cret"), "GET /movie/1?api_key=[redacted]");
    }
}
