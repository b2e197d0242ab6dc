//! Node to raw struct: reports every unknown key and wrong form, and goes on.

use crate::diagnostic::Findings;
use crate::node::{Entry, Node, Scalar, Value, item};

/// A form that a value can have. `None` means that the reason is among the findings, or that the value is empty.
pub(crate) trait Read: Sized {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self>;
}

/// Reads one member. An empty value is an absent one.
pub(super) fn optional<T: Read>(node: &Node, path: &str, findings: &mut Findings) -> Option<T> {
    match node.value {
        Value::Null | Value::Failed => None,
        _ => T::read(node, path, findings),
    }
}

/// Reports a value of the wrong form.
pub(super) fn wrong<T>(node: &Node, path: &str, expected: &str, findings: &mut Findings) -> Option<T> {
    if !matches!(node.value, Value::Failed) {
        findings.add(path, format!("expected {expected}, found {}", node.found()), None);
    }
    None
}

/// The same where no scalar fits.
fn wrong_form<T>(node: &Node, path: &str, expected: &str, findings: &mut Findings) -> Option<T> {
    if !matches!(node.value, Value::Failed) {
        findings.add(path, format!("expected {expected}, found {}", node.form()), None);
    }
    None
}

/// The members of a mapping.
pub(super) fn entries<'a>(node: &'a Node, path: &str, findings: &mut Findings) -> Option<&'a [Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Null => Some(&[]),
        _ => wrong_form(node, path, "a mapping", findings),
    }
}

/// The text of a scalar.
pub(super) fn scalar<'a>(node: &'a Node, path: &str, expected: &str, findings: &mut Findings) -> Option<&'a Scalar> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar),
        _ => wrong(node, path, expected, findings),
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, path: &str, findings: &mut Findings) -> Option<Self> {
        let Value::List(items) = &node.value else { return wrong_form(node, path, "a list", findings) };
        let mut out = Self::with_capacity(items.len());
        for (index, child) in items.iter().enumerate() {
            let at = item(path, index);
            let read = match child.value {
                Value::Null => {
                    findings.add(&at, "an empty item", Some("remove it"));
                    None
                }
                _ => T::read(child, &at, findings),
            };
            match read {
                Some(value) => out.push(value),
                None => findings.lose_item(),
            }
        }
        Some(out)
    }
}

/// The member's name of a struct's field: `r#type` is `type`.
pub(crate) fn key_of(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// Declares the raw struct of a mapping with its reader and its part of the JSON Schema.
macro_rules! object {
    ($(#[$meta:meta])* struct $name:ident { $($(#[$fmeta:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name { $($(#[$fmeta])* pub(crate) $field: Option<$type>,)+ }

        impl $crate::raw::Read for $name {
            fn read(
                node: &$crate::node::Node,
                path: &str,
                findings: &mut $crate::diagnostic::Findings,
            ) -> Option<Self> {
                use $crate::raw::read::{entries, key_of, optional};
                let keys = [$(key_of(stringify!($field))),+];
                let mut out = Self::default();
                for entry in entries(node, path, findings)? {
                    let at = $crate::node::member(path, &entry.key);
                    $(if entry.key == key_of(stringify!($field)) {
                        out.$field = optional(&entry.value, &at, findings);
                        continue;
                    })+
                    findings.unknown_key(path, &entry.key, &keys);
                }
                Some(out)
            }
        }
    };
}
pub(crate) use object;
