//! Cells whose expectation the gateway does not meet yet, and why. They are played all the same; those that have become
//! green are counted, so that their line can go.

use lingate_testkit::faulty::expect::{Cell, Class, Outcome, Targets, outcome};

/// Why this cell may fail for now.
pub(crate) fn pending(cell: &Cell) -> Option<&'static str> {
    let scenario = cell.fault.scenario;
    let after_send = matches!(outcome(cell), Some(Outcome::Refused(_, Class::AfterSend)));
    if after_send && cell.stream && matches!(scenario, "job:404" | "job:never") {
        return Some(
            "a job's stream that fails before its first piece goes nowhere else, even with `retry.after_send`",
        );
    }
    if after_send && cell.targets == Targets::TwoAfterSend {
        return Some("`retry.after_send` has no effect yet");
    }
    if matches!(scenario, "eof_after_head" | "hang_after_head") && cell.stream {
        return Some("a stream that breaks or stalls before its first event is tried again");
    }
    let odd_moment = scenario.starts_with("status:429,ra=") && scenario != "status:429,ra=seconds";
    if odd_moment && cell.targets == Targets::One {
        return Some("`retry-after` goes on as it came");
    }
    None
}
