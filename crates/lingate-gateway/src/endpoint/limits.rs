//! Time limits of single calls: where a target has its own, and of a stream's first piece of content.

use crate::error::Failure;
use crate::pump::FirstToken;
use crate::upstream::{Answer, TimeLimits};
use lingate_config::{Config, TimeoutOverrides, Timeouts};
use std::time::Duration;
use tokio::time::Instant;

/// Time limits of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLimits {
    times: TimeLimits,
    /// From sending the request to the first piece of content, of a streamed request.
    first_token: Option<Duration>,
}

impl CallLimits {
    /// Of an endpoint, unless they are all its connections' own.
    pub(super) fn of_endpoint(config: &Config, endpoint: &lingate_config::Endpoint) -> Option<Self> {
        let limits = Self::from(config.timeouts_for(endpoint));
        limits.first_token.is_some().then_some(limits)
    }

    /// Of a target with these overrides, unless they are all its endpoint's own.
    pub(crate) fn of_target(
        config: &Config,
        endpoint: &lingate_config::Endpoint,
        overrides: &TimeoutOverrides,
    ) -> Option<Self> {
        match *overrides == TimeoutOverrides::default() {
            true => Self::of_endpoint(config, endpoint),
            false => Some(overrides.over(&config.timeouts_for(endpoint)).into()),
        }
    }

    /// For a request that is streamed, or one that is not.
    pub(crate) fn streamed(self, streamed: bool) -> Self {
        Self { first_token: self.first_token.filter(|_| streamed), ..self }
    }

    /// How long a request may take in all.
    pub(crate) fn total(self) -> Option<Duration> {
        self.times.total
    }

    /// When the first piece of content must have come, of a request that is sent now.
    pub(super) fn first_token(self) -> Option<FirstToken> {
        self.first_token.map(FirstToken::from_now)
    }

    /// What connections hold to: the head comes no later than the first piece of content.
    pub(super) fn with_head(self) -> TimeLimits {
        let first_byte = [self.times.first_byte, self.first_token].into_iter().flatten().min();
        TimeLimits { first_byte, ..self.times }
    }
}

/// An answer that must begin in time says so to whoever reads it; one that did not come at all is late.
pub(super) fn watched(answered: Result<Answer, Failure>, first: Option<FirstToken>) -> Result<Answer, Failure> {
    match (answered, first) {
        (Ok(mut answer), Some(first)) => {
            answer.parts.extensions.insert(first);
            Ok(answer)
        }
        (Err(failure), Some(first)) if failure.error.status == 504 && first.by <= Instant::now() => {
            Err(Failure { error: first.error(), ..failure })
        }
        (answered, _) => answered,
    }
}

impl From<Timeouts> for CallLimits {
    fn from(timeouts: Timeouts) -> Self {
        Self { first_token: timeouts.first_token, times: timeouts.into() }
    }
}

impl From<Timeouts> for TimeLimits {
    fn from(timeouts: Timeouts) -> Self {
        let Timeouts { connect, first_byte, stream_idle, total, .. } = timeouts;
        Self { connect, first_byte, idle: stream_idle, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingate_config::{BackendKind, Endpoint};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_target_s_limits_go_over_the_endpoint_s_and_those_over_all() {
        let mut config = Config::default();
        let mut endpoint = Endpoint::new("e", BackendKind::Vllm, "http://h").unwrap();
        let none = TimeoutOverrides::default();
        assert!(CallLimits::of_target(&config, &endpoint, &none).is_none(), "the connections know them");
        config.timeouts.first_token = Some(SECOND * 9);
        let all = CallLimits::of_target(&config, &endpoint, &none).unwrap();
        assert_eq!((all.first_token, all.streamed(false).first_token), (Some(SECOND * 9), None));
        assert_eq!(all.with_head().first_byte, Some(SECOND * 9));
        endpoint.timeouts = TimeoutOverrides { first_token: Some(Duration::ZERO), total: Some(SECOND), ..none };
        assert!(CallLimits::of_target(&config, &endpoint, &none).is_none());
        let own = TimeoutOverrides { first_byte: Some(SECOND * 3), first_token: Some(SECOND * 4), ..none };
        let own = CallLimits::of_target(&config, &endpoint, &own).unwrap();
        let head = own.with_head();
        assert_eq!((head.first_byte, head.total, own.first_token), (Some(SECOND * 3), Some(SECOND), Some(SECOND * 4)));
        assert_eq!(head.connect, config.timeouts.connect);
    }
}
