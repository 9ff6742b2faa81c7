//! What can be typed.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::audit::AuditCommand;
use super::connect::Connect;
use super::state::{AccountCommand, ClientCommand, KeyCommand};
use crate::model::oauth::GrantId;

/// A delegated-identity MCP server: agents read your SQL data as the person they work for.
#[derive(Debug, Parser)]
#[command(name = "bailiwick", version, max_term_width = 100, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) options: Options,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options that every command understands. They come before the environment and the configuration file.
///
/// The variable that names the file is not clap's: `config` reads it, and the demo, which has settings of its own, must not.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Options {
    /// The configuration file; left out, the one that `BAILIWICK_CONFIG` names, else bailiwick.toml
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The address to listen on
    #[arg(long, global = true, value_name = "IP")]
    pub(super) address: Option<IpAddr>,
    /// The port to listen on; 0 takes a free one
    #[arg(short, long, global = true, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// What is logged: a level, or a filter such as info,bailiwick=debug
    #[arg(long, global = true, value_name = "FILTER")]
    pub(super) log_level: Option<String>,
    /// How it is logged
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub(super) log_format: Option<LogFormat>,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LogFormat {
    /// One readable line per event
    Human,
    /// One JSON object per event
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve the configured datasets
    Serve,
    /// Try everything on sample data: two companies, five people, a local issuer; on loopback only
    Demo(Demo),
    /// Check the configuration, or print every setting there is
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check, test, explain, tabulate, compare and lay out policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Say why a token is accepted or refused, or take one back
    #[command(subcommand)]
    Token(TokenCommand),
    /// Sign in to an MCP server as its clients do, and list its tools or call one
    Connect(Connect),
    /// Make and keep the accounts of people who sign in
    #[command(subcommand)]
    Account(AccountCommand),
    /// Make and keep the clients that people can allow to act for them
    #[command(subcommand)]
    Client(ClientCommand),
    /// List and rotate the keys that the authorization server signs with
    #[command(subcommand)]
    Key(KeyCommand),
    /// Read and prune the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Bring the audit trail and the state file to the schema of this version; serve does it too when it starts
    Migrate,
    /// Print the description of the endpoints beside MCP
    #[command(about = "Print the OpenAPI description of the endpoints beside MCP")]
    Openapi,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where the demo's files are kept between runs; without it they are temporary
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) dir: Option<PathBuf>,
    #[arg(long, value_name = "N", help = format!("How many documents to make, where there is no database yet [default: {}]", crate::demo::DEFAULT_ROWS))]
    pub(super) rows: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print what is in force, and where each value came from; secrets are hidden
    ///
    /// Then the database is held against the declarations, as `serve` does at start; exit 1 if `serve` would refuse to start for it.
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Do not look at the database: for where it is not at hand
        #[arg(long)]
        without_database: bool,
    },
    /// Print every setting with its meaning and its default, as a bailiwick.toml to begin with
    Defaults {
        /// Print what the presets fill in instead
        #[arg(long)]
        presets: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Parse and type-check the policy; exit 1 if anything in it is refused
    #[command(after_help = CHECK_CODES)]
    Check {
        /// The directory of the policy, if not the configured one
        directory: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say that a policy file is gone or empty on purpose: a running server then takes the files as they are now
    ///
    /// A server that finds a file gone or empty keeps the policy that was in force, because the lost lines may have been the
    /// ones that deny. This checks what is there, as `policy check` does, and records in the audit store that exactly these
    /// contents are meant, and by whom. A server with that audit store takes them within a second; if the files change before
    /// it does, they have to be accepted anew. Where they are in force already there is nothing to accept, which is said. Another
    /// directory than the configured one can be named where it holds the same files. A restart needs no acceptance.
    #[command(after_help = ACCEPT_CODES)]
    Accept {
        /// The directory of the policy, if not the configured one
        directory: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run the tests of the policy (tests/*.toml in its directory); exit 1 if one fails
    ///
    /// A draft in a directory of its own is tried by its own tests, as a copy of the configured directory has them; a draft without
    /// any, by the tests of the configured directory, which is what the policy in force promises.
    #[command(after_help = TEST_CODES)]
    Test(PolicyTest),
    /// Say why somebody may or may not do something: the lines considered, what each came to, the SQL
    #[command(after_help = EXPLAIN_CODES)]
    Explain(Box<Explain>),
    /// Tabulate who may use which tool and dataset
    #[command(after_help = MATRIX_CODES)]
    Matrix {
        /// The directory of the policy, if not the configured one
        directory: Option<PathBuf>,
        /// One tenant only
        #[arg(long)]
        tenant: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say who gains and who loses what between two policies: tools, datasets, rows, with their numbers
    Diff(Diff),
    /// Align the columns of policy files; what the lines say, their order and the comments stay
    #[command(after_help = FMT_HELP)]
    Fmt {
        /// Files, or directories whose *.csv are meant; left out, the configured directory
        #[arg(value_name = "FILE|DIR")]
        paths: Vec<PathBuf>,
        /// Write nothing; name the files that would change, and exit 1 if there are any
        #[arg(long)]
        check: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

const CHECK_CODES: &str = "\
Exit codes: 0 the policy is in order, with or without warnings; 1 something in it is refused; 2 it
could not be said: there is no such directory, or the configuration is refused.";

const ACCEPT_CODES: &str = "\
Exit codes: 0 it is accepted, or in force already; 1 nothing is accepted: the policy is refused, or is
not what the configured directory holds; 2 it could not be said or recorded: there is no such
directory, the configuration is refused, or the audit store cannot be read or written.";

const MATRIX_CODES: &str = "\
Exit codes: 0 it is printed; 2 it could not be said: the tenant is not declared, the policy is refused.";

const TEST_CODES: &str = "\
Exit codes: 0 every test holds; 1 one fails; 2 it could not be said: a file or the policy is refused,
there is no test at all, or no database where one is needed.

A test is a table of a .toml file. Without [[rows.…]] in the file, rows are read from the database:

  [[rows.documents]]
  id = \"7\"
  tenant_id = \"acme\"
  data_room_id = \"finance\"

  [[test]]
  name = \"Bob is not in the finance room\"
  tenant = \"acme\"
  as = \"user:bob@acme.example\"
  tools.listed = [\"echo\"]                 # or not_listed, or only
  datasets.readable = [\"documents\"]       # or not_readable, or only
  rows.documents.not_visible = [\"7\"]      # or visible, or only; of a writable dataset also
                                           # creatable, updatable, deletable, each with not_
  columns.people.hidden = [\"salary\"]      # or visible, or masked
  columns.people.masked_in = { salary = [\"ada\"] }   # in these rows; or visible_in
  # claims = { clearance = 3 }, context = { agent = \"a\", data_room = \"r\" }
  # asserted_by = \"platform\"                # named by that client, proved by nobody, without claims";

const EXPLAIN_CODES: &str = "\
Exit codes: 0 it is allowed (with --row, the row is in scope; with --column, and the column is visible
in it, or in some row); 1 it is not; 2 it could not be said: something is not declared, the token is
not accepted, the policy is refused.";

#[derive(Debug, Args)]
pub(super) struct PolicyTest {
    /// The directory of the policy, if not the configured one
    pub(super) directory: Option<PathBuf>,
    /// The directory of the tests; left out, `tests` in that directory, or where there is none, in the configured one
    #[arg(long, value_name = "DIR")]
    pub(super) tests: Option<PathBuf>,
    /// Write a report in the XML of `JUnit` as well
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = DIFF_HELP)]
pub(super) struct Diff {
    /// The policy to compare with: a directory, or a git revision such as HEAD, HEAD~1 or a tag
    pub(super) old: String,
    /// The other one; left out, the configured directory as it is now
    pub(super) new: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

const DIFF_HELP: &str = "\
Both are asked about every name in the files, each by itself: people, roles, and everybody verified.
What a token claims is not known here. Where a line asks for it, what may differ is said, and the
line. Rows are counted in the configured database where it can be reached.

A revision is that of the configured directory and is read with `git`, which must be installed. A
directory of the same name comes first. Both are read with the declarations of today's configuration.

Exit codes: 0 no difference in effect (order, comments and blanks have none); 1 something differs or
may; 2 it could not be said: a policy is refused, or there is no such directory or revision.";

const FMT_HELP: &str = "\
A file is replaced in one step, with its permissions kept, and only if something moves. A file that
cannot be told apart into lines and fields is left alone, and what is wrong with it is printed.

Exit codes: 0 everything is laid out; 1 a file is not understood, or would change under --check; 2 it
could not be done: a file cannot be read or replaced, or the configuration is refused. What came of
the files before that one is told all the same.";

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The directory of the policy, if not the configured one
    pub(super) directory: Option<PathBuf>,
    #[command(flatten)]
    pub(super) who: ExplainWho,
    /// The client of the platform that names this person (client create --asserts-users), where nobody has proved who it is
    #[arg(long, value_name = "CLIENT", requires = "names", conflicts_with_all = ["claims", "token_file"])]
    pub(super) asserted_by: Option<String>,
    /// The tenant; a token says it itself
    #[arg(long, required_unless_present = "token_file", conflicts_with = "token_file")]
    pub(super) tenant: Option<String>,
    /// The data room of the request
    #[arg(long, value_name = "ROOM")]
    pub(super) data_room: Option<String>,
    /// The agent of the request
    #[arg(long)]
    pub(super) agent: Option<String>,
    #[command(flatten)]
    pub(super) object: ExplainObject,
    /// The key of one row of the dataset, or of the dataset of the tool; parts of a composite key are separated by commas
    #[arg(long, value_name = "KEY", conflicts_with_all = ["resource", "prompt"])]
    pub(super) row: Option<String>,
    /// A column of the dataset, or of the dataset of the tool: whether it is read, or may be changed
    #[arg(long, conflicts_with_all = ["resource", "prompt"])]
    pub(super) column: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct ExplainWho {
    /// A name of the person, such as user:ada@acme.example; may be given several times
    #[arg(long = "as", value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// A JSON file with the attributes that conditions read, by their names there (id, email, the declared claims, …), such
    /// as `{"external_id": "ada@acme.example", "clearance": 3}`; not the claims as a token spells them
    #[arg(long, value_name = "FILE")]
    pub(super) claims: Option<PathBuf>,
    /// A file with a token of the person, or - for standard input; it is verified as the server would
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "claims"])]
    pub(super) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct ExplainObject {
    /// A tool
    #[arg(long)]
    pub(super) tool: Option<String>,
    /// A dataset
    #[arg(long)]
    pub(super) dataset: Option<String>,
    /// An MCP resource
    #[arg(long, value_name = "URI")]
    pub(super) resource: Option<String>,
    /// An MCP prompt
    #[arg(long)]
    pub(super) prompt: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Read a token from standard input and say, check by check, what arrived and what was expected
    ///
    /// Once the signature is good, every claim is checked though one is refused, so that all that is wrong is seen at once;
    /// what stands after `rejected` is the first, which the server would log. Where keys cannot be fetched, the cause is shown.
    Inspect {
        /// A header of the request, as in "X-Tenant-ID: acme"; may be given several times
        #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
        headers: Vec<String>,
    },
    /// Take back a token that this server gave, with every token of the same consent; it is read from standard input
    ///
    /// An access token or a refresh token, be it good or not: what it came of ends, and a running server knows it within a
    /// quarter of a second. The client has to ask the person again. Exit 1 if there is no such token or grant.
    Revoke {
        /// The grant instead, as the audit trail names it; then nothing is read
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        grant: Option<GrantId>,
    },
}
