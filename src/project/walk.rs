//! The fast way: one walk over the text of a body fills the cells of its rows, and no tree is built.
//!
//! The meaning is jq's: a field of null is null, a field of a text is an error, `[]` of null is an error.
//! What has no rule here ends the walk with [`Stop::Odd`], and jq does the whole document: a key twice in
//! one object, `[]` of an object.

use crate::plan::expr::scan::{Kind, Scanner};
use crate::plan::expr::{Json, JsonFault, Step};
use crate::spec::ColumnType;

use super::cell::Cell;
use super::shape::{Leaf, Node, Shape};

/// Why a walk gives nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stop {
    /// The body is not JSON.
    Broken,
    /// jq must do this document.
    Odd,
}

impl From<JsonFault> for Stop {
    fn from(_: JsonFault) -> Self {
        Self::Broken
    }
}

/// The cells of one document.
#[derive(Debug)]
pub(super) struct Walked<'a> {
    /// The document's own.
    pub(super) doc: Vec<Cell<'a>>,
    /// Those of all rows, one row after another.
    pub(super) rows: Vec<Cell<'a>>,
    /// How many rows there are.
    pub(super) row_count: usize,
    /// The path of `rows` failed behind these rows.
    pub(super) rows_error: bool,
}

/// Did a path lead on, or fail as jq would?
#[derive(Clone, Copy, Debug, PartialEq)]
enum Led {
    On,
    Astray,
}

/// Walks `body`. The cells of constants are left as they are where nothing was found.
pub(super) fn walk<'a>(shape: &Shape, body: &'a str) -> Result<Walked<'a>, Stop> {
    let mut doc = shape.doc_cells();
    let mut walked = Walked { doc: Vec::new(), rows: Vec::new(), row_count: 0, rows_error: true };
    let mut scanner = Scanner::new(body);
    let mut sink = RowSink { shape, walked: &mut walked };
    visit(&shape.doc, &mut scanner, &mut doc, Some(&mut sink))?;
    scanner.end()?;
    walked.doc = doc;
    Ok(walked)
}

/// Where the rows go that are met on the way.
struct RowSink<'s, 'a> {
    shape: &'s Shape,
    walked: &'s mut Walked<'a>,
}

impl<'a> RowSink<'_, 'a> {
    /// Adds a row; `None` is null.
    fn row(&mut self, scanner: Option<&mut Scanner<'a>>) -> Result<(), Stop> {
        let start = self.walked.rows.len();
        self.walked.rows.extend(self.shape.row_absent.iter().map(|absent| absent.cell()));
        self.walked.row_count += 1;
        match scanner {
            Some(scanner) => visit(&self.shape.row, scanner, &mut self.walked.rows[start..], None),
            None => Ok(()),
        }
    }
}

/// Reads the next value for everything that `node` asks of it.
fn visit<'a>(
    node: &Node,
    scanner: &mut Scanner<'a>,
    cells: &mut [Cell<'a>],
    mut sink: Option<&mut RowSink<'_, 'a>>,
) -> Result<(), Stop> {
    // Most places are asked for one thing. Where there are more, each reads from the same place again.
    let bookmark = scanner.clone();
    let mut first = true;
    let mut again = |scanner: &mut Scanner<'a>| {
        if !std::mem::take(&mut first) {
            scanner.clone_from(&bookmark);
        }
    };
    for leaf in &node.leaves {
        again(scanner);
        cells[leaf.cell] = read(leaf, scanner)?;
    }
    if let (Some(rest), Some(sink)) = (&node.rows, &mut sink) {
        again(scanner);
        let led = follow(Some(scanner), rest, &mut |scanner| sink.row(scanner))?;
        sink.walked.rows_error = led == Led::Astray;
    }
    if !node.fields.is_empty() {
        again(scanner);
        descend(node, scanner, cells, sink)?;
    } else if node.leaves.is_empty() && node.rows.is_none() {
        scanner.skip()?;
    }
    Ok(())
}

/// Reads the next value for the fields of `node`.
fn descend<'a>(
    node: &Node,
    scanner: &mut Scanner<'a>,
    cells: &mut [Cell<'a>],
    mut sink: Option<&mut RowSink<'_, 'a>>,
) -> Result<(), Stop> {
    match scanner.peek()? {
        Kind::Null => Ok(scanner.null()?),
        Kind::Object => {
            let mut seen = 0_u128;
            scanner.object(|scanner, key| {
                let Some(index) = node.fields.iter().position(|(name, _)| **name == *key) else {
                    return Ok(scanner.skip()?);
                };
                if seen & (1 << index) != 0 {
                    return Err(Stop::Odd);
                }
                seen |= 1 << index;
                visit(&node.fields[index].1, scanner, cells, sink.as_deref_mut())
            })
        }
        _ => {
            lost(node, cells);
            Ok(scanner.skip()?)
        }
    }
}

