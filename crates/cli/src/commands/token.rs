//! `candela token`: strings with which people and programs ask a manager.

use super::made::{SHOWN, age, found, now_ms, validity};
use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::print;
use crate::report::Exit;
use crate::table::{Align, Table};
use anyhow::{Result, bail};
use candela_core::id::BlobHash;
use candela_wire::api::{ScopeName, TokenInfo, TokenRequest};
use candela_wire::token::{Scope, TokenSecret};
use clap::{Args, Subcommand, ValueEnum};

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
                Err(_) => {
                    let numbers = asked(client.tokens().await)?.into_iter().map(|token| token.id);
                    found("token", numbers, &args.which)?
                }
            };
            asked(client.revoke_token(&id).await)?;
            print::note(&format!("token {} is taken back", &id[..SHOWN]));
            Ok(Exit::Done)
        }
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
    let now = now_ms();
    for token in tokens {
        let scopes = token.scopes.iter().map(|scope| Scope::from(*scope).word());
        table.row(vec![
            token.id[..SHOWN].to_owned(),
            token.name.clone(),
            token.user.clone().unwrap_or_else(|| "–".to_owned()),
            scopes.collect::<Vec<_>>().join(", "),
            age(token.created_at_ms, now),
            validity(token.revoked, token.expires_at_ms, now),
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
