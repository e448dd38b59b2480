//! Telling people what happened with their jobs: by webhook and by mail, at least once.
//!
//! What is to be told stands in the jobs' rows. The manager that leads sends it, and says so to the
//! rules once the receiver has it; until then it tries again, for a day. Attempts are counted in
//! memory only: another manager that takes over begins with the next one at once.

mod text;

use crate::config::MessagesPlan;
use crate::desk::Desk;
use crate::limits::{
    MESSAGE_KEPT, MESSAGE_RETRY_MAX, MESSAGES_AT_ONCE, MESSAGES_GATHERED, MESSAGES_LOOK,
};
use crate::refuse::Refused;
use crate::{uploads, view};
use candela_core::farm::{Command, Farm};
use candela_core::id::{JobId, MessageId};
use candela_core::job::{Job, JobStatus};
use candela_core::message::{Channel, Message, Notify, Occasion};
use candela_core::refusal::RefusalCode;
use candela_core::time::Time;
use candela_messages::{Mail, Post, SendError, WrongMail, WrongUrl};
use candela_node::manager::FarmEvent;
use candela_wire::api::{MessageInfo, NotifyRequest, RefusalInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Where a submitter wants to hear of a job, checked.
///
/// # Errors
/// A refusal that says what is wrong with it.
pub(crate) fn check(plan: &MessagesPlan, wanted: &NotifyRequest) -> Result<Notify, Refused> {
    let code = RefusalCode::NotifyNotPossible;
    if let Some(url) = &wanted.webhook {
        plan.sender.check_webhook(url).map_err(|wrong| {
            let refused = Refused::new(code, format!("the webhook can't be used: {wrong}"));
            refused.with_hint(match wrong {
                WrongUrl::Private(_) => {
                    "name a URL that can be reached from anywhere; the manager's owner can allow \
                     others with `private-webhooks` in [messages]"
                }
                _ => "give it like https://hooks.example/candela, or leave it out",
            })
        })?;
    }
    if let Some(address) = &wanted.email {
        plan.sender.check_email(address).map_err(|wrong| {
            let refused = Refused::new(code, format!("no mail can be sent: {wrong}"));
            refused.with_hint(match wrong {
                WrongMail::NotSet => {
                    "leave the address out; the manager's owner can name a mail server in \
                     [messages.smtp]"
                }
                _ => "give one address, like ada@studio.example, or leave it out",
            })
        })?;
    }
    Ok(Notify { webhook: wanted.webhook.clone(), email: wanted.email.clone() })
}

/// A message that is to be sent, with all that it says.
#[derive(Debug, Clone)]
struct Due {
    id: MessageId,
    job: JobId,
    at: Time,
    channel: Channel,
    to: String,
    info: MessageInfo,
}

/// What was tried of a message.
#[derive(Debug, Clone, Copy)]
struct Tried {
    times: u32,
    next: Instant,
}

/// Sends what is to be told, for as long as the manager runs.
pub(crate) async fn tell_for_ever(desk: Desk, plan: MessagesPlan) {
    let (tried, under_way) = (BTreeMap::new(), BTreeMap::new());
    Teller { desk, plan, tried, under_way, sending: JoinSet::new() }.run().await;
}

struct Teller {
    desk: Desk,
    plan: MessagesPlan,
    tried: BTreeMap<MessageId, Tried>,
    under_way: BTreeMap<MessageId, Channel>,
    sending: JoinSet<(Due, Result<(), SendError>)>,
}

impl Teller {
    async fn run(mut self) {
        let mut events = self.desk.watch();
        let mut looked = Instant::now();
        let mut look = looked;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(FarmEvent::Job(_)) | Err(RecvError::Lagged(_)) => {
                        look = look.min(looked + MESSAGES_GATHERED);
                    }
                    Ok(FarmEvent::Frame(..) | FarmEvent::Node(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                Some(sent) = self.sending.join_next() => {
                    if let Ok((due, result)) = sent {
                        self.settle(due, result).await;
                    }
                    look = look.min(looked + MESSAGES_GATHERED);
                }
                () = tokio::time::sleep_until(look) => {
                    self.begin().await;
                    looked = Instant::now();
                    let waiting = self.tried.iter().filter(|(id, _)| !self.under_way.contains_key(id));
                    let next = waiting.map(|(_, tried)| tried.next).min();
                    look = (looked + MESSAGES_LOOK).min(next.unwrap_or(looked + MESSAGES_LOOK));
                    look = look.max(looked + MESSAGES_GATHERED);
                }
            }
        }
    }

    /// Begins to send what is due, those first that were tried least often.
    async fn begin(&mut self) {
        if !self.desk.leads() {
            self.tried.clear();
            return;
        }
        let (tried, under_way) = (self.tried.clone(), self.under_way.clone());
        let page_url = self.plan.page_url.clone();
        let read = self.desk.read(move |farm| {
            let there: BTreeSet<MessageId> =
                farm.messages().map(|(_, message)| message.id).collect();
            (due(farm, &tried, &under_way, page_url.as_deref()), there)
        });
        let (due, there) = match read.await {
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(%error, "the state can't be read for messages");
                return;
            }
        };
        // Of a kind only the last message of a job is kept.
        self.tried.retain(|id, _| there.contains(id));
        for message in due {
            self.under_way.insert(message.id, message.channel);
            let (desk, plan) = (self.desk.clone(), self.plan.clone());
            self.sending.spawn(async move {
                let sent = send(&desk, &plan, &message).await;
                (message, sent)
            });
        }
    }

    /// Says to the rules that a message was delivered or is given up, or has it tried again.
    async fn settle(&mut self, due: Due, result: Result<(), SendError>) {
        let (job_id, event, to) = (due.job, &due.info.event, place(&due));
        self.under_way.remove(&due.id);
        let times = self.tried.get(&due.id).map_or(0, |tried| tried.times) + 1;
        if let Err(error) = result {
            let why = chain(&error);
            let kept_ms = u64::try_from(MESSAGE_KEPT.as_millis()).unwrap_or(u64::MAX);
            let too_old = uploads::now().0 >= due.at.plus_ms(kept_ms).0;
            if !error.is_final() && !too_old {
                tracing::info!(%job_id, event, to, times, "a message is not delivered yet: {why}");
                self.again(due.id, times);
                return;
            }
            tracing::warn!(%job_id, event, to, times, "a message is given up: {why}");
        }
        let told = Command::Told { job: due.job, message: due.id };
        match self.desk.apply(told).await {
            Ok(_) => drop(self.tried.remove(&due.id)),
            Err(error) => {
                tracing::info!(%job_id, %error, "a message may be sent twice");
                self.again(due.id, times);
            }
        }
    }

    fn again(&mut self, id: MessageId, times: u32) {
        let pause = pause(self.plan.retry_first, times);
        self.tried.insert(id, Tried { times, next: Instant::now() + pause });
    }
}

