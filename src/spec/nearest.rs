//! The known name that a misspelt one was meant to be.
//!
//! Belongs here: the distance between words. Does not belong here: which words are known.

/// Longest name that is compared: the words of the language are shorter, and work stays bounded.
const NAME_CHARS_MAX: usize = 40;

/// The known name nearest to `name`, if it is near enough to be a slip: a third of its letters changed,
/// added, left out or swapped with a neighbour.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = folded(name)?;
    known
        .into_iter()
        .filter_map(|candidate| {
            let letters = folded(candidate)?;
            let allowed = (letters.len().max(name.len()) / 3).max(1);
            // Words of very different lengths are far apart, which needs no table to know.
            if letters.len().abs_diff(name.len()) > allowed {
                return None;
            }
            let distance = distance(&name, &letters);
            (distance <= allowed).then_some((distance, candidate))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// The letters of `name` without regard to case and to `-` or `_`; nothing where it is too long.
fn folded(name: &str) -> Option<Vec<char>> {
    if name.is_empty() || name.len() > 4 * NAME_CHARS_MAX {
        return None;
    }
    let letters: Vec<char> =
        name.chars().map(|letter| if letter == '-' { '_' } else { letter.to_ascii_lowercase() }).collect();
    (letters.len() <= NAME_CHARS_MAX).then_some(letters)
}

/// Edit distance in which a swap of neighbours is one edit ("optimal string alignment").
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut current: Vec<usize> = Vec::new();
    for (row, &a) in left.iter().enumerate() {
        current.clear();
        current.push(row + 1);
        for (column, &b) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && a == right[column - 1] && left[row - 1] == b {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut current);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_and_a_stranger_finds_none() {
        let known = ["concurrency", "rate", "buffer", "max_depth", "where", "when"];
        for (name, expected) in [
            ("concurency", Some("concurrency")),
            ("Rate", Some("rate")),
            ("raet", Some("rate")),
            ("max-depth", Some("max_depth")),
            ("wher", Some("where")),
            ("bufer", Some("buffer")),
            ("schedule", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"a".repeat(1_000_000), known), None);
    }
}
