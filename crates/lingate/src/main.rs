//! The lingate program.

fn main() {}
