//! Wire dialects of LLM APIs: bytes to frames to events and back. Pure.
