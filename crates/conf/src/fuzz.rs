//! Bodies of fuzz targets, which the unit tests run on saved inputs and their mutations.

use std::path::PathBuf;
use std::sync::Arc;

use crate::bundle::{Bundle, File};
use crate::parser::{Item, parse};
use crate::value;

/// Any bytes are a tree or errors; every span lies in the text, every message can be shown.
pub fn configuration(data: &[u8]) {
    let path = PathBuf::from("/fuzz.conf");
    let mut bundle = Bundle {
        conf_file: path.clone(),
        ..Bundle::default()
    };
    let file = File {
        text: Arc::from(data),
        mode: 0o644,
    };
    bundle.files.insert(path, Ok(file));
    let tree = parse(&bundle);
    for error in &tree.errors {
        assert!(!error.one_line(&tree.sources).is_empty());
        error.snippet(&tree.sources);
    }
    tree.items.iter().for_each(|item| check(item, data.len()));
    value::size(data);
    value::offset(data);
    value::time(data);
}

fn check(item: &Item, len: usize) {
    for word in std::iter::once(&item.name).chain(&item.args) {
        let (start, end) = (word.span.start as usize, word.span.end as usize);
        assert!(start <= end && end <= len, "{start}..{end} of {len}");
    }
    item.entries().iter().for_each(|inner| check(inner, len));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_configurations_and_their_mutations_are_read_without_a_panic() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/conf");
        let mut ran = 0;
        for input in std::fs::read_dir(folder).expect("the saved inputs") {
            let data = std::fs::read(input.expect("an entry").path()).expect("an input");
            configuration(&data);
            for at in 0..data.len() {
                configuration(&data[..at]);
                for byte in *b"{};\"'\\$#\n\xff\0" {
                    let mut mutated = data.clone();
                    mutated[at] = byte;
                    configuration(&mutated);
                }
            }
            ran += 1;
        }
        assert!(ran > 0, "no inputs are saved");
    }
}
