//! lingate's asynchronous data plane, without a listener.
