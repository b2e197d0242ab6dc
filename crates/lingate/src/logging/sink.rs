//! Where log lines go: a bounded buffer that a thread of its own writes out.
//!
//! A slow reader of standard error must not hold up requests, and one system call should serve many lines. Lines
//! wait at most [`LINGER`]; warnings and errors are written at once. When the reader is too slow, lines are
//! dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long lines wait for others.
const LINGER: Duration = Duration::from_millis(10);
/// The most that waits, in bytes.
const MOST: usize = 1 << 20;

/// The lines of this process that wait; what was dropped.
struct Waiting {
    bytes: Vec<u8>,
    dropped: u64,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting { bytes: Vec::new(), dropped: 0 });
/// Held while writing, so that lines keep their order.
static WRITING: Mutex<()> = Mutex::new(());
static WRITER: OnceLock<Thread> = OnceLock::new();
static ESCAPES: AtomicBool = AtomicBool::new(false);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes out what waits.
pub(super) fn flush() {
    let _order = lock(&WRITING);
    let (bytes, dropped) = {
        let mut waiting = lock(&WAITING);
        (std::mem::take(&mut waiting.bytes), std::mem::take(&mut waiting.dropped))
    };
    if bytes.is_empty() {
        return;
    }
    let mut out = io::stderr().lock();
    // A log that nobody can take is no reason to stop serving.
    let _ = out.write_all(&bytes);
    if dropped > 0 {
        let _ = writeln!(out, "({dropped} log lines were dropped: standard error is too slow)");
    }
}

/// Makes writers of one line each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sink;

impl Sink {
    /// Starts the thread that writes.
    pub(super) fn start() -> io::Result<Self> {
        let thread = thread::Builder::new().name("lingate-log".to_owned()).spawn(|| {
            loop {
                thread::park();
                // Ends early for what is urgent.
                thread::park_timeout(LINGER);
                flush();
            }
        })?;
        // A second log in one process uses the first one's thread.
        let _ = WRITER.set(thread.thread().clone());
        Ok(Self)
    }

    /// Whether ESC may stand in a line: the colours of a terminal. What the formatter writes of values has none.
    pub(super) fn allow_escapes(self, allowed: bool) {
        ESCAPES.store(allowed, Ordering::Relaxed);
    }
}

/// Takes one line.
#[derive(Debug)]
pub(super) struct Line {
    urgent: bool,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let first = {
            let mut waiting = lock(&WAITING);
            if waiting.bytes.len() + line.len() > MOST {
                waiting.dropped += 1;
                return Ok(line.len());
            }
            let first = waiting.bytes.is_empty();
            escape(line, ESCAPES.load(Ordering::Relaxed), &mut waiting.bytes);
            first
        };
        if let Some(writer) = WRITER.get().filter(|_| first || self.urgent) {
            writer.unpark();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { urgent: false }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line { urgent: *meta.level() <= Level::WARN }
    }
}

/// Copies a line; control characters within it are written as escapes, so that no value can begin a line of its
/// own or move the cursor.
fn escape(line: &[u8], escapes: bool, out: &mut Vec<u8>) {
    let (text, end) = match line.split_last() {
        Some((b'\n', text)) => (text, &b"\n"[..]),
        _ => (line, &b""[..]),
    };
    let plain = |c: u8| !(c < 0x20 || c == 0x7f) || c == b'\t' || (escapes && c == 0x1b);
    let mut rest = text;
    while let Some(at) = rest.iter().position(|c| !plain(*c)) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        if let Some((control, after)) = after.split_first() {
            match control {
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                other => out.extend_from_slice(format!("\\x{other:02x}").as_bytes()),
            }
            rest = after;
        }
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_a_line() {
        for (line, escapes, expected) in [
            ("plain\n", false, "plain\n"),
            ("a\nINFO forged\n", false, "a\\nINFO forged\n"),
            ("a\r\x1b[2J\x00\tb\n", false, "a\\r\\x1b[2J\\x00\tb\n"),
            ("\x1b[32mINFO\x1b[0m a\nb\n", true, "\x1b[32mINFO\x1b[0m a\\nb\n"),
            ("no end", false, "no end"),
            ("\u{e4}\u{85}\n", false, "\u{e4}\u{85}\n"),
            ("", false, ""),
        ] {
            let mut out = Vec::new();
            escape(line.as_bytes(), escapes, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
