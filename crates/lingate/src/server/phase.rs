//! What all connections are told at shutdown.

/// The phases of a server, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It serves.
    Running,
    /// No new connections and requests; what is under way may finish.
    Draining,
    /// Everything ends now.
    Cut,
}
