"""The coding agents: how each is started without a person, and how it says what it did."""
