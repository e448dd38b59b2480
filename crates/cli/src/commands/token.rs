//! `candela token`: strings with which people and programs ask a manager.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::print;
use crate::report::Exit;
use crate::table::{Align, Table};
use crate::units::span;
use anyhow::{Result, bail};
use candela_core::id::BlobHash;
use candela_wire::api::{ScopeName, TokenInfo, TokenRequest};
use candela_wire::token::{Scope, TokenSecret};
use clap::{Args, Subcommand, ValueEnum};
use std::time::{SystemTime, UNIX_EPOCH};

/// Digits of a token's number that are shown.
const SHOWN: usize = 10;

/// Make tokens for people and programs, list them, take them back.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it. It is not shown again.
    ///
    /// Jobs that are submitted with it are its user's, and it changes no job of others unless it has
    /// the scope `operate`.
    Create(CreateArgs),
    /// List the tokens that were made.
    List(ListArgs),
    /// Take a token back: nobody gets in with it any more.
    Revoke(RevokeArgs),
}

/// What the token allows.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What people call it, like `Blender on the laptop` [default: the user's name].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Whose it is: the user of the jobs that are submitted with it.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// What one may do with it; may be given twice.
    #[arg(long, value_enum, value_name = "SCOPE", default_value = "submit")]
    scope: Vec<TokenScope>,
    /// How many days it is valid [default: for ever].
    #[arg(long, value_name = "DAYS")]
    expires: Option<u64>,
    /// Print JSON: `{"token": …, "info": …}`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// How the tokens are listed.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Which token is taken back.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The token, or the beginning of its number as `candela token list` shows it.
    #[arg(value_name = "TOKEN")]
    which: String,
    #[command(flatten)]
    api: ApiArgs,
}

/// What a token can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum TokenScope {
    /// Look at jobs, frames, nodes and managers.
    Read,
    /// Upload, submit, and cancel, retry, move or dispute its user's jobs.
    Submit,
    /// Everything: jobs of others, nodes, tickets, tokens, managers.
    Operate,
}

impl From<TokenScope> for ScopeName {
    fn from(scope: TokenScope) -> ScopeName {
        match scope {
            TokenScope::Read => ScopeName::Read,
            TokenScope::Submit => ScopeName::Submit,
            TokenScope::Operate => ScopeName::Operate,
        }
    }
}

/// Runs it.
pub(crate) async fn run(app: &App, command: TokenCommand) -> Result<Exit> {
    match command {
        TokenCommand::Create(args) => create(app, args).await,
        TokenCommand::List(args) => {
            let tokens = asked(app.client(&args.api)?.tokens().await)?;
            if args.json {
                print::json(&tokens)?;
            } else {
                print::data(&table(app, &tokens))?;
            }
            Ok(Exit::Done)
        }
        TokenCommand::Revoke(args) => {
            let client = app.client(&args.api)?;
            let id = match args.which.parse::<TokenSecret>() {
                // Ids and hashes are written alike.
                Ok(token) => BlobHash(token.id()).to_string(),
                Err(_) => found(&asked(client.tokens().await)?, &args.which)?,
            };
            asked(client.revoke_token(&id).await)?;
            print::note(&format!("token {} is taken back", &id[..SHOWN]));
            Ok(Exit::Done)
        }
    }
}

/// The number of the one token that begins so.
fn found(tokens: &[TokenInfo], start: &str) -> Result<String> {
    let start = start.trim().to_ascii_lowercase();
    if start.len() < 4 {
        bail!("{start:?} is too short; `candela token list` shows the numbers");
    }
    let mut of = tokens.iter().filter(|token| token.id.starts_with(&start));
    match (of.next(), of.next()) {
        (Some(token), None) => Ok(token.id.clone()),
        (None, _) => bail!("there is no token {start}; `candela token list` shows them"),
        (Some(_), Some(_)) => bail!("several tokens begin with {start}: give more of the number"),
    }
}

fn table(app: &App, tokens: &[TokenInfo]) -> String {
    let mut table = Table::new(&[
        ("token", Align::Left),
        ("name", Align::Left),
        ("user", Align::Left),
        ("scopes", Align::Left),
        ("made", Align::Left),
        ("state", Align::Left),
    ]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    for token in tokens {
        let seconds = |from: u64, to: u64| span(to.saturating_sub(from) as f64 / 1_000.0);
        let state = match token.expires_at_ms {
            _ if token.revoked => "taken back".to_owned(),
            Some(at) if at <= now => "expired".to_owned(),
            Some(at) => format!("for another {}", seconds(now, at)),
            None => "valid".to_owned(),
        };
        let scopes = token.scopes.iter().map(|scope| Scope::from(*scope).word());
        table.row(vec![
            token.id[..SHOWN].to_owned(),
            token.name.clone(),
            token.user.clone().unwrap_or_else(|| "–".to_owned()),
            scopes.collect::<Vec<_>>().join(", "),
            format!("{} ago", seconds(token.created_at_ms, now)),
            state,
        ]);
    }
    table.render(app.out)
}

async fn create(app: &App, args: CreateArgs) -> Result<Exit> {
    let name = args.name.or_else(|| args.user.clone());
    let scopes: Vec<ScopeName> = args.scope.into_iter().map(Into::into).collect();
    let asks_for_user = args.user.is_none() && !scopes.contains(&ScopeName::Operate);
    if asks_for_user && scopes.contains(&ScopeName::Submit) {
        bail!("whose jobs are submitted with it? name the user: --user NAME");
    }
    let Some(name) = name else { bail!("the token needs a name: --name NAME") };
    let expires_s = args.expires.map(|days| days.saturating_mul(86_400));
    let request = TokenRequest { name, user: args.user, scopes, expires_s };
    let reply = asked(app.client(&args.api)?.make_token(&request).await)?;
    if args.json {
        print::json_line(&reply)?;
    } else {
        print::data(&format!("{}\n", reply.token))?;
    }
    Ok(Exit::Done)
}
