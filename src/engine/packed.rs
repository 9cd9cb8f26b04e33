//! How an item waits: as a few bytes. A tree of JSON in memory takes hundreds for `{"id": 603}`; a frontier holds items
//! by the million.
//!
//! ```text
//!  fields | parent | seed | depth | rank      {id: 603} is a tag and a number of two bytes
//! ```
//!
//! Parent and seed are the same tree for many items: if they are large they stay trees that are shared, aside of the bytes.
//!
//! Invariant: what is unpacked equals what was packed, numbers to their last bit.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::plan::Item;

/// Parents and seeds of more packed bytes than this are shared and not copied.
const ASIDE_BYTES: usize = 48;
/// Bytes of one piece of a line, so that a line that grows is never copied as a whole.
const PIECE_BYTES: usize = 64 << 10;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
/// A number of 0 or more: a varint.
const POSITIVE: u8 = 3;
/// A number below 0: its complement as a varint.
const NEGATIVE: u8 = 4;
/// Eight bytes, little end first.
const FLOAT: u8 = 5;
/// A varint and so many bytes of UTF-8.
const TEXT: u8 = 6;
/// A varint and so many values.
const ARRAY: u8 = 7;
/// A varint and so many pairs of a text without its tag and a value.
const OBJECT: u8 = 8;
/// `{"id": n}`, n of 0 or more: a varint.
const ID: u8 = 9;
/// There is no parent.
const NONE: u8 = 10;
/// The seed is the item itself.
const ITSELF: u8 = 11;
/// The seed is the parent.
const PARENT: u8 = 12;
/// The next of the trees that are kept aside.
const ASIDE: u8 = 13;

/// An item by itself: its bytes, and what it keeps aside.
pub(super) fn packed(item: &Item) -> (Vec<u8>, Vec<Arc<Value>>) {
    let (mut packed, mut aside) = (Vec::new(), Vec::new());
    pack_item(item, &mut packed, &mut aside);
    (packed, aside)
}

/// Appends `item` to `bytes`, and to `aside` what is kept as a tree.
pub fn pack_item(item: &Item, bytes: &mut Vec<u8>, aside: &mut Vec<Arc<Value>>) {
    pack_value(&item.fields, bytes);
    match &item.parent {
        None => bytes.push(NONE),
        Some(parent) => pack_shared(parent, bytes, aside),
    }
    let is_seed = |other: &Arc<Value>| Arc::ptr_eq(other, &item.seed) || *other == item.seed;
    if is_seed(&item.fields) {
        bytes.push(ITSELF);
    } else if item.parent.as_ref().is_some_and(is_seed) {
        bytes.push(PARENT);
    } else {
        pack_shared(&item.seed, bytes, aside);
    }
    pack_number(u64::from(item.depth), bytes);
    pack_number(u64::from(item.rank), bytes);
}

/// Takes an item off the front of `bytes`, and off `aside` what was kept there.
///
/// # Panics
/// If [`pack_item`] has not made them.
pub fn unpack_item(bytes: &mut &[u8], mut aside: impl FnMut() -> Arc<Value>) -> Item {
    let fields = Arc::new(unpack_value(bytes));
    let parent = match bytes[0] {
        NONE => {
            take(bytes, 1);
            None
        }
        _ => Some(unpack_shared(bytes, &mut aside)),
    };
    let seed = match bytes[0] {
        ITSELF => {
            take(bytes, 1);
            Arc::clone(&fields)
        }
        PARENT => {
            take(bytes, 1);
            Arc::clone(parent.as_ref().expect("it was packed as the same as its parent"))
        }
        _ => unpack_shared(bytes, &mut aside),
    };
    let depth = unpack_small(bytes);
    let rank = unpack_small(bytes);
    Item { fields, parent, seed, depth, rank }
}

fn pack_shared(value: &Arc<Value>, bytes: &mut Vec<u8>, aside: &mut Vec<Arc<Value>>) {
    let start = bytes.len();
    pack_value(value, bytes);
    if bytes.len() - start > ASIDE_BYTES {
        bytes.truncate(start);
        bytes.push(ASIDE);
        aside.push(Arc::clone(value));
    }
}

