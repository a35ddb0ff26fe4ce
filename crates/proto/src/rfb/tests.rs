//! RFB byte scripts.

mod clipboard;
mod handshake;
mod logins;
mod server_stream;
mod stream;
mod switch;
mod vencrypt;

#[test]
fn saved_fuzz_inputs_hold() {
    crate::run_saved_inputs("rfb_client_stream", super::fuzz::client_stream);
    crate::run_saved_inputs("rfb_client_handshake", super::fuzz::client_handshake);
    crate::run_saved_inputs("rfb_server_stream", super::fuzz::server_stream);
    crate::run_saved_inputs("rfb_both_sides", super::fuzz::both_sides);
    crate::run_saved_inputs("rfb_confirmations", super::fuzz::confirmations);
    crate::run_saved_inputs("rfb_server_handshake", super::fuzz::server_handshake);
}
