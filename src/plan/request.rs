//! Requests in canonical form: what is asked for, and by what it is known.
//!
//! Invariant: two requests that the API would answer alike from one item have the same text: the query is
//! sorted by name, encoded in one way, and never holds a credential.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::spec::{Part, PathTemplate};

/// What stays as it is in a path segment: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// In the path that the pipeline's author wrote also what divides it.
const PATH: &AsciiSet = &SEGMENT.remove(b'/').remove(b',').remove(b':').remove(b'@').remove(b'%');
/// In a query value also what TMDB's own filters and names are made of.
const QUERY: &AsciiSet = &SEGMENT.remove(b',').remove(b'/').remove(b':');

/// The parameter that appends sub-requests.
const APPEND: &str = "append_to_response";

/// A request whose placeholders an item fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTemplate {
    path: PathTemplate,
    /// Sorted by name.
    query: Vec<(String, PathTemplate)>,
    /// The query that is sent, where the planner appended names to it.
    sent: Option<Vec<(String, PathTemplate)>>,
    /// Hashed with the request: the same path of another host is another document.
    base_url: String,
}

/// By what a request is known among those of one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The number in the template's only placeholder: ids are dense, and a bitmap holds them.
    Number(u32),
    /// xxh3 of base URL and canonical request, or of the item itself where it fills no request.
    Hash(u128),
}

/// A request in canonical form, without host and credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    path: String,
    /// Encoded, sorted by name.
    query: Vec<(String, String)>,
}

/// An item cannot fill a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the item has no usable `{field}` for `{template}` (it is {found})")]
pub struct Unfillable {
    /// The field that is asked for.
    pub field: String,
    /// The template that asks for it.
    pub template: String,
    /// What the item has there.
    pub found: String,
}

impl RequestTemplate {
    /// A template for `base_url` + `path`, asked in `language` unless the query names one, with `append` joined
    /// into `append_to_response`.
    pub fn new(
        base_url: &str,
        path: PathTemplate,
        query: impl IntoIterator<Item = (String, PathTemplate)>,
        append: &[String],
        language: &str,
    ) -> Self {
        let mut query: Vec<_> = query.into_iter().collect();
        if !append.is_empty() {
            query.push((APPEND.to_owned(), literal(&append.join(","))));
        }
        if !query.iter().any(|(name, _)| name == "language") {
            query.push(("language".to_owned(), literal(language)));
        }
        query.sort_by(|a, b| a.0.cmp(&b.0));
        Self { path, query, sent: None, base_url: base_url.to_owned() }
    }

    /// Sends these names in `append_to_response`, and stays known by what it was; without names it sends what it is.
    pub(super) fn append(&mut self, names: &[String]) {
        self.sent = (!names.is_empty()).then(|| {
            let others = self.query.iter().filter(|(name, _)| name != APPEND).cloned();
            let mut query: Vec<_> = others.chain([(APPEND.to_owned(), literal(&names.join(",")))]).collect();
            query.sort_by(|a, b| a.0.cmp(&b.0));
            query
        });
    }

    /// Whether both have the same query, apart from what is appended: then what one asks for can be appended to the other.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let query =
            |of: &Self| of.query.iter().filter(|(name, _)| name != APPEND).cloned().collect::<Vec<_>>();
        query(self) == query(other)
    }

    /// Path and query of what is sent, if that is not what it is known by.
    pub(super) fn sent(&self) -> Option<impl fmt::Display> {
        self.sent.as_ref().map(|query| shown(&self.path, query))
    }

    /// The fields that this template asks of an item.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.path.fields().chain(self.query.iter().flat_map(|(_, value)| value.fields()))
    }

    /// The path as written, for messages and plans.
    pub fn path(&self) -> &PathTemplate {
        &self.path
    }

    /// The value of a parameter, as written.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.to_string())
    }

    /// The request that is sent for `item`.
    ///
    /// # Errors
    /// The item lacks a field.
    pub fn fill(&self, item: &Value) -> Result<Request, Unfillable> {
        self.filled(self.sent.as_ref().unwrap_or(&self.query), item)
    }

    /// The request by which `item` is known: what is sent, without what the planner appended.
    ///
    /// # Errors
    /// The item lacks a field.
    pub fn identity(&self, item: &Value) -> Result<Request, Unfillable> {
        self.filled(&self.query, item)
    }

    fn filled(&self, query: &[(String, PathTemplate)], item: &Value) -> Result<Request, Unfillable> {
        let path = fill(&self.path, item, PATH, SEGMENT)?;
        let query = query
            .iter()
            .map(|(name, value)| Ok((encode(name, QUERY), fill(value, item, QUERY, QUERY)?)))
            .collect::<Result<_, _>>()?;
        Ok(Request { path, query })
    }

    /// The same as text, for page `page` of `request`, which `item` filled.
    ///
    /// # Errors
    /// The item lacks a field, which one that filled the request does not.
    pub fn identity_of(&self, request: &Request, item: &Value, page: u32) -> Result<String, Unfillable> {
        if self.sent.is_none() {
            return Ok(request.to_string());
        }
        Ok(self.identity(item)?.page(page).to_string())
    }

    /// By what the frontier knows `item` here.
    pub fn key(&self, item: &Value) -> Key {
        let mut fields = self.fields();
        if let (Some(field), None) = (fields.next(), fields.next())
            && let Some(number) = item.get(field).and_then(number)
        {
            return Key::Number(number);
        }
        Key::Hash(match self.identity(item) {
            Ok(request) => xxh3_128(format!("{}{request}", self.base_url).as_bytes()),
            Err(_) => xxh3_128(item.to_string().as_bytes()),
        })
    }
}

