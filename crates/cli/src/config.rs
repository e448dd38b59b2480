//! Configuration: flag over environment over file over default, and where each value came from.
//!
//! All settings stand in one table ([`KEYS`]), from which reading the file, refusing unknown keys
//! and `candela config show` follow, so that no setting can be read that isn't shown.

use crate::args::LogFormat;
use crate::messages::TlsArg;
use crate::policy::within;
use crate::report::WithHint;
use crate::terminal::Color;
use crate::units::Bytes;
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name in the file: table and key.
    pub name: &'static str,
    /// The environment variable that sets it.
    pub env: &'static str,
    /// Its value if nothing else is said; none if that depends on the command or the machine.
    pub default: Option<&'static str>,
    /// Says why a text can't be its value.
    check: fn(&str) -> Result<(), String>,
    /// Whether its value is never shown.
    pub secret: bool,
}

const fn key(
    name: &'static str,
    env: &'static str,
    default: Option<&'static str>,
    check: fn(&str) -> Result<(), String>,
) -> Key {
    Key { name, env, default, check, secret: false }
}

fn is<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.to_string())
}

fn is_color(text: &str) -> Result<(), String> {
    clap::ValueEnum::from_str(text, false).map(|_: Color| ())
}

/// Every setting that is not only a flag.
pub(crate) const KEYS: &[Key] = &[
    key("client.manager", "CANDELA_MANAGER", Some("http://127.0.0.1:4470"), is::<String>),
    Key { secret: true, ..key("client.token", "CANDELA_TOKEN", None, is::<String>) },
    key("engine.build", "CANDELA_ENGINE", Some("blender-4.5.15"), is::<String>),
    key("engine.folder", "CANDELA_ENGINE_FOLDER", None, is::<PathBuf>),
    key("jobs.per-user", "CANDELA_JOBS_PER_USER", Some("1000"), |text| {
        within(text, 0..=1_000_000_usize)
    }),
    key("jobs.tasks-per-user", "CANDELA_JOBS_TASKS_PER_USER", Some("0"), |text| {
        within(text, 0..=1_000_000_usize)
    }),
    key("jobs.scene-slack", "CANDELA_JOBS_SCENE_SLACK", Some("0.25"), |text| {
        within(text, 0.0..=1.0)
    }),
    key("jobs.keep-days", "CANDELA_JOBS_KEEP_DAYS", Some("30"), |text| {
        within(text, 0..=36_500_u64)
    }),
    key("manager.data", "CANDELA_MANAGER_DATA", None, is::<PathBuf>),
    key("manager.listen", "CANDELA_LISTEN", Some("127.0.0.1:4470"), is::<SocketAddr>),
    key("manager.bind", "CANDELA_MANAGER_BIND", Some("0.0.0.0:0"), is::<SocketAddr>),
    key("manager.election-ms", "CANDELA_ELECTION_MS", Some("700"), |text| {
        within(text, 50..=60_000_u64)
    }),
    key("messages.page-url", "CANDELA_PAGE_URL", None, crate::messages::check_page_url),
    key("messages.private-webhooks", "CANDELA_PRIVATE_WEBHOOKS", Some("false"), is::<bool>),
    Key {
        secret: true,
        ..key(
            "messages.webhook-secret",
            "CANDELA_WEBHOOK_SECRET",
            None,
            crate::messages::check_secret,
        )
    },
    key("messages.smtp.host", "CANDELA_SMTP_HOST", None, is::<String>),
    key("messages.smtp.port", "CANDELA_SMTP_PORT", None, |text| within(text, 1..=65_535_u16)),
    key("messages.smtp.tls", "CANDELA_SMTP_TLS", Some("starttls"), |text| {
        clap::ValueEnum::from_str(text, false).map(|_: TlsArg| ())
    }),
    key("messages.smtp.user", "CANDELA_SMTP_USER", None, is::<String>),
    Key {
        secret: true,
        ..key("messages.smtp.password", "CANDELA_SMTP_PASSWORD", None, is::<String>)
    },
    key("messages.smtp.from", "CANDELA_SMTP_FROM", None, is::<String>),
    key("node.data", "CANDELA_NODE_DATA", None, is::<PathBuf>),
    key("node.bind", "CANDELA_NODE_BIND", Some("0.0.0.0:0"), is::<SocketAddr>),
    key("node.name", "CANDELA_NODE_NAME", None, is::<String>),
    key("node.slots", "CANDELA_SLOTS", Some("1"), is::<u32>),
    key("node.threads", "CANDELA_THREADS", None, is::<u32>),
    key("node.memory", "CANDELA_MEMORY", None, is::<Bytes>),
    key("node.engine-driver", "CANDELA_ENGINE_DRIVER", None, is::<PathBuf>),
    key("output.color", "CANDELA_COLOR", Some("auto"), is_color),
    key("output.log", "RUST_LOG", None, is::<String>),
    key("output.log-format", "CANDELA_LOG_FORMAT", Some("text"), |text| {
        clap::ValueEnum::from_str(text, false).map(|_: LogFormat| ())
    }),
    key("verification.probes", "CANDELA_VERIFICATION_PROBES", Some("9"), |text| {
        within(text, 1..=128_u32)
    }),
    key("verification.probes-min", "CANDELA_VERIFICATION_PROBES_MIN", Some("3"), |text| {
        within(text, 1..=128_u32)
    }),
    key("verification.probes-max", "CANDELA_VERIFICATION_PROBES_MAX", Some("48"), |text| {
        within(text, 3..=128_u32)
    }),
    key("verification.probe-budget", "CANDELA_VERIFICATION_PROBE_BUDGET", Some("0.045"), |text| {
        within(text, 0.001..=1.0)
    }),
    key("verification.verified-first", "CANDELA_VERIFICATION_VERIFIED_FIRST", Some("20"), |text| {
        within(text, 1..=1_000_000_u32)
    }),
    key("verification.detection", "CANDELA_VERIFICATION_DETECTION", Some("0.9"), |text| {
        within(text, 0.01..=1.0)
    }),
    key("verification.margin", "CANDELA_VERIFICATION_MARGIN", Some("2"), |text| {
        within(text, 0.1..=1_000.0)
    }),
    key(
        "verification.withheld-frames",
        "CANDELA_VERIFICATION_WITHHELD_FRAMES",
        Some("20"),
        |text| within(text, 1..=1_000_000_u64),
    ),
    key("verification.rate-min", "CANDELA_VERIFICATION_RATE_MIN", Some("0.1"), |text| {
        within(text, 0.01..=1.0)
    }),
    key("verification.second-rate", "CANDELA_VERIFICATION_SECOND_RATE", Some("0.05"), |text| {
        within(text, 0.0..=1.0)
    }),
    key("verification.probation", "CANDELA_VERIFICATION_PROBATION", Some("3"), |text| {
        within(text, 0..=1_000_000_u64)
    }),
    key("verification.canary-rate", "CANDELA_VERIFICATION_CANARY_RATE", Some("0.02"), |text| {
        within(text, 0.0..=0.5)
    }),
    key(
        "verification.failures-suspend",
        "CANDELA_VERIFICATION_FAILURES_SUSPEND",
        Some("2"),
        |text| within(text, 1..=1_000_000_u64),
    ),
    key(
        "verification.failures-share",
        "CANDELA_VERIFICATION_FAILURES_SHARE",
        Some("0.01"),
        |text| within(text, 0.0..=1.0),
    ),
    key("verification.convict", "CANDELA_VERIFICATION_CONVICT", Some("2"), |text| {
        within(text, 2..=100_usize)
    }),
    key(
        "verification.convict-established",
        "CANDELA_VERIFICATION_CONVICT_ESTABLISHED",
        Some("3"),
        |text| within(text, 2..=100_usize),
    ),
    key("verification.opinions-max", "CANDELA_VERIFICATION_OPINIONS_MAX", Some("12"), |text| {
        within(text, 3..=100_usize)
    }),
    key(
        "verification.rejections-suspend",
        "CANDELA_VERIFICATION_REJECTIONS_SUSPEND",
        Some("2"),
        |text| within(text, 1..=1_000_u32),
    ),
    key(
        "verification.convictions-suspend",
        "CANDELA_VERIFICATION_CONVICTIONS_SUSPEND",
        Some("3"),
        |text| within(text, 1..=1_000_usize),
    ),
    key("verification.reopen-hours", "CANDELA_VERIFICATION_REOPEN_HOURS", Some("24"), |text| {
        within(text, 0..=8_760_u64)
    }),
    key("verification.claims-open", "CANDELA_VERIFICATION_CLAIMS_OPEN", Some("4"), |text| {
        within(text, 1..=1_000_usize)
    }),
    key("verification.claims-per-day", "CANDELA_VERIFICATION_CLAIMS_PER_DAY", Some("50"), |text| {
        within(text, 0..=100_000_usize)
    }),
    key(
        "verification.claims-dismissed-per-day",
        "CANDELA_VERIFICATION_CLAIMS_DISMISSED_PER_DAY",
        Some("10"),
        |text| within(text, 1..=100_000_usize),
    ),
    key("verification.claim-tiles", "CANDELA_VERIFICATION_CLAIM_TILES", Some("24"), |text| {
        within(text, 1..=64_u32)
    }),
    key("verification.claim-opinions", "CANDELA_VERIFICATION_CLAIM_OPINIONS", Some("5"), |text| {
        within(text, 3..=100_usize)
    }),
];

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// The configuration file.
    File,
    /// Nothing was said.
    Default,
}

