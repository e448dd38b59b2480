//! Randomness that comes in as an argument.

/// 32 random bytes from the caller, from which a command's choices are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(secret)")
    }
}

impl Seed {
    /// 32 bytes for one purpose: each pair of purpose and number gives independent ones.
    #[must_use]
    pub fn draw(&self, purpose: &str, number: u64) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose.as_bytes());
        hasher.update(&[0]);
        hasher.update(&number.to_le_bytes());
        *hasher.finalize().as_bytes()
    }

    /// A position in a list of `len` entries (`len` > 0), with a bias below 2⁻³².
    #[must_use]
    pub fn index(&self, purpose: &str, number: u64, len: usize) -> usize {
        let bytes = self.draw(purpose, number);
        let mut word = [0; 16];
        word.copy_from_slice(&bytes[..16]);
        let drawn = u128::from_le_bytes(word) % (len.max(1) as u128);
        usize::try_from(drawn).unwrap_or(0)
    }
}