/// How long is waited after so many attempts.
fn pause(first: Duration, times: u32) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(MESSAGE_RETRY_MAX)
}

/// Where a message goes, for the log: a webhook's path may be a secret.
fn place(due: &Due) -> String {
    match due.channel {
        Channel::Webhook => due.to.split('/').take(3).collect::<Vec<_>>().join("/"),
        Channel::Email => "mail".to_owned(),
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What can be sent now.
fn due(
    farm: &Farm,
    tried: &BTreeMap<MessageId, Tried>,
    under_way: &BTreeMap<MessageId, Channel>,
    page_url: Option<&str>,
) -> Vec<Due> {
    let now = Instant::now();
    let mut found: Vec<(u32, &Job, &Message)> = farm
        .messages()
        .filter(|(_, message)| !under_way.contains_key(&message.id))
        .filter_map(|(job, message)| match tried.get(&message.id) {
            None => Some((0, job, message)),
            Some(tried) => (tried.next <= now).then_some((tried.times, job, message)),
        })
        .collect();
    found.sort_by_key(|(times, _, message)| (*times, message.id));
    let mut due = Vec::new();
    for channel in [Channel::Webhook, Channel::Email] {
        let busy = under_way.values().filter(|other| **other == channel).count();
        let free = MESSAGES_AT_ONCE.saturating_sub(busy);
        let of_channel = found.iter().filter(|(_, _, message)| message.channel == channel);
        due.extend(of_channel.take(free).filter_map(|(_, job, message)| {
            let notify = &job.submission.notify;
            let to = match channel {
                Channel::Webhook => notify.webhook.clone(),
                Channel::Email => notify.email.clone(),
            };
            let info = info(farm, job, message, page_url);
            Some(Due { id: message.id, job: job.id, at: message.at, channel, to: to?, info })
        }));
    }
    due
}

/// What a message says.
fn info(farm: &Farm, job: &Job, message: &Message, page_url: Option<&str>) -> MessageInfo {
    let (frame, reason) = match &message.occasion {
        Occasion::FrameWrong { frame, reason } => (Some(*frame), Some(reason.clone())),
        _ => (None, None),
    };
    let refusals = match &job.status {
        JobStatus::Refused(refusals) => refusals.iter().map(RefusalInfo::from).collect(),
        _ => Vec::new(),
    };
    MessageInfo {
        event: message.occasion.word().to_owned(),
        delivery: message.id.0,
        at_ms: message.at.0,
        job: view::job_summary(farm, job),
        url: page_url.map(|page| format!("{}/jobs/{}", page.trim_end_matches('/'), job.id)),
        frame,
        reason,
        refusals,
    }
}

async fn send(desk: &Desk, plan: &MessagesPlan, due: &Due) -> Result<(), SendError> {
    let failed = |step, source| SendError::Unreachable { step, source };
    let delivery = due.id.to_string();
    match due.channel {
        Channel::Webhook => {
            let secret = match &plan.webhook_secret {
                Some(secret) => secret.clone(),
                None => {
                    let secret = desk.webhook_secret().await;
                    secret.map_err(|error| failed("finding the secret", error.into()))?
                }
            };
            let body = serde_json::to_string(&due.info);
            let body = body.map_err(|error| failed("writing the message", error.into()))?;
            let post = Post { event: due.info.event.clone(), delivery, body, secret };
            plan.sender.post(&due.to, &post).await
        }
        Channel::Email => {
            let (subject, text) = text::of(&due.info);
            let mail = Mail { to: due.to.clone(), subject, text, delivery };
            plan.sender.mail(&mail).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let first = Duration::from_secs(10);
        let pauses = [1, 2, 3, 9, 10, 31, 32, 33, 1_000].map(|times| pause(first, times).as_secs());
        assert_eq!(pauses, [10, 20, 40, 2_560, 3_600, 3_600, 3_600, 3_600, 3_600]);
    }

    #[test]
    fn what_is_wrong_with_where_to_tell() {
        let plan = MessagesPlan::default();
        let webhook = |url: &str| NotifyRequest { webhook: Some(url.into()), email: None };
        let said = |wanted: &NotifyRequest| {
            let refused = check(&plan, wanted).unwrap_err();
            assert_eq!(refused.code(), "notify_not_possible");
            format!("{refused:?}")
        };
        assert!(check(&plan, &webhook("https://hooks.example/ada")).is_ok());
        assert!(check(&plan, &NotifyRequest::default()).is_ok());
        assert!(said(&webhook("http://192.168.0.7/")).contains("private-webhooks"));
        assert!(said(&webhook("hooks.example")).contains("begins with https:// or http://"));
        let email = NotifyRequest { webhook: None, email: Some("ada@studio.example".into()) };
        assert!(said(&email).contains("sends no mail"));
        let email = NotifyRequest { webhook: None, email: Some("ada".into()) };
        assert!(said(&email).contains("is not a mail address"));
    }
}
