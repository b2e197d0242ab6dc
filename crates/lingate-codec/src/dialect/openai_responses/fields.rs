//! The known members of a request.

use crate::dialect::Field;
use crate::ir::Concept;

/// A row for each member.
pub(super) const FIELDS: &[Field] = &[Field { path: "model", concept: Concept::Model }];

/// Members that lingate itself reads.
pub(super) const CONTROL: &[&str] = &["model", "stream"];
