//! Messages as mails: plain text for people.

use candela_wire::api::MessageInfo;

/// Subject and text of a mail. The name of the job is the user's own words.
pub(super) fn of(message: &MessageInfo) -> (String, String) {
    let job = &message.job;
    let (what, first) = said(message);
    let subject = format!("{} {what} (job {})", job.name, job.id);
    let counts = &job.counts;
    let mut text = format!("{first}\n\n");
    if counts.all > 0 {
        text.push_str(&format!(
            "Frames: {} verified of {}; {} failed.\n",
            counts.accepted, counts.all, counts.failed
        ));
    }
    if let (Some(frame), Some(reason)) = (message.frame, &message.reason) {
        text.push_str(&format!("Frame {frame}: {reason}\n"));
    }
    for refusal in &message.refusals {
        text.push_str(&format!("- {}\n", refusal.message));
        if let Some(hint) = &refusal.hint {
            text.push_str(&format!("  {hint}\n"));
        }
    }
    if let Some(url) = &message.url {
        text.push_str(&format!("\n{url}\n"));
    }
    text.push_str(&format!(
        "\nThis address was given when job {} was submitted by {}.\n",
        job.id, job.user
    ));
    (subject, text)
}

/// The end of the subject, and the first sentence.
fn said(message: &MessageInfo) -> (&'static str, String) {
    let name = &message.job.name;
    match message.event.as_str() {
        "job_completed" => ("is completed", format!("Every frame of {name} is verified.")),
        "job_failed" => (
            "has failed",
            format!("Frames of {name} could not be rendered; those that were verified are kept."),
        ),
        "job_refused" => {
            ("can't be rendered as it is", format!("{name} can't be rendered as it is:"))
        }
        "job_cancelled" => {
            ("was cancelled", format!("{name} was cancelled; its verified frames are kept."))
        }
        _ => (
            "has a frame that came out wrong",
            format!(
                "A frame of {name} was found wrong. The network renders it again if it can; \
                 nothing is told of further frames."
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candela_wire::api::{FrameCounts, JobState, JobSummary, RefusalInfo};

    fn message(event: &str) -> MessageInfo {
        let counts = FrameCounts { all: 24, accepted: 22, failed: 2, ..FrameCounts::default() };
        MessageInfo {
            event: event.into(),
            delivery: 400,
            at_ms: 1_760_000_000_000,
            job: JobSummary {
                id: 7,
                name: "Shot 3, final".into(),
                user: "ada".into(),
                status: JobState::Failed,
                submitted_at_ms: 1_760_000_000_000,
                ended_at_ms: None,
                engine: "blender-4.5.15".into(),
                priority: 0,
                counts,
                frame_s: None,
                time_left_s: None,
                waits_for: None,
            },
            url: Some("https://render.studio.example/jobs/7".into()),
            frame: None,
            reason: None,
            refusals: Vec::new(),
        }
    }

    #[test]
    fn every_mail() {
        let mut all = String::new();
        for event in ["job_completed", "job_failed", "job_refused", "job_cancelled", "frame_wrong"]
        {
            let mut message = message(event);
            if event == "frame_wrong" {
                (message.frame, message.reason) = (Some(12), Some("8070 pixels differ".into()));
            }
            if event == "job_refused" {
                message.job.counts = FrameCounts::default();
                message.refusals.push(RefusalInfo {
                    code: "no_camera".into(),
                    message: "the scene has no camera".into(),
                    hint: Some("add one, and make it the active one".into()),
                    items: Vec::new(),
                });
            }
            let (subject, text) = of(&message);
            all.push_str(&format!("Subject: {subject}\n\n{text}----\n"));
        }
        insta::assert_snapshot!(all);
    }
}
