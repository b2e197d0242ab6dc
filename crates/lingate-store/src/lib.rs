//! What must last: the data folder, migrations, sealed values.
