//! Rewrites the command lines of older programs to lingate's own, before they are parsed.
//!
//! The Open WebUI proxy had no commands, and took `-email` for `--email`, as Go's flag package does.

use std::ffi::OsString;

/// The flags of the Open WebUI proxy that may stand behind a single dash.
const GO_FLAGS: [&str; 17] = [
    "openwebui-url",
    "email",
    "password",
    "host",
    "port",
    "cache-dir",
    "max-body",
    "max-error-body",
    "tags-ttl",
    "show-ttl",
    "timeout",
    "stream-idle-timeout",
    "shutdown-timeout",
    "cors-origins",
    "rate-limit",
    "ollama-version",
    "info",
];

/// Gives every flag its two dashes, and a command line that begins with a flag its command: `info` if it asks for
/// that, else `serve`. Values are left alone. `arguments` begins with the program's name.
pub fn rewrite(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = arguments.into_iter().collect();
    let plain = all.iter().position(|argument| argument == "--").unwrap_or(all.len());
    for argument in all.iter_mut().take(plain).skip(1) {
        if let Some(flag) = argument.to_str().and_then(go_flag) {
            *argument = flag.into();
        }
    }
    let first = all.get(1).and_then(|argument| argument.to_str()).unwrap_or_default();
    if !first.starts_with('-') || matches!(first, "-h" | "--help" | "-V" | "--version" | "-i" | "--info") {
        return all;
    }
    // The older program answers this before it looks at anything else.
    let asks = |argument: &OsString| {
        argument.to_str().is_some_and(|text| text == "-i" || text == "--info" || text.starts_with("--info="))
    };
    match all.iter().take(plain).position(asks) {
        Some(at) => {
            let own_value = all[at].to_str().is_some_and(|text| text.contains('='));
            let next = all.get(at + 1).filter(|next| !own_value && *next != "--" && !is_flag(next)).cloned();
            let asked = [Some(all.swap_remove(at)), next];
            all.truncate(1);
            all.extend(asked.into_iter().flatten());
        }
        None => all.insert(1, "serve".into()),
    }
    all
}

fn is_flag(argument: &OsString) -> bool {
    argument.as_encoded_bytes().starts_with(b"-")
}

/// `-email` or `-email=x` with two dashes.
fn go_flag(argument: &str) -> Option<String> {
    let rest = argument.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
    let name = rest.split_once('=').map_or(rest, |(name, _)| name);
    GO_FLAGS.contains(&name).then(|| format!("--{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let words = std::iter::once("lingate").chain(line.split_whitespace());
        let words = rewrite(words.map(OsString::from));
        words[1..].iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn older_command_lines() {
        for (line, expected) in [
            ("", ""),
            ("serve --demo", "serve --demo"),
            ("--help", "--help"),
            ("-V", "-V"),
            ("--demo", "serve --demo"),
            ("-c lingate.yaml -vv", "serve -c lingate.yaml -vv"),
            ("-openwebui-url http://h -email a@b", "serve --openwebui-url http://h --email a@b"),
            ("--openwebui-url=http://h -port=1", "serve --openwebui-url=http://h --port=1"),
            ("serve -email a@b -password -x", "serve --email a@b --password -x"),
            ("-info json", "--info json"),
            ("-i json", "-i json"),
            ("--openwebui-url http://h -i json", "-i json"),
            ("--openwebui-url http://h --info=json --email a@b", "--info=json"),
            ("completions bash", "completions bash"),
            ("init -- -email", "init -- -email"),
        ] {
            assert_eq!(rewritten(line), expected, "{line}");
        }
    }
}
