//! Durations and sizes as people write them: `30s`, `64KB`. A number without a unit is refused, because nobody
//! remembers which one was meant.

use std::time::Duration;

/// What a duration must look like.
pub(super) const DURATION: &str = "a duration such as \"500ms\", \"30s\", \"5m\", \"12h\" or \"90d\"";

/// What a size must look like.
pub(super) const SIZE: &str = "a size such as \"512B\", \"64KB\", \"4MB\" or \"1GB\" (1KB is 1024 bytes)";

/// Reads a whole number and one of the units; `None` where the text is anything else, or too large.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(word, _)| *word == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Reads a duration.
pub(super) fn duration(text: &str) -> Option<Duration> {
    const SECOND: u64 = 1_000;
    const UNITS: &[(&str, u64)] =
        &[("ms", 1), ("s", SECOND), ("m", 60 * SECOND), ("h", 3_600 * SECOND), ("d", 86_400 * SECOND)];
    with_unit(text, UNITS).map(Duration::from_millis)
}

/// Reads a size, in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    with_unit(text, &[("B", 1), ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)])
}

/// Writes a duration as [`duration`] reads it, in the largest unit that needs no fraction.
pub(super) fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")]
        .into_iter()
        .find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit))
        .map_or_else(|| format!("{millis}ms"), |(unit, word)| format!("{}{word}", millis / unit))
}

/// Writes a size as [`size`] reads it, in the largest unit that needs no fraction.
pub(super) fn show_size(bytes: u64) -> String {
    [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .map_or_else(|| format!("{bytes}B"), |(unit, word)| format!("{}{word}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_need_a_number_and_a_known_unit() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("12h"), Some(Duration::from_hours(12)));
        assert_eq!(size("64KB"), Some(65_536));
        for bad in
            ["", "30", "s", "-1s", "1.5h", "30 s", "30S", "1h30m", "99999999999999999999s", "9999999999999999999d"]
        {
            assert_eq!(duration(bad), None, "{bad}");
        }
        for bad in ["", "64", "KB", "64kb", "64 KB", "64KiB", "99999999999999999999GB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_reads_back_as_the_same(millis in 0..u64::from(u32::MAX), bytes in 0..u64::from(u32::MAX)) {
            let shown = show_duration(Duration::from_millis(millis));
            proptest::prop_assert_eq!(duration(&shown), Some(Duration::from_millis(millis)));
            proptest::prop_assert_eq!(size(&show_size(bytes)), Some(bytes));
        }
    }
}
