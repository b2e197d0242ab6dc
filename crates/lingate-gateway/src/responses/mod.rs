//! State of the Responses API: answers that a later request may refer to by their ids.
//!
//! Every answer of `POST /v1/responses` is stored under the client key that asked for it (all clients that need no
//! key share one owner), unless the request says `store: false` or `responses_store` is off. What is stored is whole:
//! all items that the model saw, and the answer as it was sent. So a conversation of any length is one look-up, and
//! goes on when its beginning has expired or was deleted.
//!
//! * [`begin`] stands before a request is handled: `previous_response_id` and `item_reference`s are replaced by what
//!   they mean, so that nobody further down knows of state. `instructions` are not inherited.
//! * [`Keep`] stands behind the answer: the ending of a stream waits (bounded) until the answer is stored, so that
//!   whoever saw the ending can refer to it. If it could not be stored, the answer says `"store": false`.
//! * [`serve`] answers `GET`, `DELETE`, `cancel` and `input_items`.
//!
//! An upstream that takes Responses natively has a state of its own. If all targets of a model are such, ids that
//! lingate does not know, and conversations, are passed on; such a turn is not stored here, since its beginning is
//! not known here. An id of an answer or item of
//! another client of lingate is never passed on.

mod asked;
mod begin;
mod items;
mod keep;
mod payload;
mod routes;
mod shelf;
mod sweep;

pub(crate) use begin::begin;
pub(crate) use keep::{Keep, Keeping};
pub(crate) use routes::serve;
pub(crate) use sweep::{FIRST as FIRST_SWEEP, Sweeper};
