//! A table's plain paths, compiled into the shape in which a body is walked.
//!
//! ```text
//!  columns  id: .id   title: .title   collection: .belongs_to_collection.name   genres: [.genres[].name]
//!  shape    { id ▸0, title ▸1, belongs_to_collection { name ▸2 }, genres ▸3 [] name }
//! ```
//!
//! A path goes through the tree by its leading fields; what is behind them (`[]`, `[0]` and the rest) is
//! followed at the leaf.

use crate::plan::TablePlan;
use crate::plan::expr::{Expr, META_FIELDS, PlainPath, Root, Step};
use crate::spec::ColumnType;

use super::cell::{Cell, Tree};

/// Fields that one object of the shape can ask for; the walk marks the ones it has seen in a `u128`. A
/// table that asks for more goes by jq as a whole.
const FIELDS_MAX: usize = 128;

/// Where the value of a column comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// The cell with this number among those of the document.
    Doc(usize),
    /// The cell with this number among those of the row.
    Row(usize),
    /// jq.
    Jq,
}

/// How the rows of a document are found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rows {
    /// The document is the row.
    Document,
    /// Where a path leads while the body is walked.
    Walked,
    /// jq.
    Jq,
}

/// A table, compiled.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) rows: Rows,
    /// For each column.
    pub(super) sources: Vec<Source>,
    /// Cells that need no body: their number, path and type.
    pub(super) constants: Vec<(usize, PlainPath, ColumnType)>,
    /// The shape of the document, and what its cells are where the body has nothing.
    pub(super) doc: Node,
    pub(super) doc_absent: Vec<Absent>,
    /// The shape of an element of `rows`, and its cells likewise.
    pub(super) row: Node,
    pub(super) row_absent: Vec<Absent>,
    /// Does anything read the body?
    pub(super) reads_body: bool,
    /// Does the walk give anything?
    pub(super) walks: bool,
}

/// A place in a body that something is read from or below.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) fields: Vec<(Box<str>, Node)>,
    pub(super) leaves: Vec<Leaf>,
    /// The rest of the path of `rows`, if it leaves the tree here.
    pub(super) rows: Option<Vec<Step>>,
}

/// A column that reads this place.
#[derive(Debug)]
pub(super) struct Leaf {
    /// The number of its cell.
    pub(super) cell: usize,
    /// What is left of its path.
    pub(super) rest: Vec<Step>,
    /// Its path is in brackets.
    pub(super) collected: bool,
    pub(super) column_type: ColumnType,
}

impl Shape {
    /// The document's cells before anything is read.
    pub(super) fn doc_cells<'a>(&self) -> Vec<Cell<'a>> {
        self.doc_absent.iter().map(|absent| absent.cell()).collect()
    }

    pub(super) fn new(table: &TablePlan) -> Self {
        let mut shape = Self {
            rows: Rows::Document,
            sources: Vec::new(),
            constants: Vec::new(),
            doc: Node::default(),
            doc_absent: Vec::new(),
            row: Node::default(),
            row_absent: Vec::new(),
            reads_body: table.rows.is_some(),
            walks: false,
        };
        if let Some(rows) = &table.rows {
            shape.rows = shape.add_rows(rows);
            shape.walks = shape.rows == Rows::Walked;
        }
        for column in &table.columns {
            let source = shape.add_column(&column.value, &column.column_type);
            let elsewhere =
                column.value.path().is_some_and(|path| !matches!(path.root, Root::Input | Root::Doc));
            shape.reads_body |= !elsewhere;
            shape.sources.push(source);
        }
        if shape.doc.is_too_wide() || shape.row.is_too_wide() {
            shape.rows = if table.rows.is_some() { Rows::Jq } else { Rows::Document };
            shape.sources.fill(Source::Jq);
            shape.walks = false;
        }
        shape
    }

