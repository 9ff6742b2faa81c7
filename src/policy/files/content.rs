//! What a policy file says, to be shown: of a line, a policy keeps where it stands, and its words are found here. A copy of
//! each line would take more than the file.

/// A file as it was read.
#[derive(Debug, Default)]
pub(in crate::policy) struct Content {
    text: String,
    /// The byte at which each line begins; a file is never so large that it does not fit.
    begins: Vec<u32>,
}

impl Content {
    pub(super) fn new(text: String) -> Self {
        let mut begins = Vec::with_capacity(text.bytes().filter(|byte| *byte == b'\n').count());
        let mut begin = 0;
        for line in text.split_inclusive('\n') {
            begins.push(u32::try_from(begin).unwrap_or(u32::MAX));
            begin += line.len();
        }
        Self { text, begins }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A line, from 1, without the line separator and the blanks around it.
    pub(in crate::policy) fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let begin = usize::try_from(*self.begins.get(index)?).ok()?;
        self.text.get(begin..)?.lines().next().map(without_blanks)
    }

    /// How many lines say something.
    pub(in crate::policy) fn said(&self) -> usize {
        self.text.lines().filter(|line| says_something(line)).count()
    }
}

/// A line without what it does not matter whether it is there.
pub(super) fn without_blanks(line: &str) -> &str {
    line.trim_matches(' ')
}

/// Whether a line is neither blank nor a comment.
pub(super) fn says_something(line: &str) -> bool {
    let line = without_blanks(line);
    !line.is_empty() && !line.starts_with('#')
}
