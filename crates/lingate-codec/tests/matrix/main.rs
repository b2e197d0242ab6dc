//! Every dialect against every other: what a client's request becomes upstream, and what an upstream's answer
//! becomes for the client.
#![cfg(test)]

mod doubts;
mod golden;
mod support;
