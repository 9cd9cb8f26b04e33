//! What the user wrote.

mod column_type;
mod fault;
mod nearest;
mod model;
mod path_template;
mod rate;

pub use fault::{Fault, Faults, Severity};
pub use nearest::nearest;
pub use model::*;
pub use path_template::Part;