fn unpack_shared(bytes: &mut &[u8], aside: &mut impl FnMut() -> Arc<Value>) -> Arc<Value> {
    if bytes[0] == ASIDE {
        take(bytes, 1);
        return aside();
    }
    Arc::new(unpack_value(bytes))
}

fn pack_value(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(NULL),
        Value::Bool(false) => bytes.push(FALSE),
        Value::Bool(true) => bytes.push(TRUE),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => {
                bytes.push(POSITIVE);
                pack_number(number, bytes);
            }
            (None, Some(number), _) => {
                bytes.push(NEGATIVE);
                pack_number((!number).cast_unsigned(), bytes);
            }
            (None, None, number) => {
                bytes.push(FLOAT);
                bytes.extend(number.unwrap_or(f64::NAN).to_le_bytes());
            }
        },
        Value::String(text) => {
            bytes.push(TEXT);
            pack_text(text, bytes);
        }
        Value::Array(values) => {
            bytes.push(ARRAY);
            pack_number(values.len() as u64, bytes);
            for value in values {
                pack_value(value, bytes);
            }
        }
        Value::Object(fields) => {
            if let (1, Some(id)) = (fields.len(), fields.get("id").and_then(Value::as_u64)) {
                bytes.push(ID);
                return pack_number(id, bytes);
            }
            bytes.push(OBJECT);
            pack_number(fields.len() as u64, bytes);
            for (name, value) in fields {
                pack_text(name, bytes);
                pack_value(value, bytes);
            }
        }
    }
}

fn unpack_value(bytes: &mut &[u8]) -> Value {
    match take(bytes, 1)[0] {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        POSITIVE => Value::from(unpack_number(bytes)),
        NEGATIVE => Value::from(!unpack_number(bytes).cast_signed()),
        FLOAT => {
            let number = f64::from_le_bytes(take(bytes, 8).try_into().expect("eight bytes"));
            Number::from_f64(number).map_or(Value::Null, Value::Number)
        }
        TEXT => Value::String(unpack_text(bytes)),
        ARRAY => (0..unpack_number(bytes)).map(|_| unpack_value(bytes)).collect(),
        OBJECT => {
            let fields = (0..unpack_number(bytes)).map(|_| (unpack_text(bytes), unpack_value(bytes)));
            Value::Object(fields.collect())
        }
        ID => {
            let mut fields = Map::with_capacity(1);
            fields.insert("id".to_owned(), Value::from(unpack_number(bytes)));
            Value::Object(fields)
        }
        tag => unreachable!("nothing is packed as {tag}"),
    }
}

fn pack_text(text: &str, bytes: &mut Vec<u8>) {
    pack_number(text.len() as u64, bytes);
    bytes.extend_from_slice(text.as_bytes());
}

fn unpack_text(bytes: &mut &[u8]) -> String {
    let length = unpack_length(bytes);
    String::from_utf8(take(bytes, length).to_vec()).expect("a text was packed")
}

/// A varint: seven bits a byte, the lowest first.
pub(super) fn pack_number(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Takes a varint off the front of `bytes`.
pub(super) fn unpack_number(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn unpack_small(bytes: &mut &[u8]) -> u32 {
    u32::try_from(unpack_number(bytes)).expect("it was packed from 32 bits")
}

pub(super) fn unpack_length(bytes: &mut &[u8]) -> usize {
    usize::try_from(unpack_number(bytes)).expect("it was packed from a length in memory")
}

/// Takes `count` bytes off the front.
pub(super) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (front, rest) = bytes.split_at(count);
    *bytes = rest;
    front
}

/// Packed items in a line, first in first out, each with its admission number.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Records one after another: the number's distance to the one before, and the packed item. None is cut by the end of a
    /// piece.
    pieces: VecDeque<Vec<u8>>,
    /// Where the first record starts in the first piece.
    start: usize,
    /// What the items keep aside, in their order.
    aside: VecDeque<Arc<Value>>,
    /// Numbers of the last record that was added and the last that was taken.
    added: u64,
    taken: u64,
    len: usize,
}

