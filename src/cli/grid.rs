//! Rows of values within a width: as a table, or where the columns are too many for that, one below the other.
//!
//! Does not belong here: what the values mean. Invariant: no line is wider than asked for (but for the few cells that
//! an indent and a mark need), and no control character is printed.

use std::fmt::Write as _;

use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Cells of a column below which its values say nothing any more; with less room, rows are printed downwards.
const COLUMN_CELLS_MIN: usize = 10;

/// Characters of a value that are looked at: more than any terminal is wide.
const CELL_CHARS_MAX: usize = 2_000;

/// Cells of the terminal that `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` without anything that a terminal obeys: control characters and marks that turn the direction of writing
/// are written as escapes.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(CELL_CHARS_MAX) {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `text` as [`plain`] has it, cut to `cells`.
pub(super) fn fit(text: &str, cells: usize) -> String {
    let text = plain(text);
    if width(&text) <= cells {
        return text;
    }
    let room = cells.saturating_sub(1);
    let mut used = 0;
    let kept = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= room
    });
    kept.collect::<String>() + "…"
}

/// The rows, each line indented.
pub(super) fn grid(names: &[&str], rows: &[Vec<Value>], indent: usize, cells: usize) -> String {
    let cells = cells.saturating_sub(indent);
    let shown: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(shown).collect()).collect();
    let natural: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let widest = shown.iter().map(|row| width(&row[column])).max().unwrap_or(0);
            widest.max(width(&plain(name)))
        })
        .collect();
    match share(&natural, cells) {
        Some(widths) => across(names, rows, &shown, &widths, indent),
        None => down(names, &shown, indent, cells),
    }
}

/// The widths of the columns: their own where they fit, else the widest are cut to one width; `None` if that is too
/// little to read.
fn share(natural: &[usize], cells: usize) -> Option<Vec<usize>> {
    let room = cells.checked_sub(2 * natural.len().saturating_sub(1))?;
    let sum = |most: usize| natural.iter().map(|width| (*width).min(most)).sum::<usize>();
    let widest = natural.iter().copied().max().unwrap_or(0);
    if sum(widest) <= room {
        return Some(natural.to_vec());
    }
    let most = (COLUMN_CELLS_MIN..widest).rev().find(|most| sum(*most) <= room)?;
    Some(natural.iter().map(|width| (*width).min(most)).collect())
}

fn across(
    names: &[&str],
    rows: &[Vec<Value>],
    shown: &[Vec<String>],
    widths: &[usize],
    indent: usize,
) -> String {
    let numbers: Vec<bool> = (0..names.len())
        .map(|column| {
            rows.iter().any(|row| row[column].is_number())
                && rows.iter().all(|row| row[column].is_number() || row[column].is_null())
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (column, cell) in cells.enumerate() {
            let cell = fit(cell, widths[column]);
            let space = " ".repeat(widths[column].saturating_sub(width(&cell)));
            let cell = if numbers[column] { space + &cell } else { cell + &space };
            let between = if column == 0 { "" } else { "  " };
            text.extend([between, &cell]);
        }
        format!("{}{}\n", " ".repeat(indent), text.trim_end())
    };
    let mut text = line(&mut names.iter().copied());
    for row in shown {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

fn down(names: &[&str], shown: &[Vec<String>], indent: usize, cells: usize) -> String {
    let widest = names.iter().map(|name| width(&plain(name))).max().unwrap_or(0).min(cells / 3);
    let mut text = String::new();
    for (index, row) in shown.iter().enumerate() {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{:indent$}row {}", "", index + 1);
        for (name, cell) in names.iter().zip(row) {
            let name = fit(name, widest);
            let space = widest - width(&name).min(widest);
            let room = cells.saturating_sub(widest + 4);
            let _ = writeln!(text, "{:indent$}  {name}{:space$}  {}", "", "", fit(cell, room));
        }
    }
    text
}

/// A value in one line.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows() -> Vec<Vec<Value>> {
        vec![
            vec![json!(1726), json!("Iron Man"), json!(["a", null]), json!(null)],
            vec![json!(299_536), json!("アベンジャーズ/インフィニティ・ウォー"), json!([]), json!(7.5)],
            vec![json!(2), json!("two\nlines \u{1b}[31mred \u{202e}back"), json!({"a": 1}), json!(10)],
        ]
    }

    const NAMES: [&str; 4] = ["id", "title", "genres", "vote_average"];

    #[test]
    fn columns_take_what_they_need_where_there_is_room() {
        insta::assert_snapshot!(grid(&NAMES, &rows(), 2, 120), @r#"
            id  title                                  genres      vote_average
          1726  Iron Man                               ["a",null]          null
        299536  アベンジャーズ/インフィニティ・ウォー  []                   7.5
             2  two\nlines \u{1b}[31mred \u{202e}back  {"a":1}               10
        "#);
    }

    #[test]
    fn widest_columns_are_cut_first() {
        insta::assert_snapshot!(grid(&NAMES, &rows(), 2, 50), @r#"
            id  title           genres      vote_average
          1726  Iron Man        ["a",null]          null
        299536  アベンジャー…   []                   7.5
             2  two\nlines \u…  {"a":1}               10
        "#);
    }

    #[test]
    fn too_many_columns_go_downwards() {
        insta::assert_snapshot!(grid(&NAMES, &rows()[..2], 2, 32), @r#"
        row 1
          id          1726
          title       Iron Man
          genres      ["a",null]
          vote_aver…  null
        row 2
          id          299536
          title       アベンジャーズ/…
          genres      []
          vote_aver…  7.5
        "#);
    }

    #[test]
    fn no_line_is_wider_than_asked_for() {
        for cells in 20..140 {
            for line in grid(&NAMES, &rows(), 4, cells).lines() {
                assert!(width(line) <= cells, "{cells}: {line}");
            }
        }
    }

    #[test]
    fn cut_text_says_so_and_counts_cells() {
        let check = |text: &str, cells: usize, expect: &str| assert_eq!(fit(text, cells), expect);
        check("Iron Man", 8, "Iron Man");
        check("Iron Man", 7, "Iron M…");
        check("インフィ", 8, "インフィ");
        check("インフィ", 6, "イン…");
        check("a\tb\u{7}", 20, "a\\tb\\u{7}");
        check("x", 0, "…");
        check("", 0, "");
    }
}