/// Everything below `node` is an error: it has no fields. `rows_error` is true from the start.
fn lost(node: &Node, cells: &mut [Cell<'_>]) {
    for (_, below) in &node.fields {
        for leaf in &below.leaves {
            cells[leaf.cell] = Cell::Error;
        }
        lost(below, cells);
    }
}

/// Reads the next value for one column.
fn read<'a>(leaf: &Leaf, scanner: &mut Scanner<'a>) -> Result<Cell<'a>, Stop> {
    if leaf.rest.is_empty() && !leaf.collected {
        return Ok(Cell::scan(scanner, &leaf.column_type)?);
    }
    match (&leaf.column_type, leaf.collected) {
        (ColumnType::List(element_type), true) => {
            let (led, found) = found(leaf, scanner, Cell::Null, |scanner| Cell::scan(scanner, element_type))?;
            Ok(if led == Led::On { Cell::List(found) } else { Cell::Error })
        }
        (_, true) => {
            let null = Json::from_value(&serde_json::Value::Null);
            let (led, found) = found(leaf, scanner, null, |scanner| Json::parse(scanner.raw()?.as_bytes()))?;
            Ok(if led == Led::On { Cell::collected(found) } else { Cell::Error })
        }
        (column_type, false) => {
            let (led, mut found) =
                found(leaf, scanner, Cell::Null, |scanner| Cell::scan(scanner, column_type))?;
            Ok(if led == Led::On { found.pop().unwrap_or(Cell::Null) } else { Cell::Error })
        }
    }
}

/// Everything that a leaf's path leads to, by `scan`; `null` where it leads to nothing.
fn found<'a, T: Clone>(
    leaf: &Leaf,
    scanner: &mut Scanner<'a>,
    null: T,
    mut scan: impl FnMut(&mut Scanner<'a>) -> Result<T, JsonFault>,
) -> Result<(Led, Vec<T>), Stop> {
    let mut found = Vec::new();
    let led = follow(Some(scanner), &leaf.rest, &mut |scanner| {
        found.push(match scanner {
            Some(scanner) => scan(scanner)?,
            None => null.clone(),
        });
        Ok(())
    })?;
    Ok((led, found))
}

/// Follows `steps` from the next value, or from null, and hands what they lead to to `arrive`, which must
/// read it. Reads the value to its end, also behind an error.
fn follow<'a>(
    scanner: Option<&mut Scanner<'a>>,
    steps: &[Step],
    arrive: &mut dyn FnMut(Option<&mut Scanner<'a>>) -> Result<(), Stop>,
) -> Result<Led, Stop> {
    let Some((step, rest)) = steps.split_first() else {
        arrive(scanner)?;
        return Ok(Led::On);
    };
    let Some(scanner) = scanner else {
        return if *step == Step::Each { Ok(Led::Astray) } else { follow(None, rest, arrive) };
    };
    match (step, scanner.peek()?) {
        (Step::Each, Kind::Object) => Err(Stop::Odd),
        (Step::Each, Kind::Array) => {
            let mut led = Led::On;
            scanner.array(|scanner| {
                if led == Led::Astray {
                    return Ok(scanner.skip()?);
                }
                led = follow(Some(scanner), rest, arrive)?;
                Ok::<_, Stop>(())
            })?;
            Ok(led)
        }
        (Step::Field(_) | Step::Index(_), Kind::Null) => {
            scanner.null()?;
            follow(None, rest, arrive)
        }
        (Step::Field(name), Kind::Object) => {
            let mut led = None;
            scanner.object(|scanner, key| {
                if *key != **name {
                    return Ok(scanner.skip()?);
                }
                if led.is_some() {
                    return Err(Stop::Odd);
                }
                led = Some(follow(Some(scanner), rest, arrive)?);
                Ok(())
            })?;
            led.map_or_else(|| follow(None, rest, arrive), Ok)
        }
        (Step::Index(index), Kind::Array) => {
            let mut place = 0;
            let mut led = None;
            scanner.array(|scanner| {
                if place == *index {
                    led = Some(follow(Some(scanner), rest, arrive)?);
                } else {
                    scanner.skip()?;
                }
                place += 1;
                Ok::<_, Stop>(())
            })?;
            led.map_or_else(|| follow(None, rest, arrive), Ok)
        }
        // An object of jq has no key that is a number, so it has none here either.
        (Step::Index(_), Kind::Object) => {
            scanner.skip()?;
            follow(None, rest, arrive)
        }
        _ => {
            scanner.skip()?;
            Ok(Led::Astray)
        }
    }
}
