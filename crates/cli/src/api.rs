//! The manager's answers as this program's errors.

use crate::report::{Problem, Refused, WithHint, hinted};
use anyhow::Result;
use candela_client::{Client, ClientError};
use candela_wire::api::RefusalInfo;

/// A client of the manager at an address; nothing is sent yet.
///
/// # Errors
/// If the address isn't one.
pub(crate) fn connect(manager: &str, token: Option<String>) -> Result<Client> {
    Client::new(manager, token).hint("write it like http://127.0.0.1:4470")
}

/// A manager's answer; a refusal becomes one that leaves with exit code 1.
///
/// # Errors
/// What went wrong, with advice where there is some.
pub(crate) fn asked<T>(answer: Result<T, ClientError>) -> Result<T> {
    answer.map_err(explained)
}

/// An error of the client, with advice where there is some.
pub(crate) fn explained(error: ClientError) -> anyhow::Error {
    match error {
        // A manager that can't answer (5xx) has failed; only a `no` of its rules is a refusal.
        ClientError::Refused { status, refusal } if status < 500 => {
            Refused(vec![Problem::from(&refusal)]).into()
        }
        error => match error.hint().map(str::to_owned) {
            Some(hint) => hinted(error, hint),
            None => error.into(),
        },
    }
}

impl From<&RefusalInfo> for Problem {
    fn from(refusal: &RefusalInfo) -> Problem {
        Problem {
            code: refusal.code.clone(),
            message: refusal.message.clone(),
            hint: refusal.hint.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Exit, exit_of, render};
    use crate::terminal::Style;

    #[test]
    fn a_refusal_leaves_with_one_and_a_failed_manager_with_two() {
        let refusal = RefusalInfo {
            code: "no_such_job".into(),
            message: "there is no job 9".into(),
            hint: None,
            items: Vec::new(),
        };
        let refused = explained(ClientError::Refused { status: 404, refusal: refusal.clone() });
        assert_eq!(exit_of(&refused), Exit::NotDone);
        assert_eq!(render(&refused, Style::plain()), "error: there is no job 9");
        let failed = explained(ClientError::Refused { status: 503, refusal });
        assert_eq!(exit_of(&failed), Exit::Failed);
    }
}