impl Request {
    /// A request from its parts, which must be in canonical form already.
    pub fn new(path: &str, query: &[(&str, &str)]) -> Self {
        let mut query: Vec<_> =
            query.iter().map(|(name, value)| (encode(name, QUERY), encode(value, QUERY))).collect();
        query.sort();
        Self { path: path.to_owned(), query }
    }

    /// The same request for page `page`, unless it is the first.
    #[must_use]
    pub fn page(self, page: u32) -> Self {
        if page > 1 { self.with("page", &page.to_string()) } else { self }
    }

    /// The same request with another value of a parameter.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut request = self.clone();
        let name = encode(name, QUERY);
        request.query.retain(|(known, _)| *known != name);
        request.query.push((name, encode(value, QUERY)));
        request.query.sort();
        request
    }

    /// The path, encoded.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Path and query with their placeholders, as `plan` shows them.
impl fmt::Display for RequestTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.path, &self.query))
    }
}

fn shown(path: &PathTemplate, query: &[(String, PathTemplate)]) -> String {
    let query = query.iter().enumerate().map(|(index, (name, value))| {
        let mark = if index == 0 { '?' } else { '&' };
        format!("{mark}{name}={value}")
    });
    [path.to_string()].into_iter().chain(query).collect()
}

fn literal(text: &str) -> PathTemplate {
    PathTemplate { parts: vec![Part::Literal(text.to_owned())] }
}

/// Path and query as they are sent, without the credential.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (index, (name, value)) in self.query.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(f, "{mark}{name}={value}")?;
        }
        Ok(())
    }
}

/// Fills `template`, keeping the characters of `literals` in its own text and those of `fields` in the item's.
fn fill(
    template: &PathTemplate,
    item: &Value,
    literals: &'static AsciiSet,
    fields: &'static AsciiSet,
) -> Result<String, Unfillable> {
    let mut text = String::new();
    for part in &template.parts {
        match part {
            Part::Literal(literal) => text.push_str(&encode(literal, literals)),
            Part::Field(field) => {
                let value = match item.get(field) {
                    Some(Value::String(value)) if !matches!(value.as_str(), "" | "." | "..") => value.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    other => {
                        return Err(Unfillable {
                            field: field.clone(),
                            template: template.to_string(),
                            found: other.map_or_else(|| "absent".to_owned(), Value::to_string),
                        });
                    }
                };
                text.push_str(&encode(&value, fields));
            }
        }
    }
    Ok(text)
}

/// The number that `value` is sent as, if it is a small one in canonical form: 603 and "603" are one request.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.parse().ok().filter(|number: &u32| number.to_string() == *text),
        _ => None,
    }
}