impl Line {
    /// Adds a packed item; numbers must not fall.
    pub fn push(&mut self, number: u64, packed: &[u8], aside: impl IntoIterator<Item = Arc<Value>>) {
        // A number takes at most 10 bytes.
        let room = packed.len() + 10;
        if self.pieces.back().is_none_or(|piece| !piece.is_empty() && piece.len() + room > PIECE_BYTES) {
            self.pieces.push_back(Vec::new());
        }
        let piece = self.pieces.back_mut().expect("one was added where there was none");
        pack_number(number - self.added, piece);
        piece.extend_from_slice(packed);
        self.aside.extend(aside);
        self.added = number;
        self.len += 1;
    }

    /// Takes the first item and its number.
    pub fn pop(&mut self) -> Option<(u64, Item)> {
        let piece = self.pieces.front()?;
        let mut bytes = &piece[self.start..];
        if bytes.is_empty() {
            return None;
        }
        self.taken += unpack_number(&mut bytes);
        let aside = &mut self.aside;
        let item =
            unpack_item(&mut bytes, || aside.pop_front().expect("what is aside was added with its item"));
        self.start = piece.len() - bytes.len();
        self.len -= 1;
        if self.start == piece.len() {
            self.start = 0;
            if self.pieces.len() > 1 {
                self.pieces.pop_front();
            } else {
                // The last piece keeps its room: most lines hold one item most of the time.
                self.pieces[0].clear();
            }
        }
        Some((self.taken, item))
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
            ".{0,60}".prop_map(Value::from),
            any::<u64>().prop_map(|id| json!({ "id": id })),
            any::<i64>().prop_map(|id| json!({ "id": id })),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((".{0,9}", inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn any_item() -> impl Strategy<Value = Item> {
        (any_value(), proptest::option::of(any_value()), any_value(), 0..3, any::<u32>(), any::<u32>())
            .prop_map(|(fields, parent, seed, same, depth, rank)| {
                let (fields, parent) = (Arc::new(fields), parent.map(Arc::new));
                let seed = match (same, &parent) {
                    (0, _) => Arc::clone(&fields),
                    (1, Some(parent)) => Arc::clone(parent),
                    _ => Arc::new(seed),
                };
                Item { fields, parent, seed, depth, rank }
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_waits_comes_out_as_it_went_in(
            items in proptest::collection::vec((any_item(), 0_u64..1 << 40), 1..40),
            takes in proptest::collection::vec(any::<bool>(), 80),
        ) {
            let mut line = Line::default();
            let (mut number, mut waiting) = (0, VecDeque::new());
            let mut items = items.into_iter();
            for take in takes {
                if take {
                    prop_assert_eq!(line.pop(), waiting.pop_front());
                } else if let Some((item, step)) = items.next() {
                    number += step;
                    let (mut bytes, mut aside) = (Vec::new(), Vec::new());
                    pack_item(&item, &mut bytes, &mut aside);
                    line.push(number, &bytes, aside);
                    waiting.push_back((number, item));
                }
                prop_assert_eq!(line.is_empty(), waiting.is_empty());
            }
        }
    }

    #[test]
    fn a_line_longer_than_its_pieces_keeps_its_order_and_what_is_shared() {
        let mut line = Line::default();
        let parent = Arc::new(json!({ "title": "x".repeat(100) }));
        for id in 0..100_000_u32 {
            let item = Item {
                fields: Arc::new(json!({ "id": id })),
                parent: Some(Arc::clone(&parent)),
                seed: Arc::clone(&parent),
                depth: 1,
                rank: id,
            };
            let (mut bytes, mut aside) = (Vec::new(), Vec::new());
            pack_item(&item, &mut bytes, &mut aside);
            line.push(u64::from(id), &bytes, aside);
        }
        for id in 0..100_000_u32 {
            let (number, item) = line.pop().expect("as many as were added");
            assert_eq!((number, item.rank, &*item.fields), (u64::from(id), id, &json!({ "id": id })));
            assert!(Arc::ptr_eq(item.parent.as_ref().expect("it has one"), &parent));
            assert!(Arc::ptr_eq(&item.seed, &parent));
        }
        assert!(line.pop().is_none());
    }
}
