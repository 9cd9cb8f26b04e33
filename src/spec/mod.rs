//! What the user wrote.

mod column_type;
mod model;
mod path_template;
mod rate;

pub use model::*;
pub use path_template::Part;