impl Origin {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Origin::Flag => "flag",
            Origin::Environment => "environment",
            Origin::File => "file",
            Origin::Default => "default",
        }
    }
}

/// What the environment and the file say; flags are laid over it where they are known.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// The file that was read, or would have been.
    pub path: Option<PathBuf>,
    file: BTreeMap<&'static str, String>,
    environment: BTreeMap<&'static str, String>,
}

impl Config {
    /// Reads the file (named by flag or `CANDELA_CONFIG`, or the user's own if there is one) and the environment.
    ///
    /// # Errors
    /// If a named file can't be read, and if a key is unknown or its value can't be understood.
    pub(crate) fn load(flag: Option<&Path>) -> Result<Config> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named =
            flag.map(Path::to_owned).or_else(|| variable("CANDELA_CONFIG").map(PathBuf::from));
        let path = named.clone().or_else(|| Some(user_folder("config")?.join("candela.toml")));
        let text = match &path {
            Some(path) if named.is_some() || path.is_file() => std::fs::read_to_string(path)
                .with_context(|| format!("can't read the configuration {}", path.display()))?,
            _ => String::new(),
        };
        let file = read_file(&text)
            .with_context(|| format!("in {}", path.as_deref().unwrap_or(Path::new("")).display()));
        let file = file.hint("`candela config show` lists every key")?;
        let mut environment = BTreeMap::new();
        for key in KEYS {
            if let Some(value) = variable(key.env) {
                (key.check)(&value).map_err(|why| anyhow!("{}: {why}", key.env))?;
                environment.insert(key.name, value);
            }
        }
        Ok(Config { path, file, environment })
    }

    /// Sets a value as if the file did.
    #[cfg(test)]
    pub(crate) fn set_for_tests(&mut self, name: &'static str, value: &str) {
        self.file.insert(name, value.to_owned());
    }

    /// A value and where it came from; none if nobody said anything and there is no default.
    pub(crate) fn find(&self, name: &str, flag: Option<String>) -> Option<(String, Origin)> {
        let default = KEYS.iter().find(|key| key.name == name).and_then(|key| key.default);
        None.or(flag.map(|value| (value, Origin::Flag)))
            .or_else(|| Some((self.environment.get(name)?.clone(), Origin::Environment)))
            .or_else(|| Some((self.file.get(name)?.clone(), Origin::File)))
            .or_else(|| Some((default?.to_owned(), Origin::Default)))
    }

    /// The value in force, if there is one.
    ///
    /// # Errors
    /// If it can't be understood.
    pub(crate) fn get<T: FromStr<Err: fmt::Display>>(
        &self,
        name: &str,
        flag: Option<T>,
    ) -> Result<Option<T>> {
        if flag.is_some() {
            return Ok(flag);
        }
        match self.find(name, None) {
            Some((text, _)) => text.parse().map(Some).map_err(|why| anyhow!("{name}: {why}")),
            None => Ok(None),
        }
    }

    /// The value in force of a setting that has a default.
    ///
    /// # Errors
    /// If it can't be understood.
    pub(crate) fn need<T: FromStr<Err: fmt::Display>>(
        &self,
        name: &str,
        flag: Option<T>,
    ) -> Result<T> {
        self.get(name, flag)?.ok_or_else(|| anyhow!("{name} is not set"))
    }
}

