//! Which keys were there before.

use std::collections::HashSet;

use roaring::RoaringBitmap;

use crate::plan::Key;

/// A set of keys: a bitmap for numbers, 16 bytes and a little for each other.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    numbers: RoaringBitmap,
    hashes: HashSet<u128>,
}

impl Seen {
    /// Puts it in; whether it was not there.
    pub fn insert(&mut self, key: Key) -> bool {
        match key {
            Key::Number(number) => self.numbers.insert(number),
            Key::Hash(hash) => self.hashes.insert(hash),
        }
    }

    /// Takes it out.
    pub fn remove(&mut self, key: Key) {
        match key {
            Key::Number(number) => {
                self.numbers.remove(number);
            }
            Key::Hash(hash) => {
                self.hashes.remove(&hash);
            }
        }
    }

    /// Whether it is there.
    pub fn contains(&self, key: Key) -> bool {
        match key {
            Key::Number(number) => self.numbers.contains(number),
            Key::Hash(hash) => self.hashes.contains(&hash),
        }
    }
}