    fn add_rows(&mut self, rows: &Expr) -> Rows {
        match rows.path() {
            // Without a `[]` there is one row for each document, also where the path leads to null.
            Some(path)
                if matches!(path.root, Root::Input | Root::Doc)
                    && !path.collected
                    && path.steps.contains(&Step::Each) =>
            {
                let (place, rest) = self.doc.place(&path.steps);
                place.rows = Some(rest);
                Rows::Walked
            }
            _ => Rows::Jq,
        }
    }

    fn add_column(&mut self, value: &Expr, column_type: &ColumnType) -> Source {
        let Some(path) = value.path().filter(|path| path.is_single()) else { return Source::Jq };
        let of_row = match path.root {
            Root::Doc => false,
            Root::Input => match self.rows {
                Rows::Document => false,
                Rows::Walked => true,
                Rows::Jq => return Source::Jq,
            },
            _ => return self.add_constant(path, column_type),
        };
        self.walks = true;
        let (node, cells) = if of_row {
            (&mut self.row, &mut self.row_absent)
        } else {
            (&mut self.doc, &mut self.doc_absent)
        };
        let (place, rest) = node.place(&path.steps);
        let leaf =
            Leaf { cell: cells.len(), rest, collected: path.collected, column_type: column_type.clone() };
        cells.push(leaf.absent());
        place.leaves.push(leaf);
        if of_row { Source::Row(cells.len() - 1) } else { Source::Doc(cells.len() - 1) }
    }

    fn add_constant(&mut self, path: &PlainPath, column_type: &ColumnType) -> Source {
        let plain = match (path.root, &path.steps[..]) {
            _ if path.collected => false,
            (Root::Meta, [Step::Field(name)]) => META_FIELDS.contains(&&**name),
            (Root::Meta, [Step::Field(name), ..]) => &**name == "seed",
            (Root::Meta | Root::Params, []) => false,
            _ => true,
        };
        if !plain {
            return Source::Jq;
        }
        self.constants.push((self.doc_absent.len(), path.clone(), column_type.clone()));
        self.doc_absent.push(Absent::Null);
        Source::Doc(self.doc_absent.len() - 1)
    }
}

impl Node {
    /// Goes down by the leading fields of `steps`; the place, and the steps that are left.
    fn place(&mut self, steps: &[Step]) -> (&mut Self, Vec<Step>) {
        match steps {
            [Step::Field(name), rest @ ..] => {
                let index = self.fields.iter().position(|(field, _)| field == name).unwrap_or_else(|| {
                    self.fields.push((name.clone(), Self::default()));
                    self.fields.len() - 1
                });
                self.fields[index].1.place(rest)
            }
            rest => (self, rest.to_vec()),
        }
    }

    fn is_too_wide(&self) -> bool {
        self.fields.len() > FIELDS_MAX || self.fields.iter().any(|(_, node)| node.is_too_wide())
    }
}

impl Leaf {
    /// What jq gives for this column where this place is absent or null.
    fn absent(&self) -> Absent {
        match &self.column_type {
            _ if self.rest.contains(&Step::Each) => Absent::Error,
            _ if !self.collected => Absent::Null,
            ColumnType::List(_) => Absent::ListOfNull,
            _ => Absent::TreeOfNull,
        }
    }
}

/// The cell of a column whose place is absent; apart from [`Cell`], as it stays with its thread.
#[derive(Clone, Copy, Debug)]
pub(super) enum Absent {
    Null,
    /// `[]` of null
    Error,
    /// `[null]`, where the column is a list
    ListOfNull,
    /// `[null]`, where it is none
    TreeOfNull,
}

impl Absent {
    pub(super) fn cell<'a>(self) -> Cell<'a> {
        match self {
            Self::Null => Cell::Null,
            Self::Error => Cell::Error,
            Self::ListOfNull => Cell::List(vec![Cell::Null]),
            Self::TreeOfNull => Cell::Tree(Tree::Source("[null]")),
        }
    }
}
