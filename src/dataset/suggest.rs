//! The name that somebody probably meant.

/// The candidate nearest to what was found, if one is near enough to be a slip.
pub(super) fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const NEAR: f64 = 0.8;
    candidates
        .into_iter()
        .map(|candidate| {
            let likeness = strsim::jaro_winkler(&found.to_lowercase(), &candidate.to_lowercase());
            (likeness, candidate)
        })
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?` where something is near, else nothing.
pub(super) fn did_you_mean<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(found, candidates).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
