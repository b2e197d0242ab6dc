//! One account's session: who signs in, who waits, and who does not.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::StatusCode;
use lingate_store::SealedCache;
use tokio::sync::watch;
use tokio::time::Instant;

use super::account::Account;
use super::error::SignInError;
use super::limiter::Limiter;
use super::persist::Keeper;
use super::reply::{self, Verdict};
use super::token::{Issued, Token};

/// Where to sign in, from Open WebUI's root (the address without `/api`).
pub(crate) const SIGN_IN_PATH: &str = "/api/v1/auths/signin";
/// The longest that one sign-in may take.
pub(super) const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(30);
/// For so long after a refusal no sign-in is tried: a wrong password must not lock the account.
pub(super) const HOLD: Duration = Duration::from_secs(30);

/// Tells the wall clock's unix seconds.
pub(super) type UnixClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The system's wall clock.
pub(crate) fn system_clock() -> UnixClock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The session of one account, shared by all requests of its endpoint. Keep it over a configuration reload as long
/// as the [`Account`] is equal: its limiter and its hold go with it.
pub(crate) struct Session {
    account: Account,
    clock: UnixClock,
    keeper: Arc<Keeper>,
    state: Mutex<State>,
}

type Outcome = Result<Token, SignInError>;

/// Where a flight found its token.
enum Found {
    /// On disk, from an earlier run.
    Kept(Arc<Issued>),
    /// At Open WebUI, just now.
    Fresh(Arc<Issued>),
}

#[derive(Default)]
struct State {
    /// The sign-in under way; all who need it wait for its outcome.
    flight: Option<watch::Receiver<Option<Outcome>>>,
    limiter: Limiter,
    /// Until when no sign-in is tried, and why.
    hold: Option<(Instant, SignInError)>,
    /// Not before this is a token renewed that is still good: the last try failed.
    early_after: Option<Instant>,
    /// The disk was looked at.
    restored: bool,
}

impl State {
    /// The sign-in to wait for. One whose task is gone without an outcome (it panicked) counts as none.
    fn under_way(&self) -> Option<&watch::Receiver<Option<Outcome>>> {
        self.flight.as_ref().filter(|flight| flight.has_changed().is_ok())
    }
}

impl Session {
    /// A session that signs in, or looks into `cache`, when it is first needed.
    pub(crate) fn new(account: Account, cache: SealedCache, clock: UnixClock) -> Arc<Self> {
        let keeper = Arc::new(Keeper::new(cache, account.cache_name()));
        Arc::new(Self { account, clock, keeper, state: Mutex::default() })
    }

