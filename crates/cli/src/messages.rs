//! The settings of messages, and what they become.

use crate::config::Config;
use crate::report::hinted;
use anyhow::{Result, bail};
use candela_api::{MessagesConfig, MessagesPlan, Sender, SmtpConfig, SmtpTls};
use clap::ValueEnum;

/// Characters of a secret that the owner sets: what can't be guessed, and what is not a file.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 16..=1_000;

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsArg {
    /// Protected before anything is said.
    Starttls,
    /// Protected from the beginning.
    Implicit,
    /// Not at all.
    None,
}

/// Says why a text can't be where the page is.
pub(crate) fn check_page_url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let odd = |c: char| c.is_control() || c.is_whitespace();
    match rest {
        Some(rest) if !rest.is_empty() && rest.len() <= 1_000 && !rest.contains(odd) => Ok(()),
        _ => Err(format!("{text:?} is not a URL like https://render.example")),
    }
}

/// Says why a text can't be a secret, without repeating it.
pub(crate) fn check_secret(text: &str) -> Result<(), String> {
    if SECRET_CHARS.contains(&text.chars().count()) {
        return Ok(());
    }
    let (least, most) = (SECRET_CHARS.start(), SECRET_CHARS.end());
    Err(format!("a secret has {least} to {most} characters"))
}

/// How messages are sent, as the settings say.
///
/// # Errors
/// If a mail server is named and something is missing or wrong.
pub(crate) fn plan(config: &Config) -> Result<MessagesPlan> {
    let messages = MessagesConfig {
        private_webhooks: config.need("messages.private-webhooks", None)?,
        smtp: smtp(config)?,
    };
    let sender = Sender::new(messages);
    let sender = sender.map_err(|wrong| {
        hinted(
            anyhow::Error::new(wrong).context("the mail server's settings"),
            "see [messages.smtp]",
        )
    })?;
    Ok(MessagesPlan {
        sender,
        page_url: config.get("messages.page-url", None)?,
        webhook_secret: config.get("messages.webhook-secret", None)?,
        ..MessagesPlan::default()
    })
}

fn smtp(config: &Config) -> Result<Option<SmtpConfig>> {
    let Some(host) = config.get("messages.smtp.host", None)? else { return Ok(None) };
    let Some(from) = config.get("messages.smtp.from", None)? else {
        bail!(
            "messages.smtp.host is set, and messages.smtp.from is not: it says whom mails are from"
        );
    };
    let tls: String = config.need("messages.smtp.tls", None)?;
    let tls = match <TlsArg as ValueEnum>::from_str(&tls, false) {
        Ok(TlsArg::Implicit) => SmtpTls::Implicit,
        Ok(TlsArg::None) => SmtpTls::None,
        // It was checked when it was read.
        Ok(TlsArg::Starttls) | Err(_) => SmtpTls::StartTls,
    };
    Ok(Some(SmtpConfig {
        host,
        port: config.get("messages.smtp.port", None)?,
        tls,
        user: config.get("messages.smtp.user", None)?,
        password: config.get("messages.smtp.password", None)?,
        from,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&'static str, &str)]) -> Config {
        let mut config = Config::default();
        settings.iter().for_each(|(name, value)| config.set_for_tests(name, value));
        config
    }

    #[test]
    fn no_mail_is_sent_unless_a_server_is_named() {
        assert_eq!(smtp(&Config::default()).unwrap(), None);
        assert!(plan(&Config::default()).is_ok());
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let host = ("messages.smtp.host", "mail.studio.example");
        let from = ("messages.smtp.from", "Candela <render@studio.example>");
        let said = |settings: &[_]| format!("{:#}", plan(&config(settings)).err().unwrap());
        assert!(said(&[host]).contains("messages.smtp.from is not"));
        assert!(said(&[host, ("messages.smtp.from", "x")]).contains("not a mail address"));
        let user = ("messages.smtp.user", "render");
        assert!(said(&[host, from, user]).contains("only used together"));
        let password = ("messages.smtp.password", "secret");
        let none = ("messages.smtp.tls", "none");
        assert!(said(&[host, from, user, password, none]).contains("not sent without TLS"));
        assert!(plan(&config(&[host, from, user, password])).is_ok());
    }

    #[test]
    fn urls_of_pages() {
        assert!(check_page_url("https://render.studio.example:8080/farm").is_ok());
        for wrong in ["", "render.example", "https://", "ftp://x", "https://a b"] {
            assert!(check_page_url(wrong).is_err(), "{wrong:?}");
        }
    }
}
