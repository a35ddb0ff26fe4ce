//! Runs the fuzz targets over saved inputs and their mutations.

use super::super::fuzz;

/// Bytes that mean something to one of the parsers.
const SPICE: &[u8] = b"\r\n\0 \t:;/?#%.[]_-+019afFxHT\x7f\xff";

/// Runs the target over its saved inputs and over `rounds` mutations of each; the same each time.
fn run(name: &str, target: fn(&[u8]), rounds: usize) {
    crate::run_saved_inputs(name, target);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for input in saved_inputs(name) {
        for _ in 0..rounds {
            let mut data = input.clone();
            for _ in 0..=random.below(3) {
                mutate(&mut data, &mut random);
            }
            target(&data);
        }
    }
}

/// In the order of their names, so that each run mutates alike.
fn saved_inputs(name: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn mutate(data: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(data.len() + 1);
    let spice = SPICE[random.below(SPICE.len())];
    match random.below(4) {
        0 => data.insert(at, spice),
        1 if at < data.len() => data[at] = spice,
        2 if at < data.len() => drop(data.remove(at)),
        _ => data.truncate(at.max(1)),
    }
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn requests_do_not_depend_on_how_they_are_cut() {
    run("h1_request", fuzz::request, 300);
}

#[test]
fn responses_do_not_depend_on_how_they_are_cut() {
    run("h1_response", fuzz::response, 300);
}

#[test]
fn chunked_bodies_do_not_depend_on_how_they_are_cut() {
    run("h1_chunked", fuzz::chunked, 500);
}

#[test]
fn texts_keep_their_rules() {
    run("h1_texts", fuzz::texts, 1000);
}
