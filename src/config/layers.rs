//! The five layers of a configuration, and the one document that they come to.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use super::document::{Guide, Kind, Node, Place, Table, Variable, Variables, parse, read_dotenv};
use super::origin::Origin;
use super::problem::{BadSetting, Problem};
use super::reading::Reading;
use super::{DEFAULTS, Overrides, preset, server};

/// The layers, read and not yet laid over each other.
pub(super) struct Layers {
    defaults: Table,
    file: Table,
    dotenv: Variables,
    environment: Variables,
}

/// The documentation with every example in force: it says which settings there are.
pub(super) fn documented() -> String {
    let bare = |line: &str| {
        line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with([' ', '#'])).map(str::to_owned)
    };
    DEFAULTS.lines().map(|line| bare(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

impl Layers {
    /// Reads the files. `shown` is the configuration file as a person knows it; it must be there if it was `named`.
    pub(super) fn read(
        shown: &Path,
        path: &Path,
        named: bool,
        environment: Vec<(OsString, OsString)>,
        reading: &Reading,
    ) -> Result<Self, Vec<Problem>> {
        let name = shown.display().to_string();
        let origin = Origin::File(name.as_str().into());
        let defaults = parse(DEFAULTS, &|_| Origin::Default)?;
        let known = parse(&documented(), &|_| Origin::Default)?;

        let mut problems = Vec::new();
        let file = match std::fs::read_to_string(path) {
            Ok(text) => match parse(&text, &|line| Origin::Line { file: name.as_str().into(), line }) {
                Ok(table) => Some(table),
                Err(bad) => {
                    problems.extend(bad);
                    None
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound && !named => None,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                problems.push(Problem { origin: origin.clone(), what: BadSetting::NoFile });
                None
            }
            Err(source) => {
                let what = BadSetting::Read { path: shown.to_owned(), source };
                problems.push(Problem { origin: origin.clone(), what });
                None
            }
        };
        let dotenv = dotenv(shown, reading, &mut problems);
        let environment = process(environment, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let dotenv = Variables::read(dotenv, Place::Dotenv, &known, reading);
        let environment = Variables::read(environment, Place::Process, &known, reading);
        if file.is_none() && dotenv.is_empty() && environment.is_empty() && !reading.has_problems() {
            return Err(vec![Problem { origin, what: BadSetting::NoFile }]);
        }
        Ok(Self { defaults, file: file.unwrap_or_default(), dotenv, environment })
    }

    /// Lays them over each other, the command line on top, and fills in the presets.
    pub(super) fn flatten(self, overrides: Overrides, reading: &Reading) -> Result<Table, Vec<Problem>> {
        let mut document = self.defaults;
        document.overlay(self.file);
        let mut guide = Guide::default();
        for variables in [self.dotenv, self.environment] {
            document.overlay(variables.settings);
            guide.overlay(variables.guide);
        }
        let options = [
            ("server", "address", "--address", overrides.address),
            ("server", "port", "--port", overrides.port),
            ("log", "level", "--log-level", overrides.log_level),
            ("log", "format", "--log-format", overrides.log_format),
        ];
        for (section, key, option, value) in options {
            if let Some(value) = value {
                let mut layer = Table::default();
                let node = Node { origin: Origin::CommandLine(option), kind: Kind::Variable(value) };
                layer.insert(section.to_owned(), key.to_owned(), node);
                document.overlay(layer);
            }
        }
        let loopback = server::is_loopback(&document);
        guide.complete(&mut document, loopback, reading);
        preset::apply(&mut document)?;
        Ok(document)
    }
}

/// Reads the `.env` beside the configuration file, if there is one.
fn dotenv(shown: &Path, reading: &Reading, problems: &mut Vec<Problem>) -> Vec<Variable> {
    let name = shown.with_file_name(".env").display().to_string();
    match std::fs::read_to_string(reading.base().join(".env")) {
        Ok(text) => read_dotenv(&text, &name).unwrap_or_else(|bad| {
            problems.extend(bad);
            Vec::new()
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(source) => {
            let what = BadSetting::Read { path: name.clone().into(), source };
            problems.push(Problem { origin: Origin::File(name.into()), what });
            Vec::new()
        }
    }
}

/// The process's variables; one of ours that is not text is refused.
fn process(environment: Vec<(OsString, OsString)>, problems: &mut Vec<Problem>) -> Vec<Variable> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let Ok(name) = name.into_string() else { continue };
        let origin = Origin::Environment(name.as_str().into());
        match value.into_string() {
            Ok(value) => variables.push(Variable { name, value, origin }),
            Err(_) if Variables::is_ours(&name) => {
                problems.push(Problem { origin, what: BadSetting::NotUtf8 });
            }
            Err(_) => {}
        }
    }
    variables
}
