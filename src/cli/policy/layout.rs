//! What fits into a terminal.

/// How wide a terminal is taken to be, in characters.
pub(super) const WIDTH: usize = 100;

/// The text in lines of so many characters, broken at blanks; a word that is longer has a line of its own.
pub(in crate::cli) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}