fn read_file(text: &str) -> Result<BTreeMap<&'static str, String>> {
    let tables: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        anyhow!("this is not TOML: {}", error.to_string().trim_end())
    })?;
    let mut values = BTreeMap::new();
    for (table, keys) in &tables {
        let known =
            KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(t, _)| t == table));
        let keys = keys.as_table().filter(|_| known);
        let keys = keys.ok_or_else(|| anyhow!("there is no table [{table}]"))?;
        read_table(table, keys, &mut values)?;
    }
    Ok(values)
}

/// Reads a table of that name and the tables in it.
fn read_table(
    table: &str,
    keys: &toml::Table,
    values: &mut BTreeMap<&'static str, String>,
) -> Result<()> {
    for (name, value) in keys {
        let full = format!("{table}.{name}");
        if let Some(keys) = value.as_table() {
            if !KEYS.iter().any(|key| key.name.starts_with(&format!("{full}."))) {
                return Err(anyhow!("there is no table [{full}]"));
            }
            read_table(&full, keys, values)?;
            continue;
        }
        let key = KEYS.iter().find(|key| key.name == full);
        let key = key.ok_or_else(|| anyhow!("there is no key {name} in [{table}]"))?;
        let value = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            // Where a number is wanted, it says so of itself.
            toml::Value::Boolean(is) if (key.check)(&is.to_string()).is_ok() => is.to_string(),
            _ => return Err(anyhow!("{full} must be a text or a number")),
        };
        (key.check)(&value).map_err(|why| anyhow!("{full}: {why}"))?;
        values.insert(key.name, value);
    }
    Ok(())
}

