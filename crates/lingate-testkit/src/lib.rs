//! Test tools: scripted upstreams, the golden-case player, a gateway to drive with verbs.
