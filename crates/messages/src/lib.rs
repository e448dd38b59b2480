//! Messages to people outside: webhooks that are signed, and mail.
//!
//! Start reading at [`Sender`]. It knows nothing of jobs and keeps nothing: whoever uses it says
//! where a message goes and what it says, hears whether it was delivered, and tries again. Where
//! webhooks go is said by strangers, so they go to public addresses only ([`address`]) unless the
//! owner allows others.

pub mod address;
pub mod limits;
mod mail;
mod sign;
mod webhook;

pub use mail::{Mail, SmtpConfig, SmtpTls, WrongMail};
pub use sign::{SIGNATURE_HEADER, signature};
pub use webhook::{Post, WrongUrl};

use limits::POSTS_AT_ONCE;
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

/// What the owner of a manager decides about messages.
#[derive(Debug, Clone, Default)]
pub struct MessagesConfig {
    /// Whether webhooks may go to loopback, private and link-local addresses.
    pub private_webhooks: bool,
    /// How mail is sent; none: not at all.
    pub smtp: Option<SmtpConfig>,
}

/// A message was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The URL can't be used.
    #[error(transparent)]
    Url(#[from] WrongUrl),
    /// The address or the message can't be used.
    #[error(transparent)]
    Mail(#[from] WrongMail),
    /// The host's name leads to no address.
    #[error("the host {host} has no address")]
    Unknown {
        /// The host.
        host: String,
    },
    /// The host's name leads to addresses to which no webhook goes.
    #[error("the host {host} has the address {address}, to which no webhook goes: it isn't public")]
    Private {
        /// The host.
        host: String,
        /// One of its addresses.
        address: std::net::IpAddr,
    },
    /// Nobody could be talked to there.
    #[error("{step}")]
    Unreachable {
        /// What was tried.
        step: &'static str,
        /// Why it didn't work.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(std::time::Duration),
    /// The receiver doesn't want it.
    #[error("the receiver answered {status}{}", if is_redirect(*.status) { ", and redirects are not followed" } else { "" })]
    Answered {
        /// The HTTP status.
        status: u16,
    },
    /// The mail server doesn't want it.
    #[error("the mail server declined: {text}")]
    Declined {
        /// Its own words.
        text: String,
        /// Whether it never will.
        for_good: bool,
    },
}

fn is_redirect(status: u16) -> bool {
    (300..400).contains(&status)
}

impl SendError {
    /// Whether trying again is of no use.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            SendError::Url(_) | SendError::Mail(_) | SendError::Private { .. } => true,
            // Gone: the receiver says that nobody wants to hear of it any more.
            SendError::Answered { status } => *status == 410,
            SendError::Declined { for_good, .. } => *for_good,
            SendError::Unknown { .. } | SendError::Unreachable { .. } | SendError::TimedOut(_) => {
                false
            }
        }
    }
}

/// Sends messages. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    config: Arc<MessagesConfig>,
    tls: Arc<OnceLock<TlsConnector>>,
    posts: Arc<Semaphore>,
}

impl Default for Sender {
    /// Webhooks to public addresses, and no mail.
    fn default() -> Self {
        Sender {
            config: Arc::default(),
            tls: Arc::default(),
            posts: Arc::new(Semaphore::new(POSTS_AT_ONCE)),
        }
    }
}

impl Sender {
    /// A sender; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the mail's settings.
    pub fn new(config: MessagesConfig) -> Result<Sender, WrongMail> {
        if let Some(smtp) = &config.smtp {
            mail::check_config(smtp)?;
        }
        Ok(Sender { config: Arc::new(config), ..Sender::default() })
    }

    /// Says why a URL can't be a webhook here, as far as can be seen without asking for its host.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_webhook(&self, url: &str) -> Result<(), WrongUrl> {
        webhook::Target::parse(url, self.config.private_webhooks).map(drop)
    }

    /// Says why no mail can go to an address from here.
    ///
    /// # Errors
    /// What is wrong with it, or that no mail is sent at all.
    pub fn check_email(&self, address: &str) -> Result<(), WrongMail> {
        mail::parse(address)?;
        self.config.smtp.as_ref().map(drop).ok_or(WrongMail::NotSet)
    }

    /// Posts a message, signed; done when the receiver says that it has it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn post(&self, url: &str, post: &Post) -> Result<(), SendError> {
        let target = webhook::Target::parse(url, self.config.private_webhooks)?;
        // It is never closed; if it were, nothing would be held back.
        let _turn = self.posts.acquire().await.ok();
        webhook::send(&target, self.tls.get_or_init(webhook::tls), post).await
    }

    /// Mails a message; done when the mail server has taken it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn mail(&self, mail: &Mail) -> Result<(), SendError> {
        let smtp = self.config.smtp.as_ref().ok_or(WrongMail::NotSet)?;
        mail::send(smtp, mail).await
    }
}
