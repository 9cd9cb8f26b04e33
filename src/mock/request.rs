//! A request as the routes see it: decoded, sorted, without its credential.

use percent_encoding::percent_decode_str;

/// The largest page that TMDB answers.
pub(super) const PAGE_MAX: u32 = 500;
/// The most names in `append_to_response`.
pub(super) const APPEND_MAX: usize = 20;

/// Path and query. Not `Debug`: it holds the credential.
#[derive(Clone)]
pub(super) struct Request {
    segments: Vec<String>,
    query: Vec<(String, String)>,
    canonical: String,
    api_key: Option<String>,
}

impl Request {
    pub(super) fn new(path: &str, query: Option<&str>) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let segments: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let mut pairs = Vec::new();
        let mut api_key = None;
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")));
            if name == "api_key" {
                api_key = Some(value);
            } else {
                pairs.push((name, value));
            }
        }
        pairs.sort();
        let mut canonical = format!("/{}", segments.join("/"));
        for (n, (name, value)) in pairs.iter().enumerate() {
            canonical.extend([if n == 0 { "?" } else { "&" }, name, "=", value]);
        }
        Self { segments, query: pairs, canonical, api_key }
    }

    /// The parts of the path below `/3`, or `None` for another path.
    pub(super) fn below_version(&self) -> Option<Vec<&str>> {
        let (version, rest) = self.segments.split_first()?;
        (version == "3").then(|| rest.iter().map(String::as_str).collect())
    }

    /// The name of an export's file, if this asks for one.
    pub(super) fn export(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [p, exports, name] if p == "p" && exports == "exports" => Some(name),
            _ => None,
        }
    }

    /// Whether it asks for a film itself, with whatever is appended, and not for a part or a list.
    pub(super) fn is_of_a_film(&self) -> bool {
        matches!(self.below_version().as_deref(), Some(["movie", id]) if id.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// Path and sorted query: what makes two requests the same one.
    pub(super) fn canonical(&self) -> &str {
        &self.canonical
    }

    /// As [`Request::canonical`], without what says no more than the default does.
    pub(super) fn without_defaults(&self) -> String {
        let defaults = [("language", "en-US"), ("page", "1")];
        let mut text = format!("/{}", self.segments.join("/"));
        let mut joint = "?";
        for (name, value) in &self.query {
            if !defaults.contains(&(name.as_str(), value.as_str())) {
                text.extend([joint, name, "=", value]);
                joint = "&";
            }
        }
        text
    }

    /// The path down to its first number, if it has one: what a fault of kind `dead` is about.
    pub(super) fn subject(&self) -> Option<String> {
        let is_id = |part: &String| part.bytes().all(|byte| byte.is_ascii_digit());
        let version = 1;
        let at = self.segments.iter().skip(version).position(is_id)?;
        Some(format!("/{}", self.segments[..=version + at].join("/")))
    }

    pub(super) fn api_key(&self) -> Option<&str> {
        self.api_key.as_deref()
    }

    /// The value of a parameter, if it is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(known, _)| known == name)?;
        Some(pair.1.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.get(name)?.parse().ok()
    }

    /// The primary subtag of the language.
    pub(super) fn language(&self) -> &str {
        let language = self.get("language").unwrap_or("en");
        language.split_once('-').map_or(language, |(primary, _)| primary)
    }

    /// The names in `append_to_response`.
    pub(super) fn appended(&self) -> Vec<&str> {
        let names = self.get("append_to_response").unwrap_or_default();
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_request_is_sorted_decoded_and_without_its_credential() {
        let check = |path, query, expect: &str| {
            assert_eq!(Request::new(path, Some(query)).canonical(), expect);
        };
        check("/3/movie/1", "", "/3/movie/1");
        check("/3/movie/1", "page=2&api_key=secret&language=de", "/3/movie/1?language=de&page=2");
        check("/3//search/movie", "query=James%20Bond", "/3/search/movie?query=James Bond");
        check("/3/search/movie", "query=James+Bond", "/3/search/movie?query=James Bond");
    }

    #[test]
    fn subject_ends_at_the_first_id() {
        let check =
            |path, expect: &str| assert_eq!(Request::new(path, None).subject().unwrap_or_default(), expect);
        check("/3/movie/12/similar", "/3/movie/12");
        check("/3/tv/12/season/1", "/3/tv/12");
        check("/3/movie/popular", "");
    }
}