fn encode(text: &str, keep: &'static AsciiSet) -> String {
    utf8_percent_encode(text, keep).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(text: &str) -> PathTemplate {
        let mut parts = Vec::new();
        for (index, piece) in text.split(['{', '}']).enumerate() {
            match (index % 2, piece) {
                (_, "") => {}
                (0, piece) => parts.push(Part::Literal(piece.to_owned())),
                (_, piece) => parts.push(Part::Field(piece.to_owned())),
            }
        }
        PathTemplate { parts }
    }

    fn movie() -> RequestTemplate {
        let query = vec![("region".to_owned(), template("{region}"))];
        let append = ["credits".to_owned(), "watch/providers".to_owned()];
        RequestTemplate::new("https://api.example/3", template("/movie/{id}"), query, &append, "en-US")
    }

    #[test]
    fn query_is_sorted_and_encoded_in_one_way() {
        let check = |item: Value, expect: &str| assert_eq!(movie().fill(&item).unwrap().to_string(), expect);
        let query = "append_to_response=credits,watch/providers&language=en-US&region";
        check(json!({"id": 603, "region": "DE"}), &format!("/movie/603?{query}=DE"));
        check(json!({"id": "tt0133093", "region": "a b&c"}), &format!("/movie/tt0133093?{query}=a%20b%26c"));
        check(
            json!({"id": "../list/1?x", "region": "é"}),
            &format!("/movie/..%2Flist%2F1%3Fx?{query}=%C3%A9"),
        );
    }

    #[test]
    fn what_the_planner_appends_is_sent_and_changes_no_identity() {
        let item = json!({"id": 603, "region": "DE"});
        let (plain, mut fused) = (movie(), movie());
        let names = ["credits", "watch/providers", "similar"].map(str::to_owned);
        fused.append(&names);
        let sent = "/movie/603?append_to_response=credits,watch/providers,similar&language=en-US&region=DE";
        assert_eq!(fused.fill(&item).unwrap().to_string(), sent);
        assert_eq!(fused.identity(&item), plain.fill(&item));
        assert_eq!(fused.key(&item), plain.key(&item));
        assert_eq!(fused.to_string(), plain.to_string());
        assert!(fused.is_alike(&plain) && plain.sent().is_none());
        fused.append(&[]);
        assert_eq!(fused, plain);
        // Where nothing was appended before.
        let mut bare = RequestTemplate::new("https://api.example/3", template("/tv/{id}"), [], &[], "de");
        bare.append(&names[..1]);
        assert_eq!(bare.fill(&item).unwrap().to_string(), "/tv/603?append_to_response=credits&language=de");
        assert!(!bare.is_alike(&plain), "the language differs");
    }

    #[test]
    fn item_without_the_field_fills_nothing() {
        for id in [json!(null), json!(""), json!(".."), json!({}), json!([1]), json!(true)] {
            let error = movie().fill(&json!({"id": id, "region": "DE"})).unwrap_err();
            assert_eq!(error.field, "id");
        }
        assert_eq!(movie().fill(&json!({"region": "DE"})).unwrap_err().found, "absent");
    }

    #[test]
    fn key_follows_request_and_host() {
        let item = json!({"id": 603, "region": "DE"});
        let same = json!({"region": "DE", "other": 1, "id": "603"});
        assert_eq!(movie().key(&item), movie().key(&same));
        assert_ne!(movie().key(&item), movie().key(&json!({"id": 604, "region": "DE"})));
        let mut elsewhere = movie();
        elsewhere.base_url = "http://127.0.0.1:1/3".to_owned();
        assert_ne!(movie().key(&item), elsewhere.key(&item));
    }

    #[test]
    fn small_numbers_are_their_own_key() {
        let plain = RequestTemplate::new("https://api.example/3", template("/movie/{id}"), [], &[], "en-US");
        let check = |id: Value, expect: Option<u32>| match plain.key(&json!({ "id": id })) {
            Key::Number(number) => assert_eq!(Some(number), expect, "{id}"),
            Key::Hash(_) => assert_eq!(None, expect, "{id}"),
        };
        check(json!(603), Some(603));
        check(json!("603"), Some(603));
        check(json!(0), Some(0));
        for id in [
            json!("0603"),
            json!("+603"),
            json!(-1),
            json!(603.5),
            json!(4_294_967_296_u64),
            json!("tt1"),
            json!(null),
        ] {
            check(id, None);
        }
    }

    #[test]
    fn first_page_is_the_request_itself() {
        let request = Request::new("/discover/movie", &[("year", "2008"), ("language", "en-US")]);
        assert_eq!(request.clone().page(1), request);
        assert_eq!(request.page(3).to_string(), "/discover/movie?language=en-US&page=3&year=2008");
    }
}
