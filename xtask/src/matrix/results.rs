//! What the test wrote: a line for each case, a flat JSON object of texts.

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Came {
    /// It went through.
    Passed,
    /// It went through, and the answer named what was lost.
    Lost,
    /// It was refused before the upstream was asked, as the case expects.
    Refused,
    /// The client's or the backend's dialect is not built yet.
    NotBuilt,
    /// A known defect.
    Failed,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub name: String,
    pub concept: String,
    pub client: String,
    pub backend: String,
    pub came: Came,
    /// What the answer named as lost, with commas between.
    pub dropped: String,
}

/// Reads the lines of a run.
///
/// # Errors
/// A line that is no flat object of texts, or lacks a member.
pub(crate) fn parse(text: &str) -> Result<Vec<Case>, String> {
    text.lines().filter(|line| !line.is_empty()).map(case).collect()
}

fn case(line: &str) -> Result<Case, String> {
    let members = members(line).ok_or_else(|| format!("not an object of texts: {line}"))?;
    let get = |key: &str| {
        let found = members.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        found.ok_or_else(|| format!("no {key}: {line}"))
    };
    let came = match get("came")?.as_str() {
        "passed" => Came::Passed,
        "lost" => Came::Lost,
        "refused" => Came::Refused,
        "not_built" => Came::NotBuilt,
        "failed" => Came::Failed,
        other => return Err(format!("came: {other}")),
    };
    let (client, backend) = (get("client")?, get("backend")?);
    Ok(Case { name: get("case")?, concept: get("concept")?, client, backend, came, dropped: get("dropped")? })
}

/// The members of a flat object of texts.
fn members(line: &str) -> Option<Vec<(String, String)>> {
    let mut rest = line.trim().strip_prefix('{')?;
    let mut out = Vec::new();
    loop {
        let (key, after) = text(rest.trim_start())?;
        let (value, after) = text(after.trim_start().strip_prefix(':')?.trim_start())?;
        out.push((key, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (rest == "}").then_some(out),
        }
    }
}

/// A JSON text at the beginning, and what follows it. Escapes of more than one character do not occur.
fn text(from: &str) -> Option<(String, &str)> {
    let mut chars = from.strip_prefix('"')?.char_indices();
    let mut out = String::new();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return from.get(at + 2..).map(|rest| (out, rest)),
            '\\' => out.push(chars.next().map(|(_, escaped)| escaped).filter(|escaped| "\"\\/".contains(*escaped))?),
            _ => out.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Came, parse};

    #[test]
    fn lines_become_cases() {
        let line = r#"{"case":"a","concept":"c","client":"x","backend":"y","came":"lost","dropped":"n[0].\"q\",b"}"#;
        let cases = parse(&format!("{line}\n\n{line}\n")).unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!((cases[0].came, cases[0].dropped.as_str()), (Came::Lost, "n[0].\"q\",b"));
    }

    #[test]
    fn broken_lines_are_told() {
        for (line, why) in [
            ("{", "not an object of texts"),
            (r#"{"case":1}"#, "not an object of texts"),
            (r#"{"case":"a"}"#, "no came"),
            (r#"{"came":"somehow"}"#, "came: somehow"),
        ] {
            assert!(parse(line).unwrap_err().contains(why), "{line}");
        }
    }
}
