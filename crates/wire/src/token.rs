//! Tokens: one string with which a person or a program asks a manager, and what the managers keep of it.
//!
//! The managers keep only a hash of the secret: who reads their database can't ask with it.

use crate::passphrase::{Form, Wrong};
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::time::Time;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

const FORM: Form = Form {
    prefix: "candela-token",
    version: '1',
    context: "candela token check 1",
    chars_max: 200,
};

/// What a token lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look at jobs, frames, nodes and managers.
    Read,
    /// Upload, submit, and end, repeat, move or dispute jobs of its own user.
    Submit,
    /// Everything: jobs of others, nodes, tickets, tokens, managers.
    Operate,
}

impl Scope {
    /// All, from the least to the most.
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Submit, Scope::Operate];

    /// The word for it, as it is sent and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Submit => "submit",
            Scope::Operate => "operate",
        }
    }
}

/// A token's secret: 32 random bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenSecret(pub [u8; 32]);

impl TokenSecret {
    /// The hash under which the managers know the token.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        blake3::derive_key("candela token id 1", &self.0)
    }
}

impl fmt::Debug for TokenSecret {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

/// The string. It is the secret, so it is shown only once, to whom it is meant for.
impl fmt::Display for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&FORM.write(&self.0))
    }
}

/// Why a string is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Something else.
    #[error("this is not a token: one begins with {}{}", FORM.prefix, FORM.version)]
    NotAToken,
    /// Of another version.
    #[error("this is a token of version {0}, and only version {known} is known here", known = FORM.version)]
    OtherVersion(char),
    /// Characters are missing, too many or wrong.
    #[error("the token is damaged: copy all of it again")]
    Damaged,
}

impl FromStr for TokenSecret {
    type Err = TokenError;

    /// Reads a token; white space around it and capital letters don't matter.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let body = FORM.read(text)?;
        body.try_into().map(TokenSecret).map_err(|_| TokenError::Damaged)
    }
}

impl From<Wrong> for TokenError {
    fn from(wrong: Wrong) -> TokenError {
        match wrong {
            Wrong::Kind => TokenError::NotAToken,
            Wrong::Version(version) => TokenError::OtherVersion(version),
            Wrong::Damaged => TokenError::Damaged,
        }
    }
}

/// What the managers keep of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// [`TokenSecret::id`].
    pub id: [u8; 32],
    /// What people call it.
    pub name: String,
    /// Whose it is: the user of the jobs that are submitted with it. None: the bearer says who submits.
    pub user: Option<String>,
    /// What it lets its bearer do.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub created_at: Time,
    /// From when on it is worth nothing; none: never.
    pub expires_at: Option<Time>,
    /// Whether it was taken back.
    pub revoked: bool,
}

impl TokenRow {
    /// Whether it is worth something now.
    ///
    /// # Errors
    /// A refusal that says why not.
    pub fn check(&self, now: Time) -> Result<(), Refusal> {
        let refuse = |why| Err(Refusal::new(RefusalCode::TokenNotValid, why));
        if self.revoked {
            return refuse("the token was taken back");
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return refuse("the token has expired");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_copied() {
        let text = TokenSecret([9; 32]).to_string();
        assert!(text.starts_with("candela-token1"), "{text}");
        assert_eq!(text.parse(), Ok(TokenSecret([9; 32])));
        assert_eq!(format!(" {}\n", text.to_uppercase()).parse(), Ok(TokenSecret([9; 32])));
    }

    #[test]
    fn texts_that_are_no_token() {
        let check = |text: &str, want: TokenError| {
            assert_eq!(text.parse::<TokenSecret>(), Err(want), "{text:?}");
        };
        let good = TokenSecret([9; 32]).to_string();
        check("", TokenError::NotAToken);
        check("candela1abc", TokenError::NotAToken);
        check("candela-token", TokenError::NotAToken);
        check("candela-tokenx", TokenError::NotAToken);
        check(&"a".repeat(FORM.chars_max + 1), TokenError::NotAToken);
        check(&good.replacen("token1", "token2", 1), TokenError::OtherVersion('2'));
        check("candela-token1", TokenError::Damaged);
        check("candela-token1ä", TokenError::Damaged);
        for at in FORM.prefix.len() + 1..good.len() {
            check(&good[..at], TokenError::Damaged);
        }
    }

    #[test]
    fn a_token_shows_no_secret_and_ends() {
        assert!(!format!("{:?}", TokenSecret([9; 32])).contains('9'));
        let row = TokenRow {
            id: TokenSecret([9; 32]).id(),
            name: "add-on".into(),
            user: Some("ada".into()),
            scopes: BTreeSet::from([Scope::Read]),
            created_at: Time(5),
            expires_at: Some(Time(10)),
            revoked: false,
        };
        assert_eq!(row.check(Time(9)), Ok(()));
        assert!(row.check(Time(10)).unwrap_err().message.contains("expired"));
        let revoked = TokenRow { revoked: true, ..row };
        assert!(revoked.check(Time(9)).unwrap_err().message.contains("taken back"));
    }
}
