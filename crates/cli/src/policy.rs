//! The figures of sharing and of verification that the owner of a manager may set, and what they become.

use crate::config::Config;
use anyhow::{Result, bail};
use candela_core::policy::Policy;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

const HOUR_MS: u64 = 3_600_000;

/// Checks a number, whole or not as its type is, against what is allowed.
///
/// # Errors
/// What is allowed.
pub(crate) fn within<T: FromStr + PartialOrd + Display>(
    text: &str,
    allowed: RangeInclusive<T>,
) -> Result<(), String> {
    match text.parse::<T>() {
        Ok(number) if allowed.contains(&number) => Ok(()),
        _ => Err(format!(
            "{text:?} is not allowed; it is a number from {} to {}",
            allowed.start(),
            allowed.end()
        )),
    }
}

/// The default policy with what the settings say of jobs and of verification.
///
/// # Errors
/// If two settings contradict each other.
pub(crate) fn from_config(config: &Config) -> Result<Policy> {
    let mut policy = Policy::default();
    let checking = &mut policy.checking;
    checking.probes_first = config.need("verification.probes", None)?;
    checking.probes_first_min = config.need("verification.probes-min", None)?;
    checking.probe_budget = config.need("verification.probe-budget", None)?;
    checking.verified_first = config.need("verification.verified-first", None)?;
    checking.detection = config.need("verification.detection", None)?;
    checking.margin = config.need("verification.margin", None)?;
    checking.withheld_frames = config.need("verification.withheld-frames", None)?;
    checking.rate_min = config.need("verification.rate-min", None)?;
    let verifiers = &mut policy.verifiers;
    verifiers.second_rate = config.need("verification.second-rate", None)?;
    verifiers.probation = config.need("verification.probation", None)?;
    verifiers.canary_rate = config.need("verification.canary-rate", None)?;
    verifiers.failures_suspend = config.need("verification.failures-suspend", None)?;
    verifiers.failures_share = config.need("verification.failures-share", None)?;
    verifiers.convict = config.need("verification.convict", None)?;
    verifiers.convict_established = config.need("verification.convict-established", None)?;
    verifiers.opinions_max = config.need("verification.opinions-max", None)?;
    let claims = &mut policy.claims;
    claims.open_max = config.need("verification.claims-open", None)?;
    claims.user_day_max = config.need("verification.claims-per-day", None)?;
    claims.dismissed_day_max = config.need("verification.claims-dismissed-per-day", None)?;
    claims.tiles_per_task = config.need("verification.claim-tiles", None)?;
    claims.opinions_max = config.need("verification.claim-opinions", None)?;
    policy.probes_max = config.need("verification.probes-max", None)?;
    policy.rejections_suspend = config.need("verification.rejections-suspend", None)?;
    policy.convictions_suspend = config.need("verification.convictions-suspend", None)?;
    policy.reopen_ms = HOUR_MS * config.need::<u64>("verification.reopen-hours", None)?;
    policy.jobs_per_user_max = config.need("jobs.per-user", None)?;
    policy.tasks_per_user_max = config.need("jobs.tasks-per-user", None)?;
    policy.scene_slack = config.need("jobs.scene-slack", None)?;
    policy.keep_jobs_ms = 24 * HOUR_MS * config.need::<u64>("jobs.keep-days", None)?;
    check(&policy)?;
    Ok(policy)
}

fn check(policy: &Policy) -> Result<()> {
    let (least, first, most) =
        (policy.checking.probes_first_min, policy.checking.probes_first, policy.probes_max);
    if least > first || first > most {
        bail!(
            "verification.probes ({first}) must lie between verification.probes-min ({least}) and verification.probes-max ({most})"
        );
    }
    let (keep_ms, reopen_ms) = (policy.keep_jobs_ms, policy.reopen_ms);
    if keep_ms > 0 && keep_ms < reopen_ms {
        bail!(
            "jobs.keep-days ({}) must not be shorter than verification.reopen-hours ({})",
            keep_ms / HOUR_MS / 24,
            reopen_ms / HOUR_MS
        );
    }
    let figures = &policy.verifiers;
    let (new, established, most) =
        (figures.convict, figures.convict_established, figures.opinions_max);
    if new > established || established > most {
        bail!(
            "verification.convict-established ({established}) must lie between verification.convict ({new}) and verification.opinions-max ({most})"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_rules() {
        assert_eq!(from_config(&Config::default()).unwrap(), Policy::default());
    }

    #[test]
    fn what_is_set_arrives() {
        let mut config = Config::default();
        config.set_for_tests("verification.rate-min", "0.25");
        config.set_for_tests("verification.claims-per-day", "7");
        config.set_for_tests("verification.reopen-hours", "2");
        config.set_for_tests("jobs.tasks-per-user", "40");
        config.set_for_tests("jobs.keep-days", "1");
        let policy = from_config(&config).unwrap();
        assert_eq!(policy.checking.rate_min, 0.25);
        assert_eq!(policy.claims.user_day_max, 7);
        assert_eq!(policy.reopen_ms, 7_200_000);
        assert_eq!(policy.tasks_per_user_max, 40);
        assert_eq!(policy.keep_jobs_ms, 86_400_000);
    }

    #[test]
    fn settings_that_contradict_each_other_are_named() {
        let check = |name: &'static str, value: &str, want: &str| {
            let mut config = Config::default();
            config.set_for_tests(name, value);
            let error = from_config(&config).unwrap_err().to_string();
            assert!(error.contains(want) && error.contains(value), "{error}");
        };
        check("verification.probes", "49", "verification.probes-max");
        check("verification.probes-min", "10", "verification.probes ");
        check("verification.convict", "4", "verification.convict-established");
        check("verification.reopen-hours", "721", "jobs.keep-days (30)");
    }

    #[test]
    fn what_is_not_allowed_is_told_what_is() {
        let share = |text| within(text, 0.01..=1.0);
        assert!(share("0.5").is_ok() && share("1").is_ok());
        for wrong in ["0", "1.5", "-0.1", "nan", "inf", "half", ""] {
            let said = share(wrong).unwrap_err();
            assert!(said.ends_with("is not allowed; it is a number from 0.01 to 1"), "{said}");
        }
        assert!(within::<u32>("2.5", 1..=9).is_err(), "a whole one");
    }
}
