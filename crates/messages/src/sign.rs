//! The signature of a webhook: who has the secret can tell that the manager sent it, and when.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header that holds it.
pub const SIGNATURE_HEADER: &str = "candela-signature";

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 with the secret over the seconds since 1970, a dot and the body.
#[must_use]
pub fn signature(secret: &str, at_s: u64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        unreachable!("a key of any length is taken")
    };
    mac.update(at_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={at_s},v1={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1760000000.{"event":"job_completed"}' | openssl dgst -sha256 -hmac secret`
    #[test]
    fn it_is_what_others_compute() {
        assert_eq!(
            signature("secret", 1_760_000_000, br#"{"event":"job_completed"}"#),
            "t=1760000000,v1=2feaaa452f0fd0857e4bce0b9e43d857206921ea044e0443f6924a08a00e8fb4"
        );
    }
}
