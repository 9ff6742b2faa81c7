//! Values by name, many names with few values each: a list for each name would take more than what stands in it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Values by name, each once, in order.
#[derive(Debug)]
pub(super) struct ByName<T> {
    ranges: HashMap<Arc<str>, Range<usize>>,
    values: Vec<T>,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self { ranges: HashMap::new(), values: Vec::new() }
    }
}

impl<T: Ord> FromIterator<(Arc<str>, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, T)>>(pairs: I) -> Self {
        let mut pairs = Vec::from_iter(pairs);
        pairs.sort_unstable();
        pairs.dedup();
        let mut by_name = Self { ranges: HashMap::new(), values: Vec::with_capacity(pairs.len()) };
        for (name, value) in pairs {
            let start = by_name.values.len();
            by_name.values.push(value);
            by_name.ranges.entry(name).or_insert(start..start).end = start + 1;
        }
        by_name
    }
}

impl<T> ByName<T> {
    /// The values of a name.
    pub(super) fn get(&self, name: &str) -> &[T] {
        self.ranges.get(name).map_or(&[], |range| self.of(range))
    }

    fn of(&self, range: &Range<usize>) -> &[T] {
        self.values.get(range.clone()).unwrap_or_default()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.ranges.contains_key(name)
    }

    /// Every name, in no order.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.ranges.keys()
    }

    /// Every value, by the order of the names.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    /// Every name with its values, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &[T])> {
        self.ranges.iter().map(|(name, range)| (name, self.of(range)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_own_values_each_once() {
        let pairs = [("b", 2), ("a", 3), ("b", 1), ("a", 3)].map(|(name, value)| (name.into(), value));
        let by_name = ByName::from_iter(pairs);
        assert_eq!((by_name.get("a"), by_name.get("b"), by_name.get("c")), (&[3][..], &[1, 2][..], &[][..]));
        assert!(by_name.contains("a") && !by_name.contains("c"));
        assert_eq!(by_name.values(), [3, 1, 2]);
        let mut all: Vec<_> = by_name.iter().map(|(name, values)| (&**name, values)).collect();
        all.sort_unstable();
        assert_eq!(all, [("a", &[3][..]), ("b", &[1, 2][..])]);
    }
}