    /// Whose session it is.
    #[cfg(test)]
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// A token that can be sent now.
    ///
    /// With a good one at hand this returns at once and waits for no lock; if that one is about to expire, a
    /// renewal begins in the background. Without one, all callers wait for the same sign-in, which goes on if they
    /// go away, and get the same outcome.
    ///
    /// `post` sends the sign-in if it falls to this caller: it takes [`SIGN_IN_PATH`] and a JSON body that holds the
    /// password, and gives status and (bounded) body. Its errors must be fit for a client.
    ///
    /// # Errors
    /// No sign-in worked, or none may be tried now: [`SignInError`] says which, and when to try again.
    pub(crate) async fn token<P, F, E>(self: &Arc<Self>, post: P) -> Result<Token, SignInError>
    where
        P: FnOnce(&'static str, Bytes) -> F + Send + 'static,
        F: Future<Output = Result<(StatusCode, Bytes), E>> + Send + 'static,
        E: Display + Send,
    {
        let now = (self.clock)();
        if let Some(issued) = self.keeper.current().filter(|issued| issued.usable(now)) {
            if issued.ageing(now) {
                self.renew_early(&issued, post);
            }
            return Ok(Token(issued));
        }
        let mut flight = {
            let mut state = self.lock();
            // A sign-in may have ended since the look above.
            if let Some(issued) = self.keeper.current().filter(|issued| issued.usable(now)) {
                return Ok(Token(issued));
            }
            match state.under_way() {
                Some(flight) => flight.clone(),
                None => self.depart(&mut state, post),
            }
        };
        let landed = flight.wait_for(Option::is_some).await;
        landed.ok().and_then(|outcome| outcome.clone()).unwrap_or_else(|| Err(SignInError::stopping()))
    }

    /// Open WebUI refused `token` (see [`is_session_refusal`](super::is_session_refusal)): if it is still the one in
    /// use it is dropped, from disk too, and the next [`token`](Self::token) signs in. However many say so of the
    /// same token, one sign-in follows.
    pub(crate) fn refused(&self, token: &Token) {
        if self.keeper.drop_if_current(&token.0) {
            tracing::info!("Open WebUI no longer takes its token");
        }
    }

    /// Returns when the disk holds what memory holds; for a graceful stop.
    pub(crate) async fn flushed(&self) {
        self.keeper.flushed().await;
    }

    /// Begins to renew a token that is still good, unless somebody else does or the last try failed a moment ago.
    fn renew_early<P, F, E>(self: &Arc<Self>, issued: &Arc<Issued>, post: P)
    where
        P: FnOnce(&'static str, Bytes) -> F + Send + 'static,
        F: Future<Output = Result<(StatusCode, Bytes), E>> + Send + 'static,
        E: Display + Send,
    {
        // Whoever holds the lock may just be doing this.
        let Ok(mut state) = self.state.try_lock() else { return };
        let resting = state.early_after.is_some_and(|after| Instant::now() < after);
        let replaced = self.keeper.current().is_none_or(|current| !Arc::ptr_eq(&current, issued));
        if state.under_way().is_none() && !resting && !replaced {
            self.depart(&mut state, post);
        }
    }

    /// Begins a sign-in as a task of its own, so that it does not end with the request that it was begun for.
    fn depart<P, F, E>(self: &Arc<Self>, state: &mut State, post: P) -> watch::Receiver<Option<Outcome>>
    where
        P: FnOnce(&'static str, Bytes) -> F + Send + 'static,
        F: Future<Output = Result<(StatusCode, Bytes), E>> + Send + 'static,
        E: Display + Send,
    {
        let (outcome, receiver) = watch::channel(None);
        state.flight = Some(receiver.clone());
        let session = Arc::clone(self);
        tokio::spawn(async move {
            let result = session.fly(post).await;
            outcome.send_replace(Some(session.land(result)));
        });
        receiver
    }

    /// Gets a session: from disk at first, else by a sign-in if one may be tried.
    async fn fly<P, F, E>(&self, post: P) -> Result<Found, SignInError>
    where
        P: FnOnce(&'static str, Bytes) -> F,
        F: Future<Output = Result<(StatusCode, Bytes), E>>,
        E: Display,
    {
        let restored = self.lock().restored;
        if !restored {
            let found = self.keeper.restore((self.clock)()).await;
            self.lock().restored = true;
            if let Some(issued) = found {
                return Ok(Found::Kept(Arc::new(issued)));
            }
        }
        self.admit()?;
        let answer = tokio::time::timeout(SIGN_IN_TIMEOUT, post(SIGN_IN_PATH, self.account.sign_in_body())).await;
        let verdict = match answer {
            Err(_) => Verdict::Failed(SignInError::timeout(SIGN_IN_TIMEOUT)),
            Ok(Err(error)) => Verdict::Failed(SignInError::unreachable(&error)),
            Ok(Ok((status, body))) => reply::read(status, &body, (self.clock)()),
        };
        let (error, hold) = match verdict {
            Verdict::Token(issued) => return Ok(Found::Fresh(Arc::new(issued))),
            Verdict::Hold(error) => (error, true),
            Verdict::Failed(error) => (error, false),
        };
        // Here and not where a flight lands: what was not even tried is not worth a line for each request.
        tracing::warn!(%error, "no Open WebUI session");
        if hold {
            self.lock().hold = Some((Instant::now() + HOLD, error.clone()));
        }
        Err(error)
    }

    /// The sign-in is over: its token comes into use, and the next one who needs another begins the next sign-in.
    fn land(&self, found: Result<Found, SignInError>) -> Outcome {
        // Both at once: a token that was in use while its flight still counted as under way could be refused, and
        // handed out again by that flight.
        let mut state = self.lock();
        state.flight = None;
        state.early_after = None;
        match found {
            Ok(Found::Kept(issued)) => {
                tracing::debug!("took up the Open WebUI session of an earlier run");
                self.keeper.take_up(Arc::clone(&issued));
                Ok(Token(issued))
            }
            Ok(Found::Fresh(issued)) => {
                tracing::info!(expires_at = issued.expires_at, "signed in to Open WebUI");
                self.keeper.replace(Arc::clone(&issued));
                Ok(Token(issued))
            }
            Err(error) => {
                state.early_after = Some(Instant::now() + HOLD);
                Err(error)
            }
        }
    }

    /// Whether a sign-in may be tried now.
    fn admit(&self) -> Result<(), SignInError> {
        let now = Instant::now();
        let mut state = self.lock();
        if let Some((until, error)) = &state.hold
            && now < *until
        {
            let error = error.clone();
            return Err(if error.retry_after.is_some() { error.with_retry_after(*until - now) } else { error });
        }
        state.hold = None;
        state.limiter.take(now).map_err(SignInError::limited)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("account", &self.account).finish_non_exhaustive()
    }
}
