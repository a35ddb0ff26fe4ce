//! Bodies of the fuzz targets; the tests run them over saved and mutated inputs.

use std::time::SystemTime;

use crate::token::Parts;
use crate::{Demands, Keys, is_encrypted};

/// A file of keys, and a token behind a zero byte that is verified with them.
pub fn jwt(data: &[u8]) {
    let at = data.iter().position(|&byte| byte == 0);
    let (file, token) = data.split_at(at.unwrap_or(data.len()));
    let token = token.get(1..).unwrap_or_default();
    if let Ok(parts) = Parts::split(token) {
        assert!(token.starts_with(parts.signed));
        assert!(parts.signed.len() < token.len());
        let _ = parts.algorithm();
        if let Ok(read) = parts.into_token() {
            let _ = Demands::default().check(&read.claims, SystemTime::UNIX_EPOCH);
        }
    }
    if let Ok(keys) = Keys::parse(file)
        && is_encrypted(token)
        && keys.open(token).is_ok()
    {
        // Nor of what was encrypted.
        assert!(keys.open(&[token, b"AAAA"].concat()).is_err());
    }
    if let Ok(keys) = Keys::parse(file)
        && let Ok(believed) = keys.verify(token)
    {
        // Not one bit of what was signed may be another one.
        assert!(keys.verify(&[token, b"A"].concat()).is_err());
        let _ = Demands::default().check(&believed.claims, SystemTime::UNIX_EPOCH);
    }
}
