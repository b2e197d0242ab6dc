//! Relay: what client and upstream share a dialect for passes byte by byte.
