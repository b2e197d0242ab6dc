//! The client's side of a request: which route, may it, and its body. Pure where it can be; knows no other stage.

pub(crate) mod body;
pub(crate) mod cors;
pub(crate) mod credential;
pub(crate) mod hosts;
pub(crate) mod limit;
pub(crate) mod multipart;
pub(crate) mod request_id;
pub(crate) mod routes;
