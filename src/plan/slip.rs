//! What to do about an expression that jq does not read, where its text gives the slip away.
//!
//! Belongs here: words for people who know another language better. Does not belong here: what is wrong and
//! where (`expr`).

/// A piece of other languages, and what to do instead.
const PIECES: [(&str, &str); 17] = [
    ("{{", "an expression stands as it is, without `{{ }}`"),
    ("[*]", "`[]` is each element, as in `[.genres[].name]`"),
    (" is ", "jq compares with `==`, as in `.title == null`"),
    ("++", "`+` joins texts, lists and numbers"),
    ("=~", "`test(\"…\")` looks for a regular expression"),
    ("===", "jq compares with `==`"),
    ("!.", "`not` stands behind: `.adult | not`"),
    ("$.", "a field is `.title`, of the whole document `$doc.title`"),
    ("['", "strings stand in double quotes"),
    (" ? ", "jq has `if .a then .b else .c end`"),
    ("??", "the other value stands behind `//`, as in `.title // \"none\"`"),
    ("${", "a field is `.title`, a param `$params.NAME`"),
    ("<>", "jq compares with `!=`"),
    (" = ", "jq compares with `==`"),
    ("=>", "jq has no functions in functions: `map(.name)` is done to each element"),
    (" in ", "`IN(.a; 1, 2)` says whether a value is one of several"),
    (" like ", "`test(\"…\")` looks for a regular expression"),
];

/// Functions of other languages, and jq's.
const FUNCTIONS: [(&str, &str); 9] = [
    ("len", "length"),
    ("size", "length"),
    ("count", "length"),
    ("lower", "ascii_downcase"),
    ("upper", "ascii_upcase"),
    ("int", "tonumber"),
    ("str", "tostring"),
    ("includes", "contains"),
    ("coalesce", ".a // .b"),
];

/// What is certain of an unknown name, before any guess at a word that looks like it.
pub(super) fn certain(source: &str, message: &str, params: impl Fn(&str) -> bool) -> Option<String> {
    let quoted = |start: &str| message.strip_prefix(start).and_then(|rest| rest.split('`').next());
    if let Some(name) = quoted("unknown variable `$").filter(|name| params(name)) {
        return Some(format!("did you mean `$params.{name}`?"));
    }
    let name = quoted("unknown function `")?;
    if ["params", "doc", "item", "parent", "meta"].contains(&name) && source.contains(&format!("{name}.")) {
        return Some(format!("did you mean `${name}`?"));
    }
    if source.contains(&format!("-{name}")) {
        return Some("a field with `-` in its name is read as `.[\"first-name\"]`".to_owned());
    }
    FUNCTIONS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| format!("jq has `{ours}`"))
}

/// The way out of `message` about `source`; `plain` if it stands in the file without quotes.
pub(super) fn help(source: &str, message: &str, plain: bool) -> String {
    let unknown = message.strip_prefix("unknown function `").and_then(|rest| rest.split('`').next());
    if let Some((_, ours)) = unknown.and_then(|name| FUNCTIONS.iter().find(|(theirs, _)| *theirs == name)) {
        return format!("jq has `{ours}`");
    }
    if unknown.is_some() {
        return "the functions are those of jq: `length`, `map(…)`, `select(…)`, `contains(…)`, `join(…)`"
            .to_owned();
    }
    if let Some((_, instead)) = PIECES.iter().find(|(piece, _)| source.contains(piece)) {
        return (*instead).to_owned();
    }
    if message.contains("expected digit") {
        return "an element is read by its number in brackets, as in `.genres[0].name`".to_owned();
    }
    if message.contains("else or end") {
        return "close it: `if .a then .b else .c end`".to_owned();
    }
    if message.contains("closing") {
        return "every bracket and quote that is opened must be closed".to_owned();
    }
    if message.contains("found the end") {
        return "something is missing at its end".to_owned();
    }
    if plain {
        return "expressions are jq; quote one that holds `#`, `: `, `[` or `{`, as YAML reads those itself"
            .to_owned();
    }
    "expressions are jq, as in `.vote_count > 200` or `[.genres[].name]`".to_owned()
}

#[cfg(test)]
mod tests {
    use super::help;

    #[test]
    fn the_text_gives_the_slip_away() {
        for (source, message, expected) in [
            (".a ?? 1", "expected the end", "`//`"),
            ("len(.a)", "unknown function `len`", "`length`"),
            ("frobnicate", "unknown function `frobnicate`", "those of jq"),
            ("if .a then .b", "expected else or end, found the end", "`if .a"),
            (".a[", "expected closing bracket, found the end", "closed"),
            (".a.", "expected key, found the end", "at its end"),
            (".a = 1", "x", "`==`"),
        ] {
            let help = help(source, message, false);
            assert!(help.contains(expected), "{source}: {help}");
        }
    }
}
