//! The plan as text, for `plan`.

use super::Plan;

/// Describes a plan.
pub fn describe(plan: &Plan) -> String {
    plan.name.clone()
}
