//! Mail by a server that the owner names.

use crate::SendError;
use crate::limits::{EMAIL_CHARS_MAX, MAIL_STEP_MAX};
use lettre::message::header::{self, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error as SmtpError};
use lettre::{Address, AsyncTransport, Message, Tokio1Executor};
use std::error::Error;
use std::fmt;

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmtpTls {
    /// Begun in the clear and protected before anything is said; not sent if that can't be.
    #[default]
    StartTls,
    /// From the beginning.
    Implicit,
    /// Not at all: for a server on this machine.
    None,
}

/// How mail is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpConfig {
    /// The mail server.
    pub host: String,
    /// Its port; the usual one of `tls` if none.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// User name, if it wants one.
    pub user: Option<String>,
    /// Password, if it wants one.
    pub password: Option<String>,
    /// Whom mails are from, like `Candela <render@studio.example>`.
    pub from: String,
}

impl fmt::Debug for SmtpConfig {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("user", &self.user)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// What it is about, in one line.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The message's number, the same at every attempt: mail programs show it once.
    pub delivery: String,
}

/// A mail can't be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongMail {
    /// It isn't an address.
    #[error("{0:?} is not a mail address")]
    NotAnAddress(String),
    /// It is too long.
    #[error("a mail address has at most {EMAIL_CHARS_MAX} characters")]
    TooLong,
    /// No mail is sent from here.
    #[error("this manager sends no mail: its owner has not named a mail server")]
    NotSet,
    /// Only one of the two is there.
    #[error("the mail server's user and password are only used together")]
    HalfALogin,
    /// A password would be read by anybody in between.
    #[error("the mail server's password is not sent without TLS")]
    LoginInTheClear,
}

/// Checks the settings.
pub(crate) fn check_config(smtp: &SmtpConfig) -> Result<(), WrongMail> {
    from(smtp)?;
    match (&smtp.user, &smtp.password) {
        (Some(_), Some(_)) if smtp.tls == SmtpTls::None => Err(WrongMail::LoginInTheClear),
        (Some(_), Some(_)) | (None, None) => Ok(()),
        _ => Err(WrongMail::HalfALogin),
    }
}

fn from(smtp: &SmtpConfig) -> Result<Mailbox, WrongMail> {
    smtp.from.parse().map_err(|_| WrongMail::NotAnAddress(short(&smtp.from)))
}

