//! lingate's configuration file: what was written, with spans, to checked plain data.
