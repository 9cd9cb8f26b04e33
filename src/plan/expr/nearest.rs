//! "Did you mean …?" for names inside expressions.

/// The hint that names what `name` is nearest to, if anything is near.
pub(super) fn hint<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let bound = 1 + name.len() / 4;
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// Levenshtein's distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_proposed_and_far_ones_are_not() {
        for (name, expected) in [("contians", Some("contains")), ("lenght", Some("length")), ("xyz", None)] {
            let expected = expected.map(|name| format!("did you mean `{name}`?"));
            assert_eq!(hint(name, ["contains", "length"]), expected, "{name}");
        }
    }
}
