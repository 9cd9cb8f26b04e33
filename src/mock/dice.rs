//! Numbers that look random and are a pure function of a seed: the catalogue's only source of variety.
//!
//! Written out here rather than taken from a library, so that no update of a dependency changes the
//! catalogue. The step is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
//! generators", 2014).

/// Mixes the bits of `x`; a bijection, so different inputs stay different.
pub(super) const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// One stream of throws. Streams of different topics or ids have nothing to do with each other.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The stream of `topic` and `id` under `seed`.
    pub(super) fn new(seed: u64, topic: &str, id: u64) -> Self {
        let topic = xxhash_rust::xxh3::xxh3_64(topic.as_bytes());
        Self(mix(seed ^ mix(topic ^ mix(id))))
    }

    /// The next 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `n`; 0 for 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        let wide = (self.bits() >> 32) * u64::from(n);
        u32::try_from(wide >> 32).expect("a product of two 32-bit numbers, shifted, has 32 bits")
    }

    /// A number below `n` where small ones are common: a uniform share, squared `squarings` times.
    pub(super) fn skewed(&mut self, n: u32, squarings: u32) -> u32 {
        let mut share = self.bits() >> 32;
        for _ in 0..squarings {
            share = (share * share) >> 32;
        }
        u32::try_from((share * u64::from(n)) >> 32).expect("a share of a 32-bit number")
    }

    /// True in `percent` of 100 throws.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `from`, which is not empty.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        let count = u32::try_from(from.len()).expect("the word lists are short");
        from[self.below(count) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skewed_numbers_stay_below_their_bound_and_lean_low() {
        let mut dice = Dice::new(1, "test", 2);
        let throws: Vec<u32> = (0..1000).map(|_| dice.skewed(100, 2)).collect();
        assert!(throws.iter().all(|&n| n < 100));
        assert!(throws.iter().filter(|&&n| n < 10).count() > 400);
    }

    #[test]
    fn streams_of_two_topics_differ_and_repeat_themselves() {
        let of = |topic| Dice::new(7, topic, 1).bits();
        assert_eq!(of("film"), of("film"));
        assert_ne!(of("film"), of("person"));
    }
}
