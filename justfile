# Short names for the commands of CONTRIBUTING.md; nothing here is needed to build or test.

# What a change must pass, without the checks that need the network.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test --workspace
    cargo xtask tidy

# Everything, as on a fresh clone.
ci:
    .ci/run

# The rules of the house alone.
tidy:
    cargo xtask tidy

# Compare lingate with its neighbours: `just bench --rounds 1 --workloads W1`.
bench *ARGS:
    cargo xtask bench {{ARGS}}
