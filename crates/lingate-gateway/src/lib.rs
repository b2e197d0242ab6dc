//! lingate's asynchronous data plane, as a library without a listener.

pub mod backend;
pub mod upstream;
