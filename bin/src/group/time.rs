//! Dates and spans of time as ISO 8601 writes them, and as Kafka's tools take them.

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970 of `2026-11-29T08:30`, with `:SS` and `.fff` if wanted, and `Z` or an
/// offset such as `+01:00`; without one it is UTC.
pub(super) fn datetime(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let year = digits(date.next()?, 4)?;
    let month = digits(date.next()?, 2)?;
    let day = digits(date.next()?, 2)?;
    let (time, zone_ms) = match time.find(['Z', '+', '-']) {
        None => (time, 0),
        Some(at) => (&time[..at], zone(&time[at..])?),
    };
    let mut time = time.splitn(3, ':');
    let hour = digits(time.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(time.next()?, 2).filter(|minute| *minute < 60)?;
    let second_ms = match time.next() {
        None => 0,
        Some(second) => {
            let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
            digits(whole, 2).filter(|second| *second < 60)? * 1000 + thousandths(fraction)?
        }
    };
    let days = days_since_1970(year, month, day)?;
    Some(days * DAY_MS + (hour * 60 + minute) * 60_000 + second_ms - zone_ms)
}

/// Milliseconds of a span such as `P1DT2H30M` or `PT0.5S`.
pub(super) fn span(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        None => (rest, None),
        Some((days, time)) => (days, Some(time)),
    };
    let mut total: i64 = 0;
    if !days.is_empty() {
        total = number(days.strip_suffix('D')?)?.checked_mul(DAY_MS)?;
    }
    let Some(mut rest) = time else { return Some(total).filter(|_| !days.is_empty()) };
    if rest.is_empty() {
        return None;
    }
    for (unit, unit_ms) in [('H', 3_600_000), ('M', 60_000)] {
        if let Some((count, behind)) = rest.split_once(unit) {
            total = total.checked_add(number(count)?.checked_mul(unit_ms)?)?;
            rest = behind;
        }
    }
    if rest.is_empty() {
        return Some(total);
    }
    let seconds = rest.strip_suffix('S')?;
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    total.checked_add(number(whole)?.checked_mul(1000)?)?.checked_add(thousandths(fraction)?)
}

fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn digits(text: &str, count: usize) -> Option<i64> {
    number(text).filter(|_| text.len() == count)
}

/// A fraction of a second, down to milliseconds.
fn thousandths(fraction: &str) -> Option<i64> {
    let value = number(fraction).filter(|_| fraction.len() <= 3)?;
    Some(value * [1000, 100, 10, 1][fraction.len()])
}

fn zone(text: &str) -> Option<i64> {
    let (sign, text) = match text.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = text.split_once(':')?;
    let hours = digits(hours, 2).filter(|hours| *hours <= 18)?;
    let minutes = digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some(sign * (hours * 60 + minutes) * 60_000)
}

/// Days of the Gregorian calendar, from 1970 on.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if is_leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let place = usize::try_from(month - 1).ok()?;
    if year < 1970 || !(1..=*months.get(place)?).contains(&day) {
        return None;
    }
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let of_years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    Some(of_years + months[..place].iter().sum::<i64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_utc_unless_it_says_otherwise() {
        for (text, expected) in [
            ("1970-01-01T00:00", 0),
            ("2000-02-29T12:00:00", 951_825_600_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
            ("2023-11-14T22:13:20.5", 1_700_000_000_500),
            ("2023-11-14T23:13:20.007+01:00", 1_700_000_000_007),
            ("2023-11-14T16:43:20-05:30", 1_700_000_000_000),
            ("2100-03-01T00:00", 4_107_542_400_000),
        ] {
            assert_eq!(datetime(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "2023-11-14",
            "2023-11-14T",
            "2023-11-14T22",
            "2023-11-31T00:00",
            "2100-02-29T00:00",
            "2023-13-01T00:00",
            "2023-00-01T00:00",
            "1969-12-31T00:00",
            "2023-11-14T24:00",
            "2023-11-14T22:60",
            "2023-11-14T22:13:60",
            "2023-11-14T22:13:20.",
            "2023-11-14T22:13:20.0001",
            "2023-11-14T22:13:20X",
            "2023-11-14T22:13:20Zx",
            "2023-11-14T22:13:20+1",
            "23-11-14T22:13",
            "2023-+1-14T22:13",
        ] {
            assert_eq!(datetime(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_is_days_hours_minutes_and_seconds() {
        for (text, expected) in [
            ("P1D", 86_400_000),
            ("PT0S", 0),
            ("PT90M", 5_400_000),
            ("PT0.5S", 500),
            ("P1DT2H3M4.05S", 93_784_050),
        ] {
            assert_eq!(span(text), Some(expected), "{text}");
        }
        for text in ["", "P", "PT", "P1", "1D", "P1H", "PT1D", "PT1M1H", "PT-1S", "PT1S1", "PTS"] {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!(span("P99999999999999D"), None, "it is bounded");
    }
}
