//! Which faults an editor can see: every bad file says so in its first line.

use super::{as_json, files, validator};

/// How a bad file is marked that cannot say it in its first line.
const UNMARKED: [(&str, &str); 2] = [("empty.yaml", "structural"), ("utf16.yaml", "syntax")];

#[test]
fn exactly_the_structural_faults_are_refused() {
    let validator = validator();
    let mut wrong = Vec::new();
    let mut counts = [0; 3];
    for (name, bytes) in files("tests/data/bad") {
        let text = String::from_utf8(bytes.clone()).ok();
        let found = match text.as_deref().and_then(as_json) {
            None => "syntax",
            Some(value) if validator.is_valid(&value) => "semantic",
            Some(_) => "structural",
        };
        counts
            [["syntax", "structural", "semantic"].iter().position(|mark| *mark == found).expect("a mark")] +=
            1;
        let start = String::from_utf8_lossy(&bytes);
        let mark =
            start.lines().next().and_then(|line| line.trim_start_matches('\u{feff}').strip_prefix("# "));
        let mark = UNMARKED.iter().find(|(file, _)| *file == name).map(|(_, mark)| *mark).or(mark);
        if mark != Some(found) {
            wrong.push(format!("{name}: marked {}, and is {found}", mark.unwrap_or("nothing")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(counts.iter().all(|count| *count >= 8), "{counts:?}");
}
