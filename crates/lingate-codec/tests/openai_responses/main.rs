//! The Responses dialect on its own.
#![cfg(test)]

mod requests;
