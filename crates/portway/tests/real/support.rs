//! Which binary is under test, and where the repository is.

use std::path::{Path, PathBuf};

use testkit::Binary;

/// The Portway just built, or what `PORTWAY_BINARY` names.
pub fn portway() -> Binary {
    Binary::under_test(env!("CARGO_BIN_EXE_portway"))
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
