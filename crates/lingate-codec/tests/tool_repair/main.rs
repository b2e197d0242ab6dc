//! Tool calls written as text: the corpus, whole and cut everywhere; what must hold for any text; costs.
#![cfg(test)]

mod benign;
mod corpus;
mod native;
mod properties;
mod support;
