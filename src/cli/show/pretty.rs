//! JSON over several lines.
//!
//! Works on the text, so that every number and every string stays as it came. Invariant: without its new white space the
//! result is the input.

/// `json`, minified and valid, indented by two; with a line feed at its end.
pub(super) fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if in_string {
            in_string = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            out.push(letter);
            continue;
        }
        match letter {
            '{' | '[' => {
                out.push(letter);
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_string = true;
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    out.push('\n');
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_is_added() {
        let json = r#"{"a":[1e400,{}],"b":"x: [\"{,\\","c":[],"d":null}"#;
        let expect = "{\n  \"a\": [\n    1e400,\n    {}\n  ],\n  \"b\": \"x: [\\\"{,\\\\\",\n  \"c\": [],\n  \"d\": null\n}\n";
        assert_eq!(indented(json), expect);
        assert_eq!(indented("\"a,b\""), "\"a,b\"\n");
        assert_eq!(indented("{\"\\\\\":1}"), "{\n  \"\\\\\": 1\n}\n");
    }
}
