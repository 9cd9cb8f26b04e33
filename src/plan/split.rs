//! What the planner had appended to a request, cut out of its answer again.
//!
//! An answer is read once, without building a tree, and what is left of it is byte for byte the answer to the request
//! without the appended names: a member goes with the space around it and one comma. The members themselves are not
//! copied; they stay pieces of the answer.
//!
//! Does not belong here: which names are appended (`fusion`), what is done with a part (`crate::run`).
//!
//! Invariant: whatever an answer is, what is left of it is the JSON value without the members of these names, and a part
//! is there only if it may stand for the answer to a request of its own.

use std::sync::Arc;

use bytes::Bytes;

use super::expr::JsonFault;
use super::expr::scan::{Kind, Scanner};

/// Members that tell an error of the API from an answer: whoever asks for this alone is told more.
const ERROR_KEYS: [&str; 3] = ["status_code", "success", "errors"];

/// A name in `append_to_response` whose object takes the place of an expand's first page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FusedPart {
    /// The name, and the key in the answer.
    pub name: String,
    /// Whether the document keeps it, because its fetch appends it too.
    pub keep: bool,
    /// Where the stand-alone answer has the `id` that an appended object loses; `None` where it has none or nobody
    /// reads it.
    pub id: Option<IdAt>,
}

/// Where the stand-alone answer has its `id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdAt {
    /// Before all others.
    First,
    /// After the first.
    Second,
    /// After all others.
    Last,
}

/// The parts that were cut out of an answer, for the expands that read them. A clone is a reference.
#[derive(Clone, Debug, Default)]
pub struct Parts(Option<Arc<[Option<Bytes>]>>);

impl Parts {
    /// The part at this place of the fetch's [`FusedPart`]s, if the answer had it.
    pub fn get(&self, part: usize) -> Option<&Bytes> {
        self.0.as_ref()?.get(part)?.as_ref()
    }

    /// Every place, also those that the answer had nothing for.
    pub fn places(&self) -> &[Option<Bytes>] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Bytes of all parts together.
    pub fn bytes(&self) -> usize {
        self.0.iter().flat_map(|parts| parts.iter()).flatten().map(Bytes::len).sum()
    }
}

/// Parts by their place.
impl From<Vec<Option<Bytes>>> for Parts {
    fn from(places: Vec<Option<Bytes>>) -> Self {
        Self((!places.is_empty()).then(|| places.into()))
    }
}

/// Cuts `parts` out of `answer`: the document, and what travels beside it.
pub fn split(answer: &Bytes, parts: &[FusedPart]) -> (Bytes, Parts) {
    if parts.is_empty() {
        return (answer.clone(), Parts::default());
    }
    match read(answer, parts) {
        Ok(Some((document, parts))) => (document, Parts(Some(parts.into()))),
        // What is no object has no parts, and what is no JSON was refused when it came.
        Ok(None) | Err(_) => (answer.clone(), Parts::default()),
    }
}

/// An appended object as it stands in the answer.
struct Seen {
    start: usize,
    end: usize,
    /// Where its first member ends, if it has one.
    first_end: Option<usize>,
    has_id: bool,
}

type Split = (Bytes, Vec<Option<Bytes>>);

fn read(answer: &Bytes, parts: &[FusedPart]) -> Result<Option<Split>, JsonFault> {
    let text = std::str::from_utf8(answer).map_err(|error| JsonFault { at: error.valid_up_to() })?;
    let mut scanner = Scanner::new(text);
    if scanner.peek()? != Kind::Object {
        return Ok(None);
    }
    let open = scanner.at();
    let mut seen: Vec<Option<Seen>> = parts.iter().map(|_| None).collect();
    let mut id = None;
    // Where the members that go begin and end: behind the bracket or comma before them, at the one after them.
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    let mut is_cut = false;
    let mut value_end = None;
    scanner.object(|scanner, key| {
        let start = match value_end {
            None => open + 1,
            Some(end) => {
                let comma = end + text[end..].find(',').expect("a comma stands between two members");
                if is_cut && let Some(cut) = cuts.last_mut() {
                    cut.1 = comma;
                }
                comma + 1
            }
        };
        is_cut = false;
        let value_start = scanner.at();
        match parts.iter().position(|part| part.name == *key) {
            Some(place) => {
                // Of several members of one name the last holds, as everywhere in JSON.
                seen[place] = object(scanner)?;
                is_cut = !parts[place].keep;
            }
            None => scanner.skip()?,
        }
        if key == "id" {
            id = Some(&text[value_start..scanner.at()]);
        }
        if is_cut {
            cuts.push((start, start));
        }
        value_end = Some(scanner.at());
        Ok::<(), JsonFault>(())
    })?;
    let close = scanner.at() - 1;
    if is_cut && let Some(cut) = cuts.last_mut() {
        cut.1 = close;
    }
    let bodies = seen.into_iter().zip(parts).map(|(seen, part)| Some(body(answer, &seen?, id, part.id)));
    Ok(Some((without(answer, open, close, &cuts), bodies.collect())))
}

/// Reads a value; `None` if it is no object, or one of the API's errors.
fn object(scanner: &mut Scanner<'_>) -> Result<Option<Seen>, JsonFault> {
    if scanner.peek()? != Kind::Object {
        scanner.skip()?;
        return Ok(None);
    }
    let mut seen = Seen { start: scanner.at(), end: 0, first_end: None, has_id: false };
    let mut is_error = false;
    scanner.object(|scanner, key| {
        scanner.skip()?;
        seen.first_end.get_or_insert(scanner.at());
        seen.has_id |= key == "id";
        is_error |= ERROR_KEYS.contains(&&*key);
        Ok::<(), JsonFault>(())
    })?;
    seen.end = scanner.at();
    Ok((!is_error).then_some(seen))
}

/// The bytes of a part, with the id that it would have alone.
fn body(answer: &Bytes, seen: &Seen, id: Option<&str>, at: Option<IdAt>) -> Bytes {
    let (Some(id), Some(at), false) = (id, at, seen.has_id) else {
        return answer.slice(seen.start..seen.end);
    };
    let member = [&b"\"id\":"[..], id.as_bytes()].concat();
    let (place, text) = match (at, seen.first_end) {
        (_, None) => (seen.start + 1, member),
        (IdAt::First, Some(_)) => (seen.start + 1, [&member[..], b","].concat()),
        (IdAt::Second, Some(end)) => (end, [&b","[..], &member].concat()),
        (IdAt::Last, Some(_)) => (seen.end - 1, [&b","[..], &member].concat()),
    };
    Bytes::from([&answer[seen.start..place], &text, &answer[place..seen.end]].concat())
}

/// The answer without the members in `cuts`.
fn without(answer: &Bytes, open: usize, close: usize, cuts: &[(usize, usize)]) -> Bytes {
    if cuts.is_empty() {
        return answer.clone();
    }
    let mut left =
        Vec::with_capacity(answer.len() - cuts.iter().map(|(start, end)| end - start).sum::<usize>());
    left.extend_from_slice(&answer[..=open]);
    let mut keep = |start: usize, end: usize| {
        if left.len() > open + 1 {
            left.push(b',');
        }
        left.extend_from_slice(&answer[start..end]);
    };
    let mut start = open + 1;
    for (cut, end) in cuts {
        if *cut > start {
            keep(start, cut - 1);
        }
        start = end + 1;
    }
    if start <= close {
        keep(start, close);
    }
    left.extend_from_slice(&answer[close..]);
    Bytes::from(left)
}

#[cfg(test)]
mod tests;
