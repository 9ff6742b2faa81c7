//! What to say where nothing was found because a name occurs in no decision: an empty table looks the same whether nobody did
//! it or whether it was spelled wrong.

use crate::cli::config::visible;
use crate::model::nearest;
use crate::store::audit::{AuditError, AuditReader, Filter, Named};

/// How many of the recorded names are shown.
const SHOWN: usize = 8;

/// One sentence for each name of a filter that no decision has.
pub(super) async fn told(reader: &AuditReader, filter: &Filter) -> Result<Vec<String>, AuditError> {
    let asked = [
        (Named::Person, "--who", &filter.who),
        (Named::Tenant, "--tenant", &filter.tenant),
        (Named::Object, "--object", &filter.object),
        (Named::Tool, "--tool", &filter.tool),
    ];
    let mut told = Vec::new();
    for (named, option, name) in asked {
        let Some(name) = name else { continue };
        let known = reader.named(named).await?;
        if !known.contains(name) {
            told.push(format!("no decision is recorded with {option} `{}`; {}", visible(name), instead(name, &known)));
        }
    }
    Ok(told)
}

/// The recorded name that was probably meant, else some of those there are. Clients chose some of them.
fn instead(name: &str, known: &[String]) -> String {
    if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
        return format!("did you mean `{}`?", visible(near));
    }
    let shown: Vec<_> = known.iter().take(SHOWN).map(|name| format!("`{}`", visible(name))).collect();
    match known.len().saturating_sub(SHOWN) {
        _ if shown.is_empty() => "none is recorded that has one".to_owned(),
        0 => format!("there are {}", shown.join(", ")),
        more => format!("there are {} and {more} more", shown.join(", ")),
    }
}
