//! How long to wait between two looks at a job: a function of the number of looks.

use std::time::Duration;

/// The longest pause while a job waits, and for whole answers.
const LONGEST: Duration = Duration::from_secs(5);
/// The longest pause while a worker is busy with a job whose pieces the client awaits.
const LONGEST_LIVE: Duration = Duration::from_secs(1);
/// The longest pause after a look that brought a piece: the next is on its way. RunPod allows 200 looks a second.
const LONGEST_FLOWING: Duration = Duration::from_millis(200);

/// The clock of one job's looks.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    first: Duration,
    /// Looks since anything changed.
    looks: u32,
    flowing: bool,
    /// Differs from job to job, so that jobs do not look in step.
    seed: u64,
}

impl Pace {
    /// `first`: the pause before the first look; `id`: the job's.
    pub(crate) fn new(first: Duration, id: &str) -> Self {
        let seed = id.bytes().fold(0xcbf2_9ce4_8422_2325, |seed: u64, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { first, looks: 0, flowing: false, seed }
    }

    /// The job's state has changed: the pauses grow anew.
    pub(crate) fn changed(&mut self) {
        self.looks = 0;
    }

    /// A look has brought a piece of the answer.
    pub(crate) fn flowed(&mut self) {
        self.looks = 0;
        self.flowing = true;
    }

    /// The pause before the next look: the first, half as much again each time, at most 5 s (1 s while the pieces of a
    /// running job are awaited), less up to a fifth.
    pub(crate) fn next(&mut self, live: bool) -> Duration {
        // What the operator asked for is never shortened.
        let longest = if live { LONGEST_LIVE } else { LONGEST }.max(self.first);
        let first = if self.flowing { self.first.min(LONGEST_FLOWING) } else { self.first };
        let pause = (0..self.looks.min(40)).fold(first, |pause, _| (pause + pause / 2).min(longest));
        self.looks = self.looks.saturating_add(1);
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let fifth = u32::try_from((self.seed >> 33) % 200).unwrap_or_default();
        pause - pause * fifth / 1000
    }
}
