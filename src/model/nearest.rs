//! The word that was probably meant.

/// Finds the known word that `word` most resembles, if any resembles it enough to be suggested.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let other = candidate.chars().count();
            *distance < length.max(other) && *distance <= 1 + length.min(other) / 4
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The end of a message about an unknown word: `; did you mean …?`, or nothing.
pub fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["port", "address", "public_url", "audience"];
        assert_eq!(nearest("prot", known), Some("port"));
        assert_eq!(nearest("audiences", known), Some("audience"));
        assert_eq!(nearest("Public_URL", known), Some("public_url"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", ["a", "b"]), None);
    }
}