/// An address; nothing else can stand in it, so nothing of a stranger gets into a mail's headers.
pub(crate) fn parse(text: &str) -> Result<Address, WrongMail> {
    if text.chars().count() > EMAIL_CHARS_MAX {
        return Err(WrongMail::TooLong);
    }
    let wrong = || WrongMail::NotAnAddress(short(text));
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Tells mail programs that no person wrote it, so that none answers that its user is away.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn message(smtp: &SmtpConfig, mail: &Mail) -> Result<Message, SendError> {
    let from = from(smtp)?;
    let delivery: String = mail.delivery.chars().filter(char::is_ascii_alphanumeric).collect();
    let id = format!("<candela-{delivery}@{}>", from.email.domain());
    // One line, whatever the name of the job is.
    let subject: String =
        mail.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let builder: MessageBuilder = Message::builder()
        .from(from)
        .to(Mailbox::new(None, parse(&mail.to)?))
        .subject(subject)
        .message_id(Some(id))
        .header(AutoSubmitted)
        .header(header::ContentType::TEXT_PLAIN);
    builder
        .body(mail.text.clone())
        .map_err(|source| unreachable("writing the mail", Box::new(source)))
}

pub(crate) async fn send(smtp: &SmtpConfig, mail: &Mail) -> Result<(), SendError> {
    let message = message(smtp, mail)?;
    let parameters = |host: &str| TlsParameters::new(host.to_owned());
    let (tls, port) = match smtp.tls {
        SmtpTls::None => (Tls::None, 25),
        SmtpTls::StartTls => (Tls::Required(parameters(&smtp.host).map_err(failed)?), 587),
        SmtpTls::Implicit => (Tls::Wrapper(parameters(&smtp.host).map_err(failed)?), 465),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port.unwrap_or(port))
        .tls(tls)
        .timeout(Some(MAIL_STEP_MAX));
    if let (Some(user), Some(password)) = (&smtp.user, &smtp.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    builder.build().send(message).await.map(drop).map_err(failed)
}

/// Codes by which a server says that this receiver or this mail is never taken. Others, like those of
/// a login that isn't right, are the owner's to mend.
const FOR_GOOD: [u16; 4] = [550, 551, 553, 554];

fn failed(error: SmtpError) -> SendError {
    let Some(code) = error.status() else {
        return unreachable("talking to the mail server", Box::new(error));
    };
    let for_good = FOR_GOOD.contains(&u16::from(code));
    let text =
        error.source().map_or_else(|| error.to_string(), |source| format!("{code} {source}"));
    SendError::Declined { text: short(&text), for_good }
}

fn unreachable(step: &'static str, source: Box<dyn Error + Send + Sync>) -> SendError {
    SendError::Unreachable { step, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp() -> SmtpConfig {
        SmtpConfig {
            host: "mail.studio.example".into(),
            port: None,
            tls: SmtpTls::StartTls,
            user: None,
            password: None,
            from: "Candela <render@studio.example>".into(),
        }
    }

    #[test]
    fn addresses() {
        for right in ["ada@studio.example", "ada.l+frames@mail.studio.example", "a@b"] {
            assert!(parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "ada",
            "@studio.example",
            "ada@",
            "ada@studio.example\r\nBcc: all@studio.example",
            "ada@studio.example, eve@studio.example",
            "Ada <ada@studio.example>",
            "a b@c.example",
        ] {
            assert_eq!(parse(wrong), Err(WrongMail::NotAnAddress(short(wrong))), "{wrong:?}");
        }
        let long = format!("{}@studio.example", "a".repeat(260));
        assert_eq!(parse(&long), Err(WrongMail::TooLong));
    }

    #[test]
    fn settings() {
        let check = |smtp: SmtpConfig, want| assert_eq!(check_config(&smtp), want, "{smtp:?}");
        let (user, password) = (Some("render".to_owned()), Some("secret".to_owned()));
        check(smtp(), Ok(()));
        let login = SmtpConfig { user: user.clone(), password: password.clone(), ..smtp() };
        assert!(!format!("{login:?}").contains("secret"));
        check(login.clone(), Ok(()));
        check(SmtpConfig { tls: SmtpTls::None, ..login }, Err(WrongMail::LoginInTheClear));
        check(SmtpConfig { user, ..smtp() }, Err(WrongMail::HalfALogin));
        check(SmtpConfig { password, ..smtp() }, Err(WrongMail::HalfALogin));
        let wrong = SmtpConfig { from: "nobody".into(), ..smtp() };
        check(wrong, Err(WrongMail::NotAnAddress("nobody".into())));
    }

    #[test]
    fn nothing_gets_into_the_headers() {
        let mail = Mail {
            to: "ada@studio.example".into(),
            subject: "shot\r\nBcc: all@studio.example\r\n\r\nHello – »ä«".into(),
            text: "The end.\r\n.\r\nRSET\r\n".into(),
            delivery: "7>\r\nX: y".into(),
        };
        let written = String::from_utf8(message(&smtp(), &mail).unwrap().formatted()).unwrap();
        let (head, _) = written.split_once("\r\n\r\n").unwrap();
        let names: Vec<_> = head
            .lines()
            .filter(|line| !line.starts_with(' '))
            .filter_map(|line| line.split_once(':').map(|(name, _)| name.to_lowercase()))
            .collect();
        for name in ["bcc", "x", "cc"] {
            assert!(!names.contains(&name.to_owned()), "{written}");
        }
        assert!(head.contains("Message-ID: <candela-7Xy@studio.example>"), "{written}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{written}");
    }
}