/// The user's folder for Candela's files of a kind: `config` or `data`.
pub(crate) fn user_folder(kind: &str) -> Option<PathBuf> {
    let variable = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let base = match kind {
        "config" => variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config"))),
        _ => variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share"))),
    };
    Some(base.or_else(|| variable("APPDATA"))?.join("candela"))
}

/// A role's folder, if none was named.
///
/// # Errors
/// If the environment names no home.
pub(crate) fn data_folder(role: &str) -> Result<PathBuf> {
    let folder = user_folder("data").context("no home folder is known");
    Ok(folder.hint("name a folder with --data")?.join(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, environment: &[(&'static str, &str)]) -> Config {
        Config {
            path: None,
            file: read_file(file).unwrap(),
            environment: environment
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn flag_over_environment_over_file_over_default() {
        let name = "client.manager";
        let file = "[client]\nmanager = \"http://file\"";
        let environment = [(name, "http://environment")];
        let check = |config: Config, flag: Option<&str>, value: &str, origin| {
            let got = config.find(name, flag.map(str::to_owned)).unwrap();
            assert_eq!(got, (value.to_owned(), origin));
        };
        check(config(file, &environment), Some("http://flag"), "http://flag", Origin::Flag);
        check(config(file, &environment), None, "http://environment", Origin::Environment);
        check(config(file, &[]), None, "http://file", Origin::File);
        check(config("", &[]), None, "http://127.0.0.1:4470", Origin::Default);
    }

    #[test]
    fn values_are_typed() {
        let shares = config("[verification]\nrate-min = 0.25\nmargin = 3", &[]);
        assert_eq!(shares.need::<f64>("verification.rate-min", None).unwrap(), 0.25);
        assert_eq!(shares.need::<f64>("verification.margin", None).unwrap(), 3.0);
        let config = config("[node]\nslots = 3\nmemory = \"8GiB\"", &[]);
        assert_eq!(config.need::<u32>("node.slots", None).unwrap(), 3);
        assert_eq!(config.need::<u32>("node.slots", Some(5)).unwrap(), 5);
        assert_eq!(config.need::<Bytes>("node.memory", None).unwrap(), Bytes(8 << 30));
        assert_eq!(config.get::<u32>("node.threads", None).unwrap(), None);
        let text =
            "[messages]\nprivate-webhooks = true\n[messages.smtp]\nhost = \"mail\"\nport = 25";
        let messages = self::config(text, &[]);
        assert!(messages.need::<bool>("messages.private-webhooks", None).unwrap());
        assert_eq!(messages.need::<String>("messages.smtp.host", None).unwrap(), "mail");
        assert_eq!(messages.need::<u16>("messages.smtp.port", None).unwrap(), 25);
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named() {
        let check = |text: &str, want: &str| {
            assert_eq!(read_file(text).unwrap_err().to_string(), want, "{text:?}");
        };
        check("[client]\nmanger = \"x\"", "there is no key manger in [client]");
        check("[clients]\nmanager = \"x\"", "there is no table [clients]");
        check("log = \"debug\"", "there is no table [log]");
        check("[messages.smpt]\nhost = \"x\"", "there is no table [messages.smpt]");
        check("[messages.smtp]\nhots = \"x\"", "there is no key hots in [messages.smtp]");
        check("[messages]\nsmtp = 1", "there is no key smtp in [messages]");
        check(
            "[messages]\nwebhook-secret = \"short\"",
            "messages.webhook-secret: a secret has 16 to 1000 characters",
        );
        check("[node]\nslots = true", "node.slots must be a text or a number");
        check(
            "[verification]\nrate-min = 0",
            "verification.rate-min: \"0\" is not allowed; it is a number from 0.01 to 1",
        );
        check(
            "[verification]\nprobes = 2.5",
            "verification.probes: \"2.5\" is not allowed; it is a number from 1 to 128",
        );
        check("[node]\nslots = -1", "node.slots: invalid digit found in string");
        check("[output]\ncolor = \"pink\"", "output.color: invalid variant: pink");
        check(
            "[node]\nmemory = \"lots\"",
            "node.memory: \"lots\" is not a size; write it like 8GiB or 512MiB",
        );
        assert!(read_file("[node").unwrap_err().to_string().starts_with("this is not TOML: "));
    }

    #[test]
    fn every_default_passes_its_own_check() {
        for key in KEYS {
            if let Some(default) = key.default {
                (key.check)(default).unwrap();
            }
        }
    }
}
