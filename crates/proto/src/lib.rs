//! Protocol logic without input or output: HTTP/1, PROXY, WebSocket, RFB, DNS, SSI.

#![forbid(unsafe_code)]

pub mod dns;
pub mod h1;
pub mod proxy_protocol;
pub mod rfb;
pub mod ssi;
pub mod ws;

/// Runs a fuzz target's body on the inputs saved for it.
#[cfg(test)]
fn run_saved_inputs(target: &str, body: fn(&[u8])) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/");
    let inputs = std::fs::read_dir(format!("{folder}{target}")).unwrap();
    let mut ran = 0;
    for input in inputs {
        body(&std::fs::read(input.unwrap().path()).unwrap());
        ran += 1;
    }
    assert!(ran > 0, "no inputs are saved for {target}");
}
