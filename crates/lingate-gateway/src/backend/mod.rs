//! The kinds of upstream.

pub mod demo;
pub mod openwebui;
