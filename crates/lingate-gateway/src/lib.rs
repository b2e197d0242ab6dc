//! lingate's asynchronous data plane, as a library without a listener.

pub mod ingress;
pub mod upstream;
