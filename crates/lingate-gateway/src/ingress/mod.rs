//! The client's side of a request: which route, may it, and its body. Pure where it can be; knows no other stage.

pub mod body;
pub mod cors;
pub mod credential;
pub mod hosts;
pub mod limit;
pub mod multipart;
pub mod request_id;
pub mod routes;
