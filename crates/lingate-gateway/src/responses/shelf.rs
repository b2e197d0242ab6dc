//! The stored answers as one request may see them: its client's own, at its moment, within bounded waits.

use crate::error::Failure;
use crate::pipeline::Exchange;
use lingate_store::{StoreError, StoredResponses};
use std::time::Duration;

/// How long a request waits for the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// One client's stored answers.
pub(super) struct Shelf<'e> {
    responses: &'e StoredResponses,
    owner: String,
    now_ms: u64,
}

impl<'e> Shelf<'e> {
    /// Those of the request's client.
    pub(super) fn of(exchange: &'e Exchange<'_>) -> Self {
        Self {
            responses: &exchange.gateway.lasting.responses,
            owner: owner(exchange),
            now_ms: u64::try_from(exchange.unix.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The payload of an answer, if there is one.
    pub(super) async fn get(&self, id: &str) -> Result<Option<Vec<u8>>, Failure> {
        answered(self.responses.get(&self.owner, id, self.now_ms)).await
    }

    /// The id of the answer that an item stands in.
    pub(super) async fn find_item(&self, item: &str) -> Result<Option<String>, Failure> {
        answered(self.responses.find_item(&self.owner, item, self.now_ms)).await
    }

    /// Whether an answer or an item of this id is another client's, or was deleted: then nobody else is asked for it.
    pub(super) async fn is_withheld(&self, id: &str) -> Result<bool, Failure> {
        answered(self.responses.is_withheld(&self.owner, id, self.now_ms)).await
    }

    /// Removes an answer; false if there was none.
    pub(super) async fn delete(&self, id: &str) -> Result<bool, Failure> {
        answered(self.responses.delete(&self.owner, id, self.now_ms)).await
    }
}

/// Under whom a request's answer is stored: the name of its key, which is unique and stays when the key is exchanged.
pub(super) fn owner(exchange: &Exchange<'_>) -> String {
    exchange.client_key.as_ref().map_or_else(|| "open".to_owned(), |name| format!("key:{name}"))
}

/// A store that does not answer is no sign that there is nothing: the client may try again.
async fn answered<T>(asking: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
    let error = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the database did not answer in time".to_owned(),
    };
    tracing::error!(error, "stored responses cannot be reached");
    Err(Failure::later("stored responses cannot be reached now; try again", 1))
}
