//! `${NAME}`, `${NAME:-default}` and `${file:/path}` in scalars. `$${` writes a literal `${`.

use std::path::Path;

use crate::diagnostic::Findings;
use crate::env::Environment;
use crate::node::{Node, Scalar, Value, item, member};
use crate::yaml::is_null;

/// How deep defaults may hold references of their own.
const MAX_NESTING: usize = 8;
/// The largest text that one scalar may become.
const MAX_TEXT: usize = 4 << 20;

/// Resolves every scalar value of the tree; keys are left alone. What fails is reported and marked.
pub(crate) fn resolve(node: &mut Node, path: &str, env: &dyn Environment, findings: &mut Findings) {
    match &mut node.value {
        Value::Scalar(scalar) if scalar.text.contains("${") => match expand(&scalar.text, env, MAX_NESTING) {
            Ok(text) => node.value = resolved(scalar, text),
            Err(problem) => {
                findings.add(path, problem.message, Some(&problem.help));
                node.value = Value::Failed;
            }
        },
        Value::List(items) => {
            for (index, child) in items.iter_mut().enumerate() {
                resolve(child, &item(path, index), env, findings);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                resolve(&mut entry.value, &member(path, &entry.key), env, findings);
            }
        }
        _ => {}
    }
}

fn resolved(scalar: &Scalar, text: String) -> Value {
    if scalar.plain && is_null(&text) {
        return Value::Null;
    }
    Value::Scalar(Scalar { text, plain: scalar.plain, written: Some(scalar.text.clone()) })
}

struct Problem {
    message: String,
    help: String,
}

fn problem(message: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem { message: message.into(), help: help.into() }
}

fn expand(text: &str, env: &dyn Environment, nesting: usize) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let body = &rest[at + 2..];
        let end = closing_brace(body)
            .ok_or_else(|| problem("`${` without its `}`", "close it, or write `$${` for a literal `${`"))?;
        out.push_str(&reference(&body[..end], env, nesting)?);
        rest = &body[end + 1..];
        if out.len() > MAX_TEXT {
            return Err(problem(format!("longer than {MAX_TEXT} bytes after interpolation"), "shorten it"));
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn closing_brace(body: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = body.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if i > 0 && bytes[i - 1] == b'$' => depth += 1,
            b'}' if depth == 0 => return Some(i),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn reference(body: &str, env: &dyn Environment, nesting: usize) -> Result<String, Problem> {
    if let Some(path) = body.strip_prefix("file:") {
        return match env.file(Path::new(path)) {
            // Files of secrets end with a newline that is no part of the secret.
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(reason) => {
                Err(problem(format!("the file `{path}` cannot be read: {reason}"), "create it, or correct the path"))
            }
        };
    }
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    if !is_name(name) {
        let help = "write `${NAME}`, `${NAME:-default}` or `${file:/path}`; `$${` is a literal `${`";
        return Err(problem("`${…}` does not hold the name of a variable", help));
    }
    match (env.var(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(_)) if nesting == 0 => Err(problem("defaults are nested too deep", "flatten them")),
        (_, Some(default)) => expand(default, env, nesting - 1),
        (None, None) => Err(problem(
            format!("the environment variable `{name}` is not set"),
            format!("set it, or give a default: `${{{name}:-…}}`"),
        )),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::FixedEnvironment;

    fn run(text: &str) -> Result<String, String> {
        let env = FixedEnvironment::new()
            .with_var("A", "one")
            .with_var("EMPTY", "")
            .with_var("RAW", "${A}")
            .with_file("/k", "sk-1\n");
        expand(text, &env, MAX_NESTING).map_err(|p| p.message)
    }

    #[test]
    fn replaces_references() {
        for (text, expected) in [
            ("plain", "plain"),
            ("${A}", "one"),
            ("x-${A}-${A}", "x-one-one"),
            ("${B:-two}", "two"),
            ("${A:-two}", "one"),
            ("${EMPTY}", ""),
            ("${EMPTY:-two}", "two"),
            ("${B:-}", ""),
            ("${B:-${A}}", "one"),
            ("${B:-${C:-three}}!", "three!"),
            ("${file:/k}", "sk-1"),
            ("$${A}", "${A}"),
            ("a$b $ {A}", "a$b $ {A}"),
            ("${RAW}", "${A}"),
        ] {
            assert_eq!(run(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_resolve() {
        for (text, part) in [
            ("${B}", "`B` is not set"),
            ("${A", "without its `}`"),
            ("${}", "name of a variable"),
            ("${a.b}", "name of a variable"),
            ("${1}", "name of a variable"),
            ("${file:/none}", "`/none` cannot be read: no such file"),
        ] {
            let message = run(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
        let deep = format!("{}x{}", "${B:-".repeat(20), "}".repeat(20));
        assert_eq!(run(&deep), Err("defaults are nested too deep".to_owned()));
    }
}
